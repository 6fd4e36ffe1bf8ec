"""What the clues of an unknown phone make of it, and how we know."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext as _

from provisioning.identify import identify
from provisioning.mac import format_mac
from provisioning.registry import Model, registry
from webapp.models import Stray


@dataclass(frozen=True, slots=True)
class Guess:
    """`model` is None when nothing named it; `reasons` are sentences for people."""

    vendor: str
    model: Model | None
    reasons: tuple[str, ...]


def guess(stray: Stray) -> Guess:
    vendor = registry().vendors.get(stray.vendor)
    model = registry().models.get(stray.model)
    return Guess(vendor.name if vendor else "", model, tuple(reasons(stray)))


def reasons(stray: Stray) -> Iterator[str]:
    maker = registry().vendor_of(stray.mac)
    if maker:
        yield _(
            "MAC address: %(prefix)s is %(vendor)s",
            prefix=format_mac(stray.mac)[:8],
            vendor=maker.name,
        )
    else:
        yield _("MAC address: of no vendor we know")
    said = identify("", stray.user_agent)
    if stray.user_agent and said.model:
        yield _("User-Agent: names the model")
    elif stray.user_agent and said.vendor:
        yield _("User-Agent: names the vendor only")
    elif stray.user_agent:
        yield _("User-Agent: not understood")
    elif stray.transport == "tftp":
        yield _("TFTP: says nothing but the file's name")
    if stray.file and stray.mac == identify(stray.file, "").mac:
        yield _("File name: carries the MAC address")
