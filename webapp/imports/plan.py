"""What committing a sheet would do, row by row: compared with the database, nothing written."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from provisioning.errors import N_
from provisioning.sheet import Reason, Row, Sheet, SheetLine
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.imports.keys import keys_of, written_keys
from webapp.imports.overrides import Override
from webapp.models import Phone, Profile, SipServer, Site

AS_THE_SHEET_SAYS = Override()
GONE = {
    "site": N_("The site chosen for this row is there no more; choose another"),
    "server": N_("The SIP server chosen for this row is there no more; choose another"),
}
STATUSES = ("added", "changed", "unchanged", "refused")


@dataclass(slots=True)
class Planned:
    """One row and its fate. `changes` maps a field to (old, new); passwords are not shown."""

    row: Row
    status: str
    site: Site | None = None
    profile: Profile | None = None
    phone: Phone | None = None
    reasons: list[Reason] = field(default_factory=list)
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    override: Override = AS_THE_SHEET_SAYS


@dataclass(slots=True)
class Plan:
    sheet: Sheet
    rows: list[Planned]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(planned.status for planned in self.rows)
        return {status: found[status] for status in STATUSES}

    @property
    def total(self) -> int:
        return len(self.rows)

    def having(self, status: str) -> list[Planned]:
        return [planned for planned in self.rows if planned.status == status or not status]


@dataclass(frozen=True, slots=True)
class Known:
    """What rows may name, looked up once for the whole sheet."""

    phones: dict[str, Phone]
    sites: dict[str, Site | None]
    profiles: dict[str, Profile]
    servers: dict[str, SipServer]
    overrides: Mapping[int, Override]
    keys: Mapping[int, Mapping[str, str]]


def make_plan(
    sheet: Sheet,
    site: Site | None,
    server: SipServer | None,
    overrides: Mapping[int, Override] | None = None,
) -> Plan:
    known = look_up(sheet, overrides or {})
    return Plan(sheet, [plan_row(row, site, server, known) for row in sheet.rows])


def look_up(sheet: Sheet, overrides: Mapping[int, Override]) -> Known:
    macs = [row.mac for row in sheet.rows if row.mac]
    phones = {phone.mac: phone for phone in phones_with(macs)}
    with_keys = [phones[row.mac].id for row in sheet.rows if row.keys and row.mac in phones]
    return Known(
        phones=phones,
        sites=sites_by_name(),
        profiles={p.name.casefold(): p for p in db.session.scalars(Profile.by_name())},
        servers=servers_by_name(),
        overrides=overrides,
        keys={number: written_keys(rows) for number, rows in keys_of(with_keys).items()},
    )


def phones_with(macs: list[str]) -> Iterable[Phone]:
    for part in chunks(macs):
        yield from db.session.scalars(select(Phone).where(Phone.mac.in_(part)))


def sites_by_name() -> dict[str, Site | None]:
    """Sites by “name” and by “company / name”; a name that two companies use means neither."""
    found: dict[str, Site | None] = {}
    for site in db.session.scalars(Site.by_name()):
        short = site.name.casefold()
        found[short] = None if short in found else site
        found[str(site).casefold()] = site
    return found


def servers_by_name() -> dict[str, SipServer]:
    """Servers by host, by host:port, and by the name people gave them, which wins.

    A server that a sheet brought as host:port is not what a bare host means.
    """
    servers = list(db.session.scalars(SipServer.by_name()))
    ported = {f"{s.host}:{s.port}".casefold(): s for s in reversed(servers) if s.port}
    hosts = {
        s.host.casefold(): s
        for s in reversed(servers)
        if s.name.casefold() != f"{s.host}:{s.port}".casefold()
    }
    return hosts | ported | {s.name.casefold(): s for s in servers}


def plan_row(row: Row, site: Site | None, server: SipServer | None, known: Known) -> Planned:
    own = known.overrides.get(row.number, AS_THE_SHEET_SAYS)
    planned = Planned(row, "refused", reasons=list(row.reasons), override=own)
    planned.reasons.extend(Reason(GONE[name], {}, name) for name in own.gone)
    planned.site = own.site or find_site(row, site, known, planned.reasons)
    planned.profile = find_profile(row, known, planned.reasons)
    if planned.reasons or planned.site is None:
        return planned
    planned.phone = known.phones.get(row.mac)
    if planned.phone is None:
        planned.status = "added"
        return planned
    planned.changes = differences(planned, planned.phone, server, known)
    planned.status = "changed" if planned.changes else "unchanged"
    return planned


def find_site(row: Row, default: Site | None, known: Known, reasons: list[Reason]) -> Site | None:
    if not row.site:
        if default is None:
            reasons.append(Reason(N_("Choose the site where this phone stands"), {}, "site"))
        return default
    found = known.sites.get(row.site.casefold())
    if found is None:
        message = N_("There is no one site called “%(site)s”; write it as company / site")
        reasons.append(Reason(message, {"site": row.site}, "site"))
    return found


def find_profile(row: Row, known: Known, reasons: list[Reason]) -> Profile | None:
    found = known.profiles.get(row.profile.casefold()) if row.profile else None
    if row.profile and found is None:
        message = N_("There is no profile called “%(profile)s”")
        reasons.append(Reason(message, {"profile": row.profile}, "profile"))
    return found


def differences(
    planned: Planned, phone: Phone, server: SipServer | None, known: Known
) -> dict[str, tuple[str, str]]:
    """Map what would change to (old, new). A column that the row leaves empty changes nothing."""
    row = planned.row
    pairs = {
        "model": (phone.model, row.model),
        "site": (str(phone.site), str(planned.site)),
        "label": (phone.label, row.label or phone.label),
        "profile": (str(phone.profile or ""), str(planned.profile or phone.profile or "")),
    }
    for line in row.lines:
        pairs |= line_differences(line, phone, server, known)
    held = known.keys.get(phone.id, {})
    for place, text in written_keys(row.keys).items():
        pairs[f"key {place}"] = (held.get(place, ""), text)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def line_differences(
    line: SheetLine, phone: Phone, server: SipServer | None, known: Known
) -> dict[str, tuple[str, str]]:
    old = next((own for own in phone.lines if own.number == line.number), None)
    prefix = f"line {line.number} "
    if old is None:
        return {prefix + "extension": ("", line.user)}
    same = old.password == line.password
    target = known.servers.get(line.server.casefold()) or server
    return {
        prefix + "extension": (old.user, line.user),
        prefix + "password": ("•••", "•••" if same else "••• (new)"),
        prefix + "auth user": (old.auth_user, line.auth_user or old.auth_user),
        prefix + "name": (old.display_name, line.display_name or old.display_name),
        prefix + "label": (old.label, line.label or old.label),
        prefix + "server": (str(old.sip_server), str(target) if target else line.server),
    }
