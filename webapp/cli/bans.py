"""`belldesk bans`: who may not use a site's key. Exit codes: 0 good, 1 not found, 2 usage."""

import json
import sys

import click

from webapp.cli import application, tables
from webapp.doors.bans import lift as lift_ban
from webapp.extensions import db, utcnow
from webapp.models import Ban

NOT_FOUND = 1


@click.group()
def group() -> None:
    """Sources that made too many failures at the phones' doors."""


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_bans(as_json: bool) -> None:
    """List the bans that run."""
    with application():
        rows = [
            {"source": ban.source, "since": ban.since.isoformat(timespec="seconds"),
             "until": ban.until.isoformat(timespec="seconds"), "times": ban.times}
            for ban in db.session.scalars(Ban.running(utcnow()))
        ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows))
        return
    tables.rows(
        ("source", "since", "until", "times"), (row.values() for row in rows), "No ban runs."
    )


@group.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
def lift(sources: tuple[str, ...]) -> None:
    """Let these addresses or networks in again, within seconds."""
    with application():
        unknown = [one for one in sources if not lift_ban(one)]
        db.session.commit()
    for one in unknown:
        click.echo(f"{one} is not banned", err=True)
    sys.exit(NOT_FOUND if unknown else 0)
