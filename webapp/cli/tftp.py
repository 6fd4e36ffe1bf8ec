"""`belldesk tftp`: the phones' door over TFTP, as a process of its own."""

import logging
import signal
import threading

import click

from webapp.cli import application
from webapp.config import Config
from webapp.doors.tftp import run_tftp


@click.command()
def tftp() -> None:
    """Serve phones over TFTP until stopped. Several may share one port on Linux."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with application() as app:
        config: Config = app.extensions["belldesk"]
        try:
            run_tftp(app, stop)
        except OSError as error:
            raise click.ClickException(
                f"TFTP cannot use port {config.tftp_port} of {config.tftp_host}"
                f" ({error.strerror}). Choose another: BELLDESK_TFTP_PORT=…"
            ) from error
