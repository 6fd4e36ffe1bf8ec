"""`belldesk agent`: the agent as one file to carry to PCs."""

import hashlib
from pathlib import Path

import click

from provisioning.errors import ProvisioningError
from webapp import agent_file


@click.group()
def group() -> None:
    """The agent that runs on PCs."""


@group.command()
@click.option("--url", required=True, help="The desk as PCs reach it: https://desk.example.net")
@click.option(
    "--pin-certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The desk's certificate (PEM): the agent then takes that one alone.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=agent_file.NAME,
    show_default=True,
)
def build(url: str, pin_certificate: Path | None, output: Path) -> None:
    """Pack the agent with the desk's address; print how to bring a PC in."""
    try:
        pem = pin_certificate.read_text("utf-8", "replace") if pin_certificate else ""
        packed = agent_file.build(url, pem)
        output.write_bytes(packed)
        output.chmod(0o755)
    except (ProvisioningError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: {len(packed)} bytes, SHA-256 {hashlib.sha256(packed).hexdigest()}")
    click.echo(f"On a PC:  python3 {output.name} enrol CODE, then python3 {output.name} service")
