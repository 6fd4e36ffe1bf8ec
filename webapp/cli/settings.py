"""`belldesk settings`: show, set, unset. Exit codes: 0 good, 1 refused or not found, 2 usage."""

import json
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import click
from sqlalchemy import select

from provisioning.errors import MacError
from provisioning.mac import normalise_mac
from provisioning.registry import registry
from provisioning.settings import CATALOGUE, Effective
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import Company, Phone, Profile, Site
from webapp.setting_values import EMPTY, Scope, inherited, save, scope_of, values_at


@click.group()
def group() -> None:
    """What phones get, for all, a vendor, a model, a company, a site, a profile or a phone."""


def places(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say for whom; --phone may be given several times."""
    options = (
        click.option("--everywhere", is_flag=True, help="For all phones."),
        click.option("--vendor", default="", help="Such as fanvil."),
        click.option("--model", default="", help="Such as X1SG."),
        click.option("--company", default="", help="Its name."),
        click.option("--site", default="", help="Its name, “company / site” or id."),
        click.option("--profile", default="", help="Its name."),
        click.option("--phone", multiple=True, help="MAC address; may be given several times."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@group.command("set")
@click.argument("key")
@click.argument("value")
@places
def set_value(key: str, value: str, **where: Any) -> None:
    """Set KEY to VALUE there; "" means nothing at all."""
    with application():
        write(key, value.strip() or EMPTY, scopes(**where))


@group.command("unset")
@click.argument("key")
@places
def unset(key: str, **where: Any) -> None:
    """Let KEY be inherited there again."""
    with application():
        write(key, "", scopes(**where))


@group.command("list")
@places
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_values(as_json: bool, **where: Any) -> None:
    """List what is set at one place itself."""
    with application():
        found = {scope.name: values_at(scope) for scope in scopes(**where)}
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    cells = (
        (name, key, shown(key, value)) for name, own in found.items() for key, value in own.items()
    )
    tables.rows(("where", "setting", "value"), cells, "Nothing is set there: all is inherited.")


@group.command()
@click.argument("mac")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(mac: str, as_json: bool) -> None:
    """Show every setting of a phone, and where it comes from."""
    with application():
        scope = phone_scope(mac)
        own, (below, names) = values_at(scope), inherited(scope)
        rows = {key: in_force(key, own, below, names) for key in CATALOGUE}
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = ((key, row["value"], row["origin"]) for key, row in rows.items())
    tables.rows(("setting", "value", "from"), cells)


def in_force(
    key: str, own: dict[str, str], below: dict[str, Effective], names: dict[str, str]
) -> dict[str, Any]:
    if key in own:
        return {"value": shown(key, own[key]), "origin": names["phone"]}
    value, origin = below[key].value, below[key].origin
    return {"value": value, "origin": names.get(origin, origin)}


def shown(key: str, value: str) -> str:
    return "••••••" if CATALOGUE[key].kind == "secret" and value else value


def write(key: str, text: str, where: list[Scope]) -> None:
    """Write it everywhere or nowhere."""
    if key not in CATALOGUE:
        near = get_close_matches(key, CATALOGUE, n=3, cutoff=0.5)
        meant = f"Did you mean {' or '.join(near)}?" if near else f"Choose: {', '.join(CATALOGUE)}"
        raise click.UsageError(f"There is no setting “{key}”. {meant}")
    count = 0
    for scope in where:
        changed, errors = save(scope, {f"set:{key}": text}, keep_secrets=False)
        if errors:
            db.session.rollback()
            raise click.ClickException(errors[key])
        count += bool(changed)
    db.session.commit()
    click.echo(f"{count} of {len(where)} changed. Phones get it when they are provisioned.")


def scopes(
    everywhere: bool,
    vendor: str,
    model: str,
    company: str,
    site: str,
    profile: str,
    phone: tuple[str, ...],
) -> list[Scope]:
    """The one place that the options name, or the phones."""
    said = {"vendor": vendor, "model": model, "company": company, "site": site, "profile": profile}
    said = {kind: text for kind, text in said.items() if text}
    if len(said) + everywhere + bool(phone) != 1:
        raise click.UsageError("Say for whom: one of --everywhere, --vendor, --model, --company, "
                               "--site, --profile, --phone.")  # fmt: skip
    if phone:
        return [phone_scope(mac) for mac in phone]
    if everywhere:
        return [found("everywhere", "", "")]
    [(kind, text)] = said.items()
    return [found(kind, target(kind, text), text)]


def target(kind: str, text: str) -> str:
    if kind == "vendor":
        return text.lower()
    if kind == "model":
        known = registry().find(text)
        return known.key if known else ""
    tables: dict[str, Any] = {"company": Company, "site": Site, "profile": Profile}
    rows = list(db.session.scalars(tables[kind].by_name()))
    named = [row for row in rows if text in (row.name, str(row), str(row.id))]
    return str(named[0].id) if len(named) == 1 else ""


def phone_scope(mac: str) -> Scope:
    try:
        digits = normalise_mac(mac)
    except MacError as error:
        raise click.UsageError(str(error)) from error
    number = db.session.scalar(select(Phone.id).where(Phone.mac == digits))
    return found("phone", str(number or ""), mac)


def found(kind: str, key: str, text: str) -> Scope:
    scope = scope_of(kind, key)
    if scope is None:
        raise click.ClickException(f"There is no one {kind} “{text}”.")
    return scope
