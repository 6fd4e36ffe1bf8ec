"""`belldesk alerts`: what somebody should look at. Exit codes: 0 good, 1 not found, 2 usage."""

import json
import sys
from typing import Any

import click
from sqlalchemy import select

from webapp.alerts import services
from webapp.audit import actor
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import Alert

NOT_FOUND = 1
COLUMNS = ("id", "kind", "times", "last", "what")


@click.group()
def group() -> None:
    """Alerts: a walk over neighbours, a replaced key in use, a phone before a closed window."""


@group.command("list")
@click.option("--all", "closed_too", is_flag=True, help="The closed ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_alerts(closed_too: bool, as_json: bool) -> None:
    """List the alerts that are open, newest first."""
    with application():
        query = Alert.newest_first() if closed_too else Alert.open()
        rows = [facts(alert) for alert in db.session.scalars(query)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = ([row[key] for key in COLUMNS] for row in rows)
    tables.rows(COLUMNS, cells, "No alert." if closed_too else "No alert is open.")


def facts(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "source": alert.source,
        "times": alert.times,
        "first": alert.first_at.isoformat(timespec="seconds"),
        "last": alert.last_at.isoformat(timespec="seconds"),
        "open": alert.closed_at is None,
        "what": alert.message % (alert.params or {}),
        "phone_id": alert.phone_id,
        "site_id": alert.site_id,
    }


@group.command()
@click.argument("ids", metavar="ID...", type=int, nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are open.")
def close(ids: tuple[int, ...], every: bool) -> None:
    """Close alerts: what happens again opens a new one."""
    if bool(ids) == every:
        raise click.UsageError("Say which alerts, by their ids, or --all")
    with application():
        query = select(Alert) if every else select(Alert).where(Alert.id.in_(ids))
        closed = services.close(query, actor().name)
        db.session.commit()
    click.echo(f"{closed} closed")
    sys.exit(0 if every or closed == len(set(ids)) else NOT_FOUND)
