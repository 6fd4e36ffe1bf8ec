"""The belldesk command: one module per noun, each with a click object named `group`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from importlib import import_module

import click
from flask import Flask

from webapp import create_app
from webapp.audit import acting_as
from webapp.environment import ConfigError

COMMANDS = {
    "agent": "agent",
    "alerts": "alerts",
    "bans": "bans",
    "computers": "computers",
    "demo": "demo",
    "departments": "users",
    "keys": "keys",
    "login": "remote",
    "logout": "remote",
    "migrate": "migrate",
    "phones": "phones",
    "pnp": "pnp",
    "purge": "worker",
    "remote": "remote",
    "runs": "runs",
    "selftest": "selftest",
    "serve": "serve",
    "settings": "settings",
    "sites": "sites",
    "tftp": "tftp",
    "token": "token",
    "users": "users",
    "worker": "worker",
}

# Commands of a group that live in a module of their own.
BELOW = {
    "phones": {
        "arm": "arm",
        "deliver": "deliver",
        "fetch": "fetch",
        "import": "imports",
        "rotate-key": "rotate_key",
        "set-address": "set_address",
    },
    "runs": {"resume": "rollouts", "rollback": "rollouts", "rollout": "rollouts"},
}


class Commands(click.Group):
    """Import a command's module only when it is called: `belldesk --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found = load(COMMANDS[name], name)
        for word, module in BELOW.get(name, {}).items():
            if isinstance(found, click.Group):
                found.add_command(load(module, word), word)
        return found


def load(module: str, name: str) -> click.Command:
    """The command of that name in the module, or the one it calls `group`."""
    loaded = import_module(f"webapp.cli.{module}")
    found: click.Command = getattr(loaded, name, None) or loaded.group
    return found


@contextmanager
def application() -> Iterator[Flask]:
    """The application, inside its context, writing as the person at the terminal."""
    try:
        app = create_app()
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    with app.app_context(), acting_as(f"cli:{getuser()}"):
        yield app


@click.group(cls=Commands)
@click.version_option("0.1.0", prog_name="belldesk")
def main() -> None:
    """Belldesk: phones, computers, customers and team in one desk."""
    os.umask(0o077)  # database, queue and logs that a command makes are for their owner only
