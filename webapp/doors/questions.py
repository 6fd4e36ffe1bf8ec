"""What the phones' doors ask the database, each question compiled once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, LargeBinary, literal_column, select, type_coerce

from webapp.models import Ban, Bootstrap, Phone, Revision, Site


def phone_statement(mac: object) -> Any:
    return (
        select(
            Phone.id,
            Phone.site_id,
            Phone.mac,
            Phone.model,
            Site.key_digest,
            Site.previous_digest,
            Site.previous_until,
            Site.networks,
            Site.policy,
            Site.door_auth,
            Site.certificate_required,
            Phone.key_digest,
            Phone.previous_key_digest,
            Phone.previous_key_until,
            Phone.armed_until,
            Phone.pinned_network,
            Revision.id,
            Revision.sha256,
            Revision.size,
            Revision.content_type,
            type_coerce(Revision.body, LargeBinary),
        )
        .join_from(Phone, Site, Site.id == Phone.site_id)
        .join(Revision, Revision.id == Phone.revision_id, isouter=True)
        .where(Phone.mac == mac)
    )


def bootstrap_statement(phone_id: object) -> Any:
    return select(
        Bootstrap.sha256,
        Bootstrap.size,
        Bootstrap.content_type,
        type_coerce(Bootstrap.body, LargeBinary),
    ).where(Bootstrap.phone_id == phone_id)


def bans_statement(now: datetime) -> Any:
    return select(Ban.source).where(Ban.until > now)


def passwords_statement(phone_id: object) -> Any:
    return select(
        type_coerce(Phone.door_password, LargeBinary),
        type_coerce(Phone.previous_door_password, LargeBinary),
        Phone.previous_door_password_until,
    ).where(Phone.id == phone_id)


def schemes_statement(none: str) -> Any:
    """Sites that ask for a password; at a `strict` one only phones' own keys lead to a file."""
    columns = (Site.key_digest, Site.previous_digest, Site.previous_until, Site.door_auth)
    return select(*columns).where(Site.door_auth != none, Site.policy != literal_column("'strict'"))


class Question:
    """A statement of one parameter, compiled once."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._name = next(iter(compiled.params))
        self._positional = compiled.positional

    def values(self, value: object) -> Any:
        return (value,) if self._positional else {self._name: value}
