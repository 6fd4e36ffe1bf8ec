"""What is known of phones from what they last said: how long they are silent, what they run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, false, func, or_

from provisioning.firmware import NOTHING, Advice, advice
from provisioning.registry import registry
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Phone

ADVICE = ("vulnerable", "outdated")


@dataclass(frozen=True, slots=True)
class Installed:
    """So many phones of a model run this firmware; "" when they did not say."""

    model: str
    firmware: str
    count: int
    advice: Advice


def silent_days() -> int:
    config: Config = current_app.extensions["belldesk"]
    return config.silent_days


def silent_since() -> datetime:
    """Phones that took nothing since then are called silent."""
    return utcnow() - timedelta(days=silent_days())


def silent_for(phone: Phone) -> int:
    """For how many days it has asked for nothing, 0 while that is not long."""
    if phone.fetched_at is None or phone.fetched_at >= silent_since():
        return 0
    return (utcnow() - phone.fetched_at).days


def installed(phones: Select[Any]) -> list[Installed]:
    """The firmwares of these phones, the ones to look at first."""
    query = phones.with_only_columns(Phone.model, Phone.firmware, func.count())
    rows = db.session.execute(query.group_by(Phone.model, Phone.firmware).order_by(None)).all()
    found = [Installed(row[0], row[1] or "", row[2], judged(row[0], row[1])) for row in rows]
    return sorted(found, key=urgency)


def urgency(row: Installed) -> tuple[int, int, str, str]:
    order = (*ADVICE, "")
    return order.index(row.advice.word), -row.count, row.model, row.firmware


def judged(model: str, firmware: str | None) -> Advice:
    found = registry().models.get(model)
    return advice(found, firmware) if found and firmware else NOTHING


def advice_of(phone: Phone) -> Advice:
    return judged(phone.model, phone.firmware)


def is_advised(word: str, phones: Select[Any]) -> ColumnElement[bool]:
    """Phones whose firmware is vulnerable or outdated: a condition over what is installed."""
    pairs = [
        and_(Phone.model == row.model, Phone.firmware == row.firmware)
        for row in installed(phones)
        if (row.advice.flaws if word == "vulnerable" else row.advice.outdated)
    ]
    return or_(false(), *pairs)
