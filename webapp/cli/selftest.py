"""`belldesk selftest`: attack the own doors from where this is run, and print a score."""

import json
import sys
from typing import Any

import click
from flask_babel import gettext as _
from rich.console import Console
from rich.markup import escape

from webapp.cli import application
from webapp.extensions import db
from webapp.selftest import services

MARKS = {True: "[green]held[/]  ", False: "[red]leak[/]  ", None: "[yellow]silent[/]"}


@click.command()
@click.option("--url", default="", help="Where phones come to; else BELLDESK_BASE_URL.")
@click.option("--tftp", default="", metavar="HOST:PORT", help="The TFTP door; else this machine's.")
@click.option("--fail-under", type=click.IntRange(0, 100), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def selftest(url: str, tftp: str, fail_under: int, as_json: bool) -> None:
    """Attack the phones' doors, say what held and what to change.

    It walks over neighbours, comes without a key and with old ones, bends addresses, and measures
    refusals. The attacks come over the network, from this machine, at decoys made for it. Exit
    code 1: the score is below --fail-under. Exit code 2: the door cannot be tested.
    """
    console = Console(stderr=as_json, highlight=False)

    def note(row: dict[str, Any]) -> None:
        message = row["message"]
        said = _(message, **row["params"]) if message else ""
        where = f" ({row['site']})" if row["site"] else ""
        console.print(f"{MARKS[row['passed']]} {escape(_(row['title']) + where)}  {escape(said)}")
        if row.get("remedy"):
            console.print(f"        {escape(_(row['remedy']))}")

    with application():
        test = services.create(url, tftp)
        db.session.commit()
        services.run(test, note)
        if as_json:
            click.echo(json.dumps({"score": test.score, "findings": test.findings}))
        if test.state == "failed":
            raise click.UsageError(str(_(test.message, **(test.params or {}))))
        console.print(f"Score: {test.score} of 100")
        passed = (test.score or 0) >= fail_under
    sys.exit(0 if passed else 1)
