"""`belldesk demo`: an invented company whose 200 phones really fetch, in a folder of its own."""

import os
import sys

import click
from flask import Flask

from webapp.audit import acting_as
from webapp.cli.serve import Child, configuration, run_together
from webapp.config import ROOT


@click.command()
@click.option("--phones", "count", default=200, show_default=True, help="How many to invent.")
def demo(count: int) -> None:
    """Start everything with an invented company and phones that fetch; Ctrl-C stops it.

    The data lies in instance/demo (or BELLDESK_INSTANCE) and is kept; remove the folder to begin
    anew. Nothing leaves this machine.
    """
    os.environ.setdefault("BELLDESK_INSTANCE", str(ROOT / "instance" / "demo"))
    os.environ.setdefault("BELLDESK_ENV", "dev")
    phones = Child("simulator", [sys.executable, "-m", "webapp.cli.simulator"])
    run_together(configuration(), lambda app: invent(app, count), [phones])


def invent(app: Flask, count: int) -> None:
    from webapp.cli.company import COMPANY, populate

    with app.app_context(), acting_as("demo"):
        run = populate(count)
    if run:
        click.echo(f"\n  Invented {COMPANY}: {run.total} phones, provisioned by run {run.id}.")
