"""`belldesk login`, `logout` and `remote`: a desk on another machine, over its API.

Exit codes: 0 good, 1 refused or phones failed, 2 usage, 3 not signed in, 4 not reached.
"""

import json
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from getpass import getuser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from webapp.cli import remote_desk, tables
from webapp.cli.remote_desk import Login, NotSignedInError, RemoteError, ask
from webapp.user_agent import printable

PAUSE = 1.0
STATES = ("current", "stale", "never", "silent")


@click.command()
@click.argument("url")
@click.option("--user", default="", help="Your name there; asked for if left out.")
@click.option("--name", default="", help="What the token is called there.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the input.")
def login(url: str, user: str, name: str, password_stdin: bool) -> None:
    """Sign in to the desk at URL and keep its token, in a file that only you can read."""
    desk = Login(remote_desk.checked(url))
    user = user or click.prompt("User name", default=getuser())
    password = typed(password_stdin)
    name = printable(name or f"belldesk on {socket.gethostname()}", 60)
    sent = {"name": user, "password": password, "token_name": name}
    got = ask(desk, "POST", "token", sent)
    give_up(remote_desk.stored())
    remote_desk.keep(Login(desk.url, got["token"], user))
    click.echo(f"Signed in to {desk.url} as {user} until {got['expires_at']}")


def typed(from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\n")
    found: str = click.prompt("Password", hide_input=True)
    return found


def give_up(old: Login | None) -> None:
    """A token that is replaced is revoked too, if its desk can be asked."""
    if old is not None:
        try:
            ask(old, "DELETE", "token")
        except RemoteError:
            click.echo(f"The earlier token of {old.url} could not be revoked.", err=True)


@click.command()
@click.option("--force", is_flag=True, help="Forget the token even if it cannot be revoked.")
def logout(force: bool) -> None:
    """Revoke the token on its desk and forget it here."""
    desk = remote_desk.stored()
    if desk is None:
        raise NotSignedInError("You are signed in to no desk.")
    try:
        ask(desk, "DELETE", "token")
    except NotSignedInError:
        click.echo("The token held no more.", err=True)
    except RemoteError:
        if not force:
            click.echo("The token still holds, and is kept; --force only forgets it.", err=True)
            raise
    remote_desk.forget()
    click.echo(f"Signed out of {desk.url}")


@click.group()
def group() -> None:
    """Use the desk that `belldesk login` signed in to."""


@group.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def me(as_json: bool) -> None:
    """Who the desk takes you for."""
    desk = remote_desk.kept()
    found = ask(desk, "GET", "me")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    rights = "everything" if found["administrator"] else ", ".join(found["permissions"]) or "-"
    click.echo(f"{found['name']} at {desk.url}, until {found['token']['expires_at']}: {rights}")


@group.command()
@click.option("--search", "q", default="", help="Words of the MAC, the label, the extension.")
@click.option("--state", type=click.Choice(STATES), help="Only phones in this state.")
@click.option("--site", default="", help="Only phones of this site (name or id).")
@click.option("--model", default="", help="Only phones of this model, such as X1SG.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def phones(as_json: bool, limit: int, **wanted: str | None) -> None:
    """List phones by their MAC addresses."""
    asked = {name: value for name, value in wanted.items() if value}
    rows = list(listed(remote_desk.kept(), "phones", asked, limit))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    tables.rows(tables.PHONES, map(cells_of, rows), "There is no such phone.")


def cells_of(row: dict[str, Any]) -> list[Any]:
    users = ", ".join(line["user"] for line in row["lines"])
    cells = [row["state"], row["mac"], row["label"], users, row["model"], row["site"]["name"]]
    return [*cells, row["fetched_at"], row["address"]]


def listed(desk: Login, name: str, asked: dict[str, str], limit: int) -> Iterator[Any]:
    """Rows of a list, page after page."""
    after: str | None = None
    while limit > 0:
        paging = {"limit": str(min(limit, 500))} | ({"after": after} if after else {})
        found = ask(desk, "GET", f"{name}?{urlencode(asked | paging)}")
        yield from found[name]
        limit, after = limit - len(found[name]), found["after"]
        if after is None:
            return


@group.command()
@click.option("--mac", "macs", multiple=True, help="This phone; may be given several times.")
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--model", default="", help="Phones of this model, such as X1SG.")
@click.option("--all", "everything", is_flag=True, help="Every phone there is.")
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow it to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(
    macs: tuple[str, ...], site: str, model: str, everything: bool, follow: bool, as_json: bool
) -> None:
    """Provision phones. With --watch, exit code 1 if a phone failed or the run was stopped."""
    chosen = {name: value for name, value in (("site", site), ("model", model)) if value}
    ways: list[dict[str, object]] = [{"macs": list(macs)}] if macs else []
    ways += [{"filter": chosen}] if chosen else []
    ways += [{"all": True}] if everything else []
    if len(ways) != 1:
        raise click.UsageError("Say which phones, in one way: --mac, --site and --model, or --all.")
    desk = remote_desk.kept()
    found = ask(desk, "POST", "runs", ways[0])
    while follow and not found["over"]:
        time.sleep(PAUSE)
        found = ask(desk, "GET", f"runs/{found['id']}")
    tell_run(found, as_json)
    sys.exit(1 if found["failed"] or found["stopped"] else 0)


def tell_run(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for failure in found["failures"]:
        click.echo(f"{failure['mac']}: {failure['reason']}")
    counts = ", ".join(f"{found[name]} {name}" for name in ("done", "failed", "stopped", "left"))
    click.echo(f"Run {found['id']} {found['state']}: {counts}")


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="", help="Model of rows that name none, such as X1SG or 405HD.")
@click.option("--site", default="", help="Site of rows that name none.")
@click.option("--server", default="", help="SIP server of rows that name none.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def upload(file: Path, dry_run: bool, as_json: bool, **choices: str) -> None:
    """Import a list of phones (CSV, TXT or XLSX). Exit code 1 if rows were refused."""
    desk = remote_desk.kept()
    fields = {name: value for name, value in choices.items() if value}
    sent = multipart(fields | {"commit": "0" if dry_run else "1"}, file)
    found = ask(desk, "POST", "imports", form=sent)
    while (found["import"] or {}).get("state") == "committing":
        time.sleep(PAUSE)
        found["import"] = ask(desk, "GET", f"imports/{found['import']['id']}")
    tell_import(found, as_json)
    failed = (found["import"] or {}).get("state") == "failed"
    sys.exit(1 if failed or found["counts"]["refused"] else 0)


def tell_import(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for row in found["refused"]:
        click.echo(f"Row {row['row']} {row['mac']}: {'; '.join(row['reasons'])}")
    written = found["import"]
    word = "Nothing written" if written is None else written["error"] or written["state"]
    click.echo(f"{word}: " + ", ".join(f"{n} {name}" for name, n in found["counts"].items()))


def multipart(fields: dict[str, str], file: Path) -> tuple[str, bytes]:
    """A form with one file, as (content type, octets)."""
    border = secrets.token_hex(16)
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    name = quote(file.name, safe=" ()[]-_.,")
    parts.append(
        f'--{border}\r\nContent-Disposition: form-data; name="sheet"; filename="{name}"\r\n\r\n'
    )
    body = "".join(parts).encode() + file.read_bytes() + f"\r\n--{border}--\r\n".encode()
    return f"multipart/form-data; boundary={border}", body
