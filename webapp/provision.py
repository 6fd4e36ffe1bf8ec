"""From stored phones to revisions: settings in force, render, store. Below all features.

Made for many phones at once: whatever phones share is read once (`Settings`), whatever they do not
comes with them, and revisions go in by one bulk insert.
"""

import hashlib
import re
import secrets
import string
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Dialect, Table, func, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value

from provisioning import model as domain
from provisioning.errors import N_, ProvisioningError
from provisioning.registry import registry
from provisioning.render import Rendered, render
from provisioning.settings import Effective, Layer, effective_server, resolve
from webapp import bootstraps
from webapp.bulk import Bulk, stored_time
from webapp.door_keys import door_address as door_address
from webapp.door_keys import give_what_is_missing, window
from webapp.door_keys import own_url as own_url
from webapp.door_keys import site_url as site_url
from webapp.extensions import db, utcnow
from webapp.function_keys import KeysInForce
from webapp.models import Phone, Revision, SettingValue, SipServer
from webapp.models.site import fresh_key
from webapp.secretbox import box

OTHER_KEY = N_("The phone got another key in this very moment: provision it again")

# Whole tables by their Core names: the mapper would cost more than the database.
PHONES, REVISIONS = cast("Table", Phone.__table__), cast("Table", Revision.__table__)
FIELDS = (
    *("phone_id", "number", "sha256", "body", "size", "content_type", "model"),
    *("template_version", "run_id", "origin", "created_at"),
)
ALPHABET = string.ascii_letters + string.digits
KEY_IN_ADDRESS = re.compile(rb"(?<=/p/)[\w-]{32}(?![\w-])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one phone: `word` is new, unchanged or failed (then `message` says why)."""

    phone_id: int
    word: str
    revision_id: int | None = None
    message: str = ""
    params: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """What phones share for which the same people chose the same: made once for all of them."""

    effective: dict[str, Effective]
    values: dict[str, domain.Value]
    servers: dict[SipServer, domain.SipServer]

    def server(self, chosen: SipServer) -> domain.SipServer:
        found = self.servers.get(chosen)
        if found is None:
            found = self.servers[chosen] = server_of(chosen, self.values)
        return found


class Settings:
    """What people chose, read once for any number of phones.

    Order: built-in < vendor < model < everywhere < vendor < model < company < site < profile <
    phone, where the first vendor and model are our data, the second what people typed for them.
    """

    def __init__(self, phone_ids: Sequence[int] = ()) -> None:
        wide = SettingValue.scope != "phone"
        own = SettingValue.target.in_([str(number) for number in phone_ids])
        self.values: dict[tuple[str, str], dict[str, str]] = {}
        for row in db.session.scalars(select(SettingValue).where(wide | own)):
            self.values.setdefault((row.scope, row.target), {})[row.key] = row.value
        self.shared: dict[tuple[object, ...], InForce] = {}
        self.door = door_address()
        self.keys = KeysInForce(phone_ids)

    def of(self, phone: Phone) -> dict[str, Effective]:
        return self.in_force(phone).effective

    def in_force(self, phone: Phone) -> InForce:
        if ("phone", str(phone.id)) in self.values:
            return self.resolved(phone)
        key = (phone.model, phone.site_id, phone.profile_id)
        found = self.shared.get(key)
        if found is None:
            found = self.shared[key] = self.resolved(phone)
        return found

    def resolved(self, phone: Phone) -> InForce:
        effective = resolve(self.layers(phone))
        values = {key: one.value for key, one in effective.items()}
        if phone.site.policy == "strict":  # there its site's key gives it no file of its own
            values["provisioning.mode"] = "server"
        return InForce(effective, values, {})

    def layers(self, phone: Phone) -> list[Layer]:
        found = registry().model(phone.model)
        chosen = (
            ("everywhere", ""),
            ("vendor", found.vendor.key),
            ("model", phone.model),
            ("company", str(phone.site.company_id)),
            ("site", str(phone.site_id)),
            ("profile", str(phone.profile_id or "")),
            ("phone", str(phone.id)),
        )
        typed = [Layer(scope, self.values.get((scope, target), {})) for scope, target in chosen]
        return [*found.layers(), *typed]


def server_of(chosen: SipServer, settings: dict[str, domain.Value]) -> domain.SipServer:
    names = ("port", "transport", "expires", "proxy_host", "proxy_port")
    return effective_server(chosen.host, {name: getattr(chosen, name) for name in names}, settings)


def provisioned(phone: Phone, settings: Settings) -> domain.Phone:
    """The stored phone as the renderer wants it."""
    shared = settings.in_force(phone)
    return domain.Phone(
        mac=phone.mac,
        model=phone.model,
        lines=tuple(
            domain.Line(
                number=line.number,
                user=line.user,
                password=line.password,
                auth_user=line.auth_user or line.user,
                display_name=line.display_name or line.user,
                label=line.label,
                server=shared.server(line.sip_server),
            )
            for line in phone.lines
        ),
        settings=shared.values,
        secrets=domain.Secrets(phone.admin_password, phone.user_password, phone.menu_pin),
        url=own_url(phone, settings.door),
        login=login_of(phone),
        keys=settings.keys.of(phone, str(shared.values["voicemail.number"])),
    )


def login_of(phone: Phone) -> domain.Login | None:
    if phone.site.door_auth == "none" or phone.door_password is None:
        return None
    return domain.Login(phone.door_user, phone.door_password)


def revise(
    phones: Sequence[Phone], *, run_id: int | None = None, origin: str = ""
) -> list[Outcome]:
    """Render the phones and store what changed as their newest revisions. The caller commits.

    A phone whose file cannot be made fails with words and leaves the others alone; one that was
    deleted meanwhile has no outcome.
    """
    give_what_is_missing(phones)
    settings = Settings([phone.id for phone in phones])
    outcomes: list[Outcome] = []
    changed: list[tuple[Phone, Rendered, str]] = []
    for phone in phones:
        try:
            file = render(provisioned(phone, settings))
        except ProvisioningError as error:
            outcomes.append(Outcome(phone.id, "failed", None, error.message, error.params))
            continue
        sha256 = hashlib.sha256(file.body).hexdigest()
        if sha256 == phone.revision_sha256:
            outcomes.append(Outcome(phone.id, "unchanged", phone.revision_id))
        else:
            changed.append((phone, file, sha256))
    failed = {outcome.phone_id for outcome in outcomes if outcome.word == "failed"}
    strict = [x for x in phones if x.site.policy == "strict" and x.id not in failed]
    held = lock({phone.id for phone, _, _ in changed} | {phone.id for phone in strict})
    bootstraps.keep([phone for phone in strict if has_its_key(phone, held)])
    return outcomes + store(changed, held, run_id, origin)


def store(
    changed: Sequence[tuple[Phone, Rendered, str]],
    held: dict[int, "Held"],
    run_id: int | None,
    origin: str,
) -> list[Outcome]:
    """Store the files that are still new, now that their phones are held."""
    same, new = [], []
    for phone, file, sha256 in changed:
        now = held.get(phone.id)
        if now is None:
            continue
        if not has_its_key(phone, held):
            same.append(Outcome(phone.id, "failed", None, OTHER_KEY))
        elif now.sha256 != sha256:
            new.append((phone, file, sha256))
        else:
            same.append(Outcome(phone.id, "unchanged", now.revision_id))
    if not new:
        return same
    add_revisions(new, run_id, origin)
    ids = newest_ids([phone.id for phone, _, _ in new])
    point_at([(phone, ids[phone.id], sha256) for phone, _, sha256 in new])
    return same + [Outcome(phone.id, "new", ids[phone.id]) for phone, _, _ in new]


def add_revisions(
    new: Sequence[tuple[Phone, Rendered, str]], run_id: int | None, origin: str
) -> None:
    numbers = last_numbers([phone.id for phone, _, _ in new])
    connection = db.session.connection()
    every = {"run_id": run_id, "origin": origin}
    every["created_at"] = stored_time(connection.dialect)(utcnow())
    pack = box().pack
    rows = [
        {
            "phone_id": phone.id,
            "number": numbers.get(phone.id, 0) + 1,
            "sha256": sha256,
            "body": pack(file.body),
            "size": len(file.body),
            "content_type": file.content_type,
            "model": phone.model,
            "template_version": file.version,
            **every,
        }
        for phone, file, sha256 in new
    ]
    bulk(connection.dialect).run(connection, rows)


@lru_cache(maxsize=4)
def bulk(dialect: Dialect) -> Bulk:
    return Bulk(insert(REVISIONS).inline(), dialect, FIELDS)


class Held(NamedTuple):
    """What decides whether a rendered file is still the right one."""

    revision_id: int | None
    sha256: str | None
    key_digest: str | None


def has_its_key(phone: Phone, held: dict[int, Held]) -> bool:
    return phone.id in held and held[phone.id].key_digest == phone.key_digest


def lock(phone_ids: set[int]) -> dict[int, Held]:
    """Hold the phones until the commit and read again what they have.

    Without it two runs that rendered the same phone at once would both store the same file, and one
    that began before a new key would store the old one as the newest.
    """
    if not phone_ids:
        return {}
    if db.engine.dialect.name == "sqlite":  # no row locks: any write statement takes the file's
        db.session.execute(update(PHONES).where(PHONES.c.id == 0).values(label=PHONES.c.label))
    columns = PHONES.c.revision_id, PHONES.c.revision_sha256, PHONES.c.key_digest
    query = select(PHONES.c.id, *columns).where(PHONES.c.id.in_(phone_ids))
    query = query.order_by(PHONES.c.id).with_for_update()
    return {row[0]: Held(*row[1:]) for row in db.session.execute(query)}


def last_numbers(phone_ids: Iterable[int]) -> dict[int, int]:
    return greatest(REVISIONS.c.number, phone_ids)


def newest_ids(phone_ids: Iterable[int]) -> dict[int, int]:
    """The ids of what was just stored; the phones are held, so nobody can have stored since."""
    return greatest(REVISIONS.c.id, phone_ids)


def greatest(column: ColumnElement[int], phone_ids: Iterable[int]) -> dict[int, int]:
    """The greatest value of a column among the revisions of each phone that has any."""
    owner = REVISIONS.c.phone_id
    query = select(owner, func.max(column)).where(owner.in_(list(phone_ids))).group_by(owner)
    return {row[0]: row[1] for row in db.session.execute(query)}


def point_at(made: Sequence[tuple[Phone, int, str]]) -> None:
    """Make these revisions (phone, id, hash) the newest ones of their phones, in one statement."""
    now = utcnow()
    statement = update(PHONES).where(
        PHONES.c.id == REVISIONS.c.phone_id, REVISIONS.c.id.in_([number for _, number, _ in made])
    )
    values = {"revision_id": REVISIONS.c.id, "revision_sha256": REVISIONS.c.sha256}
    db.session.execute(statement.values(**values, revised_at=now))
    for phone, number, sha256 in made:
        set_committed_value(phone, "revision_id", number)
        set_committed_value(phone, "revision_sha256", sha256)
        set_committed_value(phone, "revised_at", now)


def roll_back(phone: Phone, older: Revision) -> Revision:
    """Make an older revision's body the newest again, under a new number. The caller commits.

    But for the key in its address: the phone would come back with one that opens nothing any more.
    """
    if older.phone_id != phone.id:
        raise ProvisioningError(N_("This revision belongs to another phone"))
    if not knows_the_door(phone, older):
        raise ProvisioningError(N_("This file holds no password for the door that still works"))
    number = last_numbers([phone.id])[phone.id] + 1
    present = (phone.key or "").encode()
    body = KEY_IN_ADDRESS.sub(present, older.body) if present else older.body
    again = Revision(
        phone_id=phone.id,
        number=number,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        size=len(body),
        content_type=older.content_type,
        model=older.model,
        template_version=older.template_version,
        origin=f"revision {older.number}",
    )
    db.session.add(again)
    db.session.flush()
    phone.revision_id, phone.revision_sha256, phone.revised_at = again.id, again.sha256, utcnow()
    return again


def knows_the_door(phone: Phone, older: Revision) -> bool:
    """Whether a phone with this file could come back where its site asks for a password."""
    login, model = login_of(phone), registry().models.get(older.model)
    if login is None or model is None or not model.takes_a_login:
        return True
    return login.password.encode() in older.body


def new_password() -> str:
    """Letters and digits only, which is all some Fanvil models take; some of each kind of them,
    which is what Cisco's MPP phones ask for."""
    while True:
        text = "".join(secrets.choice(ALPHABET) for _ in range(16))
        if any(map(str.islower, text)) and any(map(str.isupper, text)) and not text.isalpha():
            return text


def new_secrets() -> dict[str, Any]:
    """What every phone gets when it is made: passwords and a key of its own, and its window."""
    key, digest = fresh_key()
    return {
        "admin_password": new_password(),
        "user_password": new_password(),
        "menu_pin": "".join(secrets.choice(string.digits) for _ in range(6)),
        "key": key,
        "key_digest": digest,
        "armed_until": window(),
    }


def fold(text: str) -> str:
    """Lower case without accents: what is stored for searching and what is searched."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def index(phone: Phone) -> None:
    """Refresh the text a search looks at; call it whenever the phone or its lines changed."""
    phone.search = search_text(
        phone.mac,
        phone.model,
        phone.label,
        *(word for line in phone.lines for word in (line.user, line.display_name, line.label)),
    )


def search_text(*words: str) -> str:
    return fold(" ".join(dict.fromkeys(word for word in words if word)))
