"""An uploaded sheet from the draft to the commit; nothing is written before a person says so."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update

from provisioning import sheet as sheets
from provisioning.errors import N_, SheetError
from provisioning.registry import registry
from webapp import audit
from webapp.extensions import db, utcnow
from webapp.imports.overrides import FIELDS, Override, merged, overrides_of
from webapp.imports.plan import Plan, make_plan, servers_by_name
from webapp.jobs.rows import changed
from webapp.models import SheetImport, SipServer, Site, User


class ImportStateError(SheetError):
    """What was asked does not fit the state the import is in."""


class RowError(SheetError):
    """A row was meant that the sheet does not have."""


IN_STATE = {
    "draft": N_("Nothing of this upload is written yet."),
    "committing": N_("This upload is being written just now."),
    "committed": N_("This upload is written already."),
    "undone": N_("This upload was undone."),
    "cancelled": N_("This upload was cancelled."),
    "failed": N_("This upload failed. Upload the list again."),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What rows get that do not name their own; "" and None leave it to the sheet."""

    model: str = ""
    site: Site | None = None
    sip_server: SipServer | None = None
    encoding: str = ""


def upload(
    body: bytes, filename: str, user: User | None, choices: Choices, *, who: str = ""
) -> SheetImport:
    """Keep the file as a draft; raise SheetError if it cannot be read as a sheet at all."""
    table = sheets.read(body, filename, encoding=choices.encoding)
    chosen = choices.sip_server.name if choices.sip_server else ""
    sheets.check(table, registry(), default_model=choices.model, default_server=chosen)
    draft = SheetImport(
        name=archive_name(who or (user.name if user else "system"), utcnow()),
        filename=filename[-200:],
        user=user,
        body=body,
        size=len(body),
        state="draft",
    )
    take(draft, choices)
    db.session.add(draft)
    db.session.flush()
    return draft


def archive_name(who: str, at: datetime) -> str:
    """The predecessors' name: user, ddmmyyHHMMSS, four digits; drawn again if it is taken."""
    while True:
        name = f"{who[:50]}{at:%d%m%y%H%M%S}{secrets.randbelow(9000) + 1000}"
        if not db.session.scalar(select(exists().where(SheetImport.name == name))):
            return name


def choose(draft: SheetImport, choices: Choices) -> None:
    """Refuse what the sheet cannot be read with: its preview could not be opened any more."""
    require(draft, "draft")
    take(draft, choices)
    read(draft)


def take(draft: SheetImport, choices: Choices) -> None:
    if choices.model:
        registry().model(choices.model)
    draft.model, draft.site, draft.sip_server = choices.model, choices.site, choices.sip_server
    draft.encoding = choices.encoding


def choose_rows(draft: SheetImport, rows: Iterable[int], changes: Mapping[str, Any]) -> int:
    """Decide `model` (a key), `site` and `server` (ids) of these rows; None: as the sheet says.

    Return how many rows it were; refuse a row that the sheet does not have."""
    require(draft, "draft")
    db.session.refresh(draft, ["overrides"])
    wanted = sorted(set(rows))
    present = {number for number, _cells in table_of(draft).rows}
    missing = [number for number in wanted if number not in present]
    if not wanted:
        raise RowError(N_("No row was chosen"))
    if missing:
        raise RowError(N_("This upload has no row %(row)s"), row=", ".join(map(str, missing[:5])))
    draft.overrides = merged(draft.overrides, wanted, changes) or None
    named = {name: changes[name] for name in FIELDS if name in changes}
    note = named | {"rows": wanted[:200], "count": len(wanted)}
    audit.record("choose", "SheetImport", draft.id, draft.filename, note)
    return len(wanted)


def table_of(draft: SheetImport) -> sheets.Table:
    if draft.body is None:
        raise ImportStateError(N_("The file of this upload is no longer kept. Upload it again."))
    return sheets.read(draft.body, draft.filename, encoding=draft.encoding)


def read(draft: SheetImport, overrides: Mapping[int, Override] | None = None) -> sheets.Sheet:
    return sheets.check(
        table_of(draft),
        registry(),
        default_model=draft.model,
        default_server=draft.sip_server.name if draft.sip_server else "",
        known_servers=servers_by_name(),
        server_needed=False,
        chosen={number: own.words for number, own in (overrides or {}).items()},
    )


def preview(draft: SheetImport) -> Plan:
    overrides = overrides_of(draft)
    return make_plan(read(draft, overrides), draft.site, draft.sip_server, overrides)


def cancel(draft: SheetImport) -> None:
    """Forget the file: the predecessors' red X. The row stays and says so."""
    require(draft, "draft")
    draft.state, draft.body = "cancelled", None


def confirm(draft: SheetImport) -> None:
    """Say yes: from here on the worker commits it, once, whoever repeats the click."""
    require(draft, "draft")
    draft.state, draft.error = "committing", ""


def require(draft: SheetImport, *states: str) -> None:
    """Raise unless it is in one of these states; from then on it is ours until the commit."""
    if draft.id is not None:
        hold(draft)
    if draft.state not in states:
        raise ImportStateError(IN_STATE[draft.state])


def hold(draft: SheetImport) -> None:
    """Let the second of two clicks wait here, and then see what the first has done."""
    own = update(SheetImport).where(SheetImport.id == draft.id)
    changed(own.values(state=SheetImport.state))  # SQLite has no row locks, but this takes the file
    db.session.refresh(draft, ["state"], with_for_update=True)


def with_all_reasons(plan: Plan) -> sheets.Sheet:
    """The sheet whose rows also carry what only the database could refuse."""
    rows = tuple(replace(p.row, reasons=tuple(p.reasons)) for p in plan.rows)
    return replace(plan.sheet, rows=rows)
