"""`belldesk keys`: of what is sealed in the database. Exit codes: 0 good, 1 not done, 2 usage."""

import sys
import time
from pathlib import Path

import click
from flask import Flask

from webapp import audit, key_file, resealing
from webapp.cli import application
from webapp.config import Config
from webapp.extensions import db
from webapp.secretbox import LOOK, box

NOT_DONE = 1
SETTLED = 15 * 60  # seconds after which nobody still holds what he sealed before he saw a new key


@click.group()
def group() -> None:
    """Change the keys of what is sealed in the database."""


@group.command("list")
def list_keys() -> None:
    """Say how many keys there are, and how much the first of them did not seal."""
    with application() as app:
        left, unreadable = resealing.remains()
        click.echo(f"Keys: {len(keys_of(app))}. Rows that the first of them did not seal: {left}.")
        complain(unreadable)


@group.command()
def add() -> None:
    """Put a new key in front: from now on it seals, and all of them open."""
    with application() as app:
        put_in_front(app)
    click.echo("There is a new key. Copy “keys” to every machine, then: belldesk keys rotate")


@group.command()
def rotate() -> None:
    """Seal everything again with the first key; with a new one if that is done already.

    The desk may go on working. Stopped half-way, it goes on where it was when called again.
    """
    with application() as app:
        left, lost = resealing.remains()
        if left == len(lost):
            put_in_front(app)
            time.sleep(2 * LOOK)  # by then all others here seal with it
        box().reload()
        done = resealing.reseal(lambda table, changed: click.echo(f"{table}: {changed}", err=True))
        audit.record("rotate", "Keys", None, "keys", {"sealed again": sum(done.changed.values())})
        db.session.commit()
        complain(done.unreadable)
        if done.left > len(done.unreadable):
            click.echo(f"{done.left} rows are still sealed with an old key.", err=True)
            sys.exit(NOT_DONE)
        click.echo("All is sealed with the first key. Old ones still open: belldesk keys forget")


@group.command()
@click.option("--now", is_flag=True, help="Nothing of the desk runs: do not wait.")
def forget(now: bool) -> None:
    """Drop all keys but the first, once nothing is sealed with them.

    Backups of before need the old keys: keep a copy of the file with them.
    """
    with application() as app:
        file = own_file(app)
        wait = SETTLED - (time.time() - file.stat().st_mtime)
        if wait > 0 and not now:
            words = "The first key is new: something may be on its way that an old one sealed."
            raise click.ClickException(f"{words} Wait {int(wait / 60) + 1} minutes, or say --now.")
        left, unreadable = resealing.remains()
        complain(unreadable)
        if left > len(unreadable):
            words = f"{left} rows are sealed with an old key. First: belldesk keys rotate"
            raise click.ClickException(words)
        try:
            gone = key_file.keep_first(file)
        except (OSError, key_file.KeyFileError) as error:
            raise refusal(file, error) from error
        audit.record("forget", "Keys", None, "keys", {"keys": gone})
        db.session.commit()
    click.echo(f"{gone} old keys are forgotten.")


def put_in_front(app: Flask) -> None:
    file = own_file(app)
    try:
        key_file.add(file)
    except (OSError, key_file.KeyFileError) as error:
        raise refusal(file, error) from error
    audit.record("create", "Keys", None, "keys")
    db.session.commit()
    box().reload()


def own_file(app: Flask) -> Path:
    config: Config = app.extensions["belldesk"]
    if config.keys_file is None:
        raise click.ClickException(
            "The keys come from BELLDESK_KEYS, which only you can change: put a new key (44"
            " characters, as Fernet.generate_key() makes them) in front of the others, start all of"
            " the desk again, then: belldesk keys rotate. When it is through, take the others away."
        )
    return config.keys_file


def keys_of(app: Flask) -> tuple[str, ...]:
    config: Config = app.extensions["belldesk"]
    return tuple(key_file.read(config.keys_file)) if config.keys_file else config.keys


def refusal(file: Path, error: Exception) -> click.ClickException:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return click.ClickException(f"{file} cannot be changed: {reason}")


def complain(unreadable: list[str]) -> None:
    if unreadable:
        named = ", ".join(unreadable[:10])
        click.echo(f"{len(unreadable)} rows no key opens, among them: {named}", err=True)
