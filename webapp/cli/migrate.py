"""`belldesk migrate`: what `serve` does before it starts, for installations run by systemd."""

import click

from webapp.cli import application
from webapp.cli.serve import prepare
from webapp.config import Config


@click.command()
def migrate() -> None:
    """Bring the database up to date; print the one-time link while there is no administrator."""
    with application() as app:
        config: Config = app.extensions["belldesk"]
        link = prepare(app, config.base_url)
    click.echo("The database is up to date.")
    if link:
        click.echo(f"No administrator yet. Open this link once to create the first one:\n{link}")
