"""`belldesk phones fetch MAC`: what this phone would get now, byte for byte, or why not."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from provisioning.errors import ProvisioningError
from provisioning.mac import format_mac, normalise_mac
from webapp import audit
from webapp.cli import application
from webapp.doors.trace import Trace, fetch_as
from webapp.extensions import db

REASONS = {
    "unknown_phone": "no phone with this MAC is entered",
    "wrong_key": "the key of its site was not given",
    "old_key": "the key it gave was replaced, and its overlap is over",
    "unknown_file": "this is not a name of its file",
    "not_allowed": "its address is outside the networks of its site",
    "closed_window": "its window is closed: belldesk phones arm …, or its own key",
    "other_network": "it is pinned to another network: if it moved, belldesk phones arm …",
    "banned": "its address is banned after too many failures: belldesk bans list",
    "no_password": "its site wants a user and password besides, which TFTP cannot carry",
    "wrong_password": "its site wants a user and password besides",
    "wrong_certificate": "its site wants the phone's own certificate besides",
    "no_revision": "it has not been provisioned yet: belldesk runs start --mac …",
}


@click.command()
@click.argument("mac")
@click.option("--via", type=click.Choice(["http", "tftp"]), default="http", show_default=True)
@click.option("--file", help="The name to ask for; without it the one its model asks for.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Save here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the file.")
def fetch(mac: str, via: str, file: str | None, output: Path | None, as_json: bool) -> None:
    """Fetch as this phone: its file goes to stdout, what was matched to stderr.

    The file holds passwords; the fetch is audited, not logged. Exit code 1: it would get nothing.
    """
    with application():
        try:
            digits = normalise_mac(mac)
            trace = fetch_as(digits, file, via)
        except ProvisioningError as error:
            raise click.UsageError(str(error)) from error
        if trace.served:
            changes = {"file": trace.file, "via": via}
            audit.record("reveal", "Phone", trace.phone_id, format_mac(digits), changes)
            db.session.commit()
    deliver(trace, output, as_json)
    sys.exit(0 if trace.served else 1)


def deliver(trace: Trace, output: Path | None, as_json: bool) -> None:
    if output and trace.served:
        save(output, trace.body)
    if as_json:
        click.echo(json.dumps(facts(trace)))
        return
    for line in words(trace):
        click.echo(line, err=True)
    if trace.served and not output:
        sys.stdout.buffer.write(trace.body)
        sys.stdout.buffer.flush()


def save(output: Path, body: bytes) -> None:
    """Readable by its owner only: it holds passwords."""
    try:
        output.touch(mode=0o600)
        output.write_bytes(body)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error


def words(trace: Trace) -> list[str]:
    asked = f"{trace.via.upper()} {trace.file} from {trace.address}"
    if not trace.served:
        return [f"{asked}: {trace.status}, {REASONS.get(trace.reason, trace.reason)}"]
    return [
        f"{asked}: {trace.status}, {len(trace.body)} bytes",
        f"matched {trace.name}, let in by {trace.proof}, SHA-256 {trace.sha256}",
    ]


def facts(trace: Trace) -> dict[str, Any]:
    return {
        "served": trace.served,
        "status": trace.status,
        "reason": trace.reason,
        "words": REASONS.get(trace.reason, trace.reason),
        "via": trace.via,
        "file": trace.file,
        "address": trace.address,
        "names": list(trace.names),
        "matched": trace.name,
        "proof": trace.proof,
        "headers": dict(trace.headers),
        "revision_id": trace.revision_id,
        "sha256": trace.sha256,
        "size": len(trace.body),
        "body": trace.body.decode("utf-8", "replace") if trace.served else "",
    }
