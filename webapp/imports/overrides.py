"""What a person chose for single rows of an upload: kept with it, above what the sheet says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.extensions import db
from webapp.models import SheetImport, SipServer, Site

FIELDS = ("model", "site", "server")


@dataclass(frozen=True, slots=True)
class Override:
    """The choices for one row; `gone` are the fields whose site or server is there no more."""

    model: str = ""
    site: Site | None = None
    server: SipServer | None = None
    gone: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(name for name in FIELDS if getattr(self, name) or name in self.gone)

    @property
    def words(self) -> dict[str, str]:
        """What the sheet's checks are told instead of its cells."""
        found = {"model": self.model, "server": self.server.name if self.server else ""}
        return {name: text for name, text in found.items() if text}


def overrides_of(draft: SheetImport) -> dict[int, Override]:
    """The choices by row number, each site and server looked up once."""
    if not draft.overrides:
        return {}
    sites = {site.id: site for site in db.session.scalars(Site.by_name())}
    servers = {server.id: server for server in db.session.scalars(SipServer.by_name())}
    made: dict[tuple[Any, ...], Override] = {}
    found = {}
    for number, own in draft.overrides.items():
        key = tuple(own.get(name) for name in FIELDS)
        if key not in made:
            made[key] = override(own, sites, servers)
        found[int(number)] = made[key]
    return found


def override(
    own: Mapping[str, Any], sites: Mapping[int, Site], servers: Mapping[int, SipServer]
) -> Override:
    site, server = sites.get(own.get("site", 0)), servers.get(own.get("server", 0))
    gone = [name for name, row in (("site", site), ("server", server)) if name in own and not row]
    return Override(own.get("model", ""), site, server, tuple(gone))


def merged(
    before: Mapping[str, dict[str, Any]] | None, rows: Iterable[int], changes: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """`before` with the changes for these rows; a value of None takes a choice back."""
    found = dict(before or {})
    for number in rows:
        own = {**found.pop(str(number), {}), **changes}
        if kept := {name: value for name, value in own.items() if value is not None}:
            found[str(number)] = kept
    return found
