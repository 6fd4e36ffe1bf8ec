"""Lists of processes that somebody kept, and what differs between two."""

from typing import Any

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from provisioning.errors import N_
from webapp import htmx
from webapp.access import needs
from webapp.audit import record
from webapp.control import lists
from webapp.control.blueprint import asked, bp, computer_or_404
from webapp.control.lists import PROCESS, Row
from webapp.control.params import ControlError, one_line
from webapp.control.processes import COLUMNS, VERB, cells
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.models import Computer, Snapshot
from webapp.paging import Key, page_of
from webapp.selection import number

NEWEST = [Key(Snapshot.id, "id", descending=True)]
LONGEST_NOTE = 300


@bp.get("/<int:computer_id>/snapshots")
@needs("computers.control")
def snapshots(computer_id: int) -> ResponseReturnValue:
    """With ?old= and ?new=: what appeared and what is gone between the two."""
    computer = computer_or_404(computer_id)
    old, new = chosen(computer, "old"), chosen(computer, "new")
    return htmx.render(
        "control/snapshots.html",
        "control/_snapshots.html",
        computer=computer,
        found=page_of(Snapshot.of(computer.id).order_by(None), NEWEST),
        old=old,
        new=new,
        appeared=missing_in(old, new) if old and new else [],
        gone=missing_in(new, old) if old and new else [],
        here="control.snapshots",
    )


def chosen(computer: Computer, name: str) -> Snapshot | None:
    wanted = number(request.args.get(name))
    return None if wanted is None else snapshot_or_404(computer, wanted)


def snapshot_or_404(computer: Computer, snapshot_id: int) -> Snapshot:
    query = Snapshot.of(computer.id).where(Snapshot.id == snapshot_id)
    return db.session.scalar(query) or abort(404)


def missing_in(one: Snapshot, other: Snapshot) -> list[Row]:
    """The rows of `other` that `one` has not: a process is its number and its start."""
    known = {same(row) for row in lists.read(one.rows, PROCESS)}
    return [row for row in lists.read(other.rows, PROCESS) if same(row) not in known]


def same(row: Row) -> tuple[Any, ...]:
    return row["pid"], row["started"], row["name"]


@bp.post("/<int:computer_id>/snapshots")
@needs("computers.control")
def save_snapshot(computer_id: int) -> ResponseReturnValue:
    """Keep the list that is known now, with the moment it was true."""
    computer = computer_or_404(computer_id)
    found = lists.live(computer, VERB, "processes", PROCESS)
    if not found.rows or found.at is None:
        raise ControlError(N_("There is no list of processes yet. Press Refresh first."))
    rows = [{name: row[name] for name in COLUMNS} for row in found.rows]
    snapshot = Snapshot(
        computer_id=computer.id, user_id=current_user.id, user_name=current_user.name,
        at=found.at, rows=rows, note=one_line(request.form, "note", LONGEST_NOTE),
    )  # fmt: skip
    db.session.add(snapshot)
    db.session.flush()
    record("create", "Snapshot", snapshot.id, computer.name, {"processes": len(rows)})
    flash(_("Kept"), "ok")
    return asked(url_for("control.snapshots", computer_id=computer.id))


@bp.get("/<int:computer_id>/snapshots/<int:snapshot_id>.csv")
@needs("computers.control")
def snapshot_csv(computer_id: int, snapshot_id: int) -> ResponseReturnValue:
    found = snapshot_or_404(computer_or_404(computer_id), snapshot_id)
    rows = lists.read(found.rows, PROCESS)
    return csv_response(f"processes-{found.id}.csv", [COLUMNS, *map(cells, rows)])
