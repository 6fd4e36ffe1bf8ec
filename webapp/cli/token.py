"""`belldesk token`: the API's tokens, on the server itself. Exit codes: 0 good, 1 refused, 2 usage.

Nothing asks for a password here: who runs this command holds the database and its keys anyway.
"""

import json

import click
from sqlalchemy import select

from webapp import names, tokens
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import ApiToken, User
from webapp.models.token import LONGEST_NAME
from webapp.user_agent import printable

COLUMNS = ("id", "user", "name", "state", "expires_at", "used_at", "used_from")


@click.group()
def group() -> None:
    """Tokens that programs sign in with."""


@group.command()
@click.argument("user")
@click.option("--name", default="", help="What it is for.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(user: str, name: str, as_json: bool) -> None:
    """Make a token of USER and print it: this once, it is stored nowhere."""
    with application():
        owner = found(user)
        if not owner.active:
            raise click.ClickException(f"{owner.name} is disabled")
        row, text = tokens.issue(owner, printable(name, LONGEST_NAME))
        db.session.commit()
        facts = facts_of(row)
    if as_json:
        click.echo(json.dumps(facts | {"token": text}, ensure_ascii=False))
        return
    click.echo(text)
    click.echo(f"It expires at {facts['expires_at']}.", err=True)


@group.command("list")
@click.argument("user", default="")
@click.option("--all", "everything", is_flag=True, help="Expired and revoked ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_tokens(user: str, everything: bool, as_json: bool) -> None:
    """List the tokens of USER, or everybody's."""
    with application():
        query = ApiToken.of(found(user)) if user else select(ApiToken).order_by(ApiToken.id.desc())
        rows = [facts_of(row) for row in db.session.scalars(query)]
    rows = [row for row in rows if everything or row["state"] == "active"]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    tables.rows(COLUMNS, ([row[key] for key in COLUMNS] for row in rows), "There is no token.")


@group.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1, 2**31 - 1))
@click.option("--user", default="", help="All tokens of this user.")
def revoke(ids: tuple[int, ...], user: str) -> None:
    """Revoke tokens by their numbers, or all of a user: they are refused at once."""
    if bool(ids) == bool(user):
        raise click.UsageError("Say which: their numbers, or --user.")
    with application():
        count = tokens.revoke_all(found(user)) if user else revoke_these(ids)
        db.session.commit()
    click.echo(f"Revoked: {count}")


def revoke_these(ids: tuple[int, ...]) -> int:
    for number in ids:
        row = db.session.get(ApiToken, number)
        if row is None:
            raise click.ClickException(f"There is no token {number}. Nothing was revoked.")
        tokens.revoke(row)
    return len(ids)


def found(name: str) -> User:
    user: User | None = db.session.scalar(User.named(names.normal(name)))
    if user is None:
        raise click.ClickException(f"There is no user named “{name}”")
    return user


def facts_of(row: ApiToken) -> dict[str, object]:
    moments = {
        key: at.isoformat(timespec="seconds") if at else None
        for key, at in (("expires_at", row.expires_at), ("used_at", row.used_at))
    }
    return {
        "id": row.id,
        "user": row.user.name,
        "name": row.name,
        "state": row.state,
        "used_from": row.used_from,
        **moments,
    }
