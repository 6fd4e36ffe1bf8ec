"""What a person sets on a phone's page besides its form: its window, and where it is told to be."""

from collections.abc import Mapping
from typing import Any

from flask import abort
from flask_babel import gettext as _

from webapp.access import may
from webapp.api import reading
from webapp.api.bearer import need_fresh
from webapp.api.errors import ApiError
from webapp.config import MOST_ARMED_HOURS
from webapp.i18n import said
from webapp.jobs import targets
from webapp.models import Phone
from webapp.phones import door_services

FIELDS = ("armed_hours", "typed_address")


def write(phone: Phone, sent: Mapping[str, Any]) -> None:
    """The phone is flushed. The caller commits."""
    if "typed_address" in sent:
        write_address(phone, reading.text(sent, "typed_address").strip())
    if "armed_hours" in sent:
        write_window(phone, hours_of(sent["armed_hours"]))


def write_address(phone: Phone, typed: str) -> None:
    """Whoever is at that address is shown the phone's passwords: its page asks for the password,
    and for the right to see them."""
    if typed == (phone.address or ""):
        return
    if not may("phones.reveal"):
        abort(403)
    need_fresh()
    try:
        phone.address = targets.free_address(phone, typed) if typed else None
    except targets.AddressError as error:
        raise ApiError(422, said(error), field="typed_address") from error


def write_window(phone: Phone, hours: int) -> None:
    meant = Phone.with_mac(phone.mac)
    if hours:
        door_services.arm(meant, hours)
    else:
        door_services.close(meant)


def hours_of(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiError(422, _("A whole number is needed"), field="armed_hours")
    if not 0 <= value <= MOST_ARMED_HOURS:
        words = _("From 0 (closed) to %(max)s hours", max=MOST_ARMED_HOURS)
        raise ApiError(422, words, field="armed_hours")
    return value
