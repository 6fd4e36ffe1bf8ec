"""One indexed read per request, on DB-API connections of the door's own."""

from typing import Any

from provisioning.answer import Stored
from webapp.bulk import stored_time
from webapp.doors.questions import (
    Question,
    bans_statement,
    bootstrap_statement,
    passwords_statement,
    phone_statement,
    schemes_statement,
)
from webapp.doors.reader import Reader
from webapp.extensions import utcnow

TIMES = [Stored._fields.index(name) for name in Stored._fields if name.endswith("_until")]
REVISION = Stored._fields.index("revision_id")


class StoredPhones(Reader):
    """provisioning.answer.Lookup on the database, without ORM, pool checks or transaction."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        dialect = self._engine.dialect
        self._phone = Question(phone_statement(""), dialect)
        self._bootstrap = Question(bootstrap_statement(0), dialect)
        self._bans = Question(bans_statement(utcnow()), dialect)
        self._passwords = Question(passwords_statement(0), dialect)
        self._schemes = Question(schemes_statement(""), dialect)
        self._stored_time = stored_time(dialect)
        self._somebody = ""

    def by_mac(self, mac: str) -> Stored | None:
        """Read what is known of a phone; raise UnavailableError if the database does not answer."""
        row = self._ask(self._phone, mac)
        if row is None:
            return None
        self._somebody = mac
        return self._stored(row)

    def with_bootstrap(self, stored: Stored) -> Stored | None:
        """Put the phone's bootstrap in the place of its file; None if it has none yet."""
        row = self._ask(self._bootstrap, stored.phone_id)
        if row is None:
            return None
        sha256, size, content_type, body = row
        return stored._replace(
            revision_id=None, sha256=sha256, size=size, content_type=content_type, body=body
        )

    def even_out(self, stored: Stored | None) -> None:
        """Before a refusal: read what was not read, a phone that is there or one that is not.

        Who measures the time of refusals would else learn which phones there are.
        """
        self._ask(self._phone, "" if stored else self._somebody)

    def banned(self) -> frozenset[str]:
        rows = self._ask(self._bans, self._stored_time(utcnow()), all_rows=True)
        return frozenset(row[0] for row in rows)

    def passwords(self, phone_id: int) -> list[bytes]:
        """The sealed passwords that a phone may give now."""
        row = self._ask(self._passwords, phone_id)
        if row is None or row[0] is None:
            return []
        overlaps = row[1] is not None and row[2] is not None and self._time(row[2]) > utcnow()
        return [bytes(sealed) for sealed in (row[:2] if overlaps else row[:1])]

    def schemes(self) -> dict[str, str]:
        """How sites ask for a password, by the digests of the keys that open them now."""
        found = {}
        for present, previous, until, scheme in self._ask(self._schemes, "none", all_rows=True):
            found[present] = scheme
            if previous and until is not None and self._time(until) > utcnow():
                found[previous] = scheme
        return found

    def _stored(self, row: Any) -> Stored:
        values = list(row)
        for at in TIMES:
            if values[at] is not None:
                values[at] = self._time(values[at])
        if values[REVISION] is None:
            return Stored(*values[:REVISION])
        return Stored._make(values)
