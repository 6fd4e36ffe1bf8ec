"""`belldesk computers`: codes, list, show. Exit codes: 0 good, 1 not found, 2 usage."""

import json
import sys
from typing import Any

import click
from flask import current_app
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import or_, select
from sqlalchemy.orm import undefer

from webapp.cli import application
from webapp.computers import enrolling
from webapp.computers.ways import ways_of
from webapp.extensions import db
from webapp.models import Computer, ComputerUse, Site
from webapp.provision import fold
from webapp.selection import number

NOT_FOUND = 1
SHOWN = 20


@click.group()
def group() -> None:
    """Computers: let them in, see who is on them."""


@group.command("add-code")
@click.option("--site", "site_name", required=True, help="Name or number of a site.")
@click.option("--count", default=1, show_default=True, help="How many codes, one a computer.")
@click.option("--network", default="", help="Good from this network only, such as 10.1.0.0/16.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def add_code(site_name: str, count: int, network: str, as_json: bool) -> None:
    """Make codes, good once and for 24 hours; they are shown now and never again."""
    with application():
        site = site_called(site_name)
        try:
            made = enrolling.make_codes(site, count, network)
        except enrolling.EnrolError as error:
            raise click.UsageError(str(error)) from error
        db.session.commit()
        url = current_app.extensions["belldesk"].base_url
        lines = {code: dict(enrolling.install_lines(code, url)) for code in made}
    if as_json:
        click.echo(json.dumps([{"code": code, "lines": lines[code]} for code in made]))
        return
    for code in made:
        click.echo(code)
        for system, line in lines[code].items():
            click.echo(f"  {system:8} {line}")


def site_called(name: str) -> Site:
    """By its number or its name; two of one name are told apart by their number."""
    same = or_(Site.name == name, Site.id == (number(name) or 0))
    sites = db.session.scalars(select(Site).where(same)).all()
    if len(sites) != 1:
        click.echo(
            f"{len(sites)} sites are called {name}; `belldesk sites list` names them", err=True
        )
        sys.exit(NOT_FOUND)
    return sites[0]


@group.command("list")
@click.option("--q", "words", default="", help="Words that must occur: person, name, address.")
@click.option("--state", type=click.Choice(["up", "down", "never"]), help="Only these.")
@click.option("--most", default=200, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_computers(words: str, state: str | None, most: int, as_json: bool) -> None:
    """List computers, newest report first."""
    with application():
        query = select(Computer).where(*Computer.containing(fold(words)))
        if state:
            query = query.where(Computer.is_in_state(state))
        newest = query.order_by(Computer.reported_at.desc(), Computer.id.desc()).limit(most)
        rows = [row_of(computer) for computer in db.session.scalars(newest)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    columns = ("id", "name", "state", "person", "since", "address", "reported", "site")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(str(row[column] or "")) for column in columns))
    Console().print(table)


def row_of(computer: Computer) -> dict[str, Any]:
    since, reported = computer.account_since, computer.reported_at
    return {
        "id": computer.id, "name": computer.name, "serial": computer.serial,
        "state": computer.state, "person": computer.account_name,
        "since": since and since.isoformat(timespec="seconds"), "address": computer.address,
        "reported": reported and reported.isoformat(timespec="seconds"),
        "os": computer.os_name, "site": str(computer.site),
    }  # fmt: skip


@group.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one as JSON, by its number, serial number or name: ways to it, and who was on it."""
    with application():
        same = or_(
            Computer.serial == name.upper(),
            Computer.name == name,
            Computer.id == (number(name) or 0),
        )
        query = select(Computer).where(same).options(undefer(Computer.facts))
        computer = db.session.scalars(query.order_by(Computer.id)).first()
        if computer is None:
            click.echo(f"{name} is not known", err=True)
            sys.exit(NOT_FOUND)
        uses = db.session.scalars(ComputerUse.of_computer(computer.id).limit(SHOWN)).all()
        shown = row_of(computer) | {
            "ways": {way.tool: way.uri or way.target for way in ways_of(computer)},
            "uses": [
                {"person": str(use.account), "kind": use.kind,
                 "since": use.since.isoformat(timespec="seconds"),
                 "until": use.sure_until.isoformat(timespec="seconds")}
                for use in uses
            ],
        }  # fmt: skip
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
