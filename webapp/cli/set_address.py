"""`belldesk phones set-address`: say where a phone is. Exit codes: 0 good, 1 not found, 2 usage."""

import click

from webapp.cli import application
from webapp.cli.phones import found
from webapp.extensions import db
from webapp.jobs.targets import AddressError, free_address


@click.command()
@click.argument("mac")
@click.argument("address", required=False, default="")
def group(mac: str, address: str) -> None:
    """Push to a phone at this address; without one, to where it was seen again."""
    with application():
        phone = found(mac)
        try:
            phone.address = free_address(phone, address) if address else None
        except AddressError as error:
            raise click.UsageError(str(error)) from error
        db.session.commit()
        click.echo(phone.address or f"as seen: {phone.fetched_address or 'never'}")
