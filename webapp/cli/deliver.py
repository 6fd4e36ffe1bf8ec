"""`belldesk phones deliver`: make phones take their files now. Exit codes as of `belldesk runs`."""

import click

from webapp.cli import application
from webapp.cli.runs import begin, wanted


@click.command()
@click.argument("macs", nargs=-1, metavar="[MAC]...")
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--model", default="", help="Phones of this model, such as X1SG.")
@click.option("--stale", is_flag=True, help="Phones that took an older file than their newest.")
@click.option("--no-reboot", is_flag=True, help="Send nothing that restarts a phone.")
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow it to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def deliver(
    macs: tuple[str, ...],
    site: str,
    model: str,
    stale: bool,
    no_reboot: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Tell phones to take their newest files, by NOTIFY, web page or SSH, at the set pace."""
    if not (macs or site or model or stale):
        raise click.UsageError("Say which phones: MAC addresses, --site, --model or --stale.")
    with application():
        options = {"reboot": False} if no_reboot else None
        begin(wanted(site, model, None, macs, stale), "deliver", options, None, follow, as_json)
