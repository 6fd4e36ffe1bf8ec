"""`belldesk phones arm`: open windows of the sites' keys. Exit codes: 0 good, 1 none, 2 usage."""

import json
import sys

import click
from flask import current_app

from webapp.cli import application
from webapp.cli.runs import wanted
from webapp.config import MOST_ARMED_HOURS
from webapp.extensions import db
from webapp.phones import door_services as services

NONE = 1


@click.command()
@click.argument("macs", nargs=-1, metavar="[MAC]...")
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--hours", type=click.IntRange(1, MOST_ARMED_HOURS),
              help="How long; without it as new phones are (BELLDESK_ARMED_HOURS).")  # fmt: skip
@click.option("--close", is_flag=True, help="Close the windows instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def arm(macs: tuple[str, ...], site: str, hours: int | None, close: bool, as_json: bool) -> None:
    """Let the key of their site open these phones for a while, and forget their networks."""
    if not (macs or site):
        raise click.UsageError("Say which phones: MAC addresses or --site.")
    if close and hours:
        raise click.UsageError("Either --hours or --close.")
    with application():
        phones = wanted(site, "", None, macs)
        until = None
        if close:
            count = services.close(phones)
        else:
            count, until = services.arm(phones, hours or usual_hours())
        db.session.commit()
    if as_json:
        click.echo(json.dumps({"phones": count, "until": until.isoformat() if until else None}))
    else:
        words = f"open until {until:%Y-%m-%d %H:%M} UTC" if until else "closed"
        click.echo(f"{count} phones: {words}")
    sys.exit(0 if count else NONE)


def usual_hours() -> int:
    hours: int = current_app.extensions["belldesk"].armed_hours
    if not hours:
        raise click.UsageError("BELLDESK_ARMED_HOURS is 0: say --hours.")
    return hours
