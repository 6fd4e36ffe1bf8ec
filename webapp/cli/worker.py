"""`belldesk worker`: the process that does the long work. `belldesk purge`: remove what is old."""

import json
import logging

import click

from webapp.cli import application
from webapp.extensions import db
from webapp.jobs.purge import purge as remove_old
from webapp.jobs.worker import Worker


@click.command()
@click.option("--once", is_flag=True, help="Do what there is to do, then leave.")
def worker(once: bool) -> None:
    """Do the runs and the other long work. Start as many as you like, on any machine over Redis.

    Without BELLDESK_REDIS_URL all workers must share the instance folder.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    with application() as app:
        hand = Worker(app)
        hand.stop_on_signals()
        hand.run(once)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def purge(as_json: bool) -> None:
    """Remove old exported files, uploads, log rows and sessions now; the worker does it hourly."""
    with application():
        gone = remove_old()
        db.session.commit()
    if as_json:
        click.echo(json.dumps(gone))
        return
    for what, count in gone.items():
        click.echo(f"{count:>8} {what}")
