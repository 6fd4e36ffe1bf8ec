"""`belldesk pnp`: tells new phones on this machine's links where their files are."""

import logging
import signal
import threading

import click

from webapp.cli import application
from webapp.doors.pnp import run_pnp


@click.command()
def pnp() -> None:
    """Answer phones that ask by SIP PnP until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with application() as app:
        run_pnp(app, stop)
