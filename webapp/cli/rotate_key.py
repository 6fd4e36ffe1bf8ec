"""`belldesk phones rotate-key`: new keys, then a run. Exit codes as of `belldesk runs`."""

import sys

import click

from webapp.cli import application
from webapp.cli.runs import begin, wanted
from webapp.extensions import db
from webapp.phones import door_services as services
from webapp.phones.forms import MOST_OVERLAP_DAYS

NONE = 1


@click.command("rotate-key")
@click.argument("macs", nargs=-1, metavar="[MAC]...")
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--days", type=click.IntRange(0, MOST_OVERLAP_DAYS), default=7, show_default=True,
              help="How long the old keys work; 0 stops them at once.")  # fmt: skip
@click.option("--again", is_flag=True, help="Also phones whose key before this one still works.")
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow the run to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run.")
def group(
    macs: tuple[str, ...], site: str, days: int, again: bool, follow: bool, as_json: bool
) -> None:
    """Give phones new keys for their own addresses, and provision them at once."""
    if not (macs or site):
        raise click.UsageError("Say which phones: MAC addresses or --site.")
    with application():
        phones = wanted(site, "", None, macs)
        rotated = services.rotate_keys(phones, days, again)
        db.session.commit()
        if rotated.left:
            click.echo(f"{rotated.left} phones keep their keys: old ones still work.", err=True)
        if not rotated.done:
            sys.exit(NONE)
        click.echo(f"{rotated.done} phones have new keys.", err=True)
        begin(phones, "provision", None, None, follow, as_json)
