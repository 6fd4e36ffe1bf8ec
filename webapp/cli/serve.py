"""`belldesk serve`: web, worker, TFTP and SIP PnP started together and stopped together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

import click
from flask import Flask
from sqlalchemy.exc import DBAPIError

from webapp import create_app
from webapp.admin.services import seed_departments
from webapp.audit import acting_as
from webapp.config import ROOT, Config
from webapp.database import migrate_database
from webapp.environment import ConfigError
from webapp.extensions import db
from webapp.setup.services import setup_link

PR_SET_PDEATHSIG = 1
PATIENCE = 15.0


@dataclass
class Child:
    """One of our processes; it is started again when it dies, at most once in `pause` seconds."""

    name: str
    command: Sequence[str]
    pause: float = 1.0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started: float = 0.0

    def start(self, environment: dict[str, str]) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def die_with_parent() -> None:
    """Let the kernel stop the child even when this process is killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def check_ports(config: Config) -> None:
    """Say in words which port is taken, before anything starts."""
    wanted = [(socket.SOCK_STREAM, config.host, config.port, "BELLDESK_PORT")]
    if "phones" in config.doors:
        tftp = (socket.SOCK_DGRAM, config.tftp_host, config.tftp_port, "BELLDESK_TFTP_PORT")
        wanted.append(tftp)
    for kind, host, port, variable in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise click.ClickException(
                    f"Port {port} cannot be used ({error.strerror}). Choose another: {variable}=…"
                ) from error


def prepare(app: Flask, address: str) -> str | None:
    """Bring the database up to date; return the one-time link while there is no administrator."""
    config: Config = app.extensions["belldesk"]
    with app.app_context(), acting_as("system"):
        try:
            migrate_database()
        except DBAPIError as error:
            raise click.ClickException(f"The database refused: {error.orig}") from error
        seed_departments()
        db.session.commit()
        return setup_link(address) if "people" in config.doors else None


def commands(config: Config) -> list[Child]:
    python = sys.executable
    belldesk = [python, "-m", "webapp.cli"]
    web = [python, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "wsgi:app"]
    children = [Child("web", web), Child("worker", [*belldesk, "worker"])]
    if "phones" in config.doors:
        children += [Child("tftp", [*belldesk, "tftp"]) for _ in range(tftp_processes())]
        children += [Child("pnp", [*belldesk, "pnp"])] if config.pnp else []
    return children


def tftp_processes() -> int:
    """One core is not enough for half of dnsmasq's rate; only Linux shares a UDP port fairly."""
    return min(2, os.cpu_count() or 1) if sys.platform == "linux" else 1


def announce(config: Config, link: str | None) -> None:
    click.echo(f"\n  Belldesk   {config.base_url}  (here also http://127.0.0.1:{config.port})")
    if "phones" in config.doors:
        click.echo(f"  TFTP       udp port {config.tftp_port}")
        group = f"group {config.pnp_group}, udp port {config.pnp_port}"
        click.echo(f"  SIP PnP    {group if config.pnp else 'off (BELLDESK_PNP)'}")
    else:
        click.echo("  TFTP       off, with the phones' door (BELLDESK_DOORS)")
    click.echo(f"  Data       {config.instance}")
    if link:
        click.secho(
            "\n  No administrator yet. Open this link once to create the first one:", bold=True
        )
        click.secho(f"  {link}", fg="yellow")
    click.echo("\n  Ctrl-C stops everything.\n")


class Supervisor:
    def __init__(self, children: list[Child], environment: dict[str, str]) -> None:
        self.children = children
        self.environment = environment
        self.stopping = False

    def run(self) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self.stop)
        for child in self.children:
            child.start(self.environment)
        while not self.stopping:
            time.sleep(0.2)
            for child in self.children:
                self.look_after(child)
        self.end()

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def look_after(self, child: Child) -> None:
        if child.running or self.stopping or time.monotonic() - child.started < child.pause:
            return
        code = child.process.returncode if child.process else None
        click.secho(f"{child.name} ended with {code}; starting it again", fg="red", err=True)
        child.pause = min(child.pause * 2, 30.0)
        child.start(self.environment)

    def end(self) -> None:
        alive = [child.process for child in self.children if child.process and child.running]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def configuration() -> Config:
    try:
        return Config.from_environment()
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def run_together(
    config: Config,
    populate: Callable[[Flask], None] = lambda app: None,
    more: Sequence[Child] = (),
) -> None:
    """Start everything and stop it together; `populate` fills the migrated database before."""
    check_ports(config)
    app = create_app(config)
    link = prepare(app, config.base_url)
    populate(app)
    announce(config, link)
    # All of them say the same address, also when this machine's changes while they run.
    environment = os.environ | {"BELLDESK_BASE_URL": config.base_url}
    Supervisor([*commands(config), *more], environment).run()


@click.command()
def serve() -> None:
    """Start web, worker, TFTP and SIP PnP together; Ctrl-C stops them."""
    run_together(configuration())
