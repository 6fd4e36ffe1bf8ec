"""`belldesk phones`: list and show phones. Exit codes: 0 good, 1 not found, 2 usage."""

import json
import sys
from typing import Any

import click
from sqlalchemy import select

from provisioning.errors import ProvisioningError
from provisioning.keys import written
from provisioning.mac import format_mac, normalise_mac
from provisioning.registry import registry
from webapp import provision
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import Phone, Site
from webapp.selection import STATES

NOT_FOUND = 1
COLUMNS = ("state", "mac", "label", "lines", "model", "site", "fetched_at", "address")


@click.group()
def group() -> None:
    """Phones: enter them, look at them, let them in, tell them to fetch."""


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only phones in this state.")
@click.option("--site", default="", help="Only phones of this site (name or id).")
@click.option("--model", default="", help="Only phones of this model, such as X1SG.")
@click.option("--search", default="", help="Words of the MAC, the label, the extension, the model.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_phones(
    state: str | None, site: str, model: str, search: str, limit: int, as_json: bool
) -> None:
    """List phones by their MAC addresses."""
    with application():
        query = select(Phone).where(*Phone.containing(provision.fold(search)))
        if state:
            query = query.where(Phone.is_in_state(state))
        if site:
            query = query.where(Phone.site_id.in_(site_ids(site)))
        if model:
            query = query.where(Phone.model == model_key(model))
        query = query.options(*Phone.for_list()).order_by(Phone.mac).limit(limit)
        rows = [summary(phone) for phone in db.session.scalars(query)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = ([said(row[key]) for key in COLUMNS] for row in rows)
    tables.rows(tables.PHONES, cells, "There is no such phone.")


@group.command()
@click.argument("mac")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(mac: str, as_json: bool) -> None:
    """Show one phone with its lines and its settings. Passwords are never printed."""
    with application():
        phone = found(mac)
        facts = summary(phone) | details(phone)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    settings = facts.pop("settings")
    tables.facts(facts)
    cells = ((key, entry["value"], entry["origin"]) for key, entry in settings.items())
    tables.rows(("setting", "value", "from"), cells)


def said(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def found(mac: str) -> Phone:
    try:
        digits = normalise_mac(mac)
    except ProvisioningError as error:
        raise click.UsageError(str(error)) from error
    phone = db.session.scalar(Phone.with_mac(digits))
    if phone is None:
        click.echo(f"There is no phone {format_mac(digits)}.", err=True)
        sys.exit(NOT_FOUND)
    return phone


def site_ids(text: str) -> list[int]:
    sites = db.session.scalars(Site.by_name())
    ids = [site.id for site in sites if text in (site.name, str(site), str(site.id))]
    if not ids:
        raise click.UsageError(f"There is no site “{text}”.")
    return ids


def model_key(text: str) -> str:
    model = registry().find(text)
    if model is None:
        raise click.UsageError(f"No phone model “{text}” is known.")
    return model.key


def summary(phone: Phone) -> dict[str, Any]:
    return {
        "mac": format_mac(phone.mac),
        "state": phone.state,
        "label": phone.label,
        "lines": [line.user for line in phone.lines],
        "model": phone.model,
        "site": str(phone.site),
        "profile": phone.profile.name if phone.profile else None,
        "fetched_at": phone.fetched_at.isoformat() if phone.fetched_at else None,
        "address": phone.fetched_address,
        "firmware": phone.firmware,
    }


def details(phone: Phone) -> dict[str, Any]:
    chosen = provision.Settings([phone.id])
    settings = chosen.of(phone)
    keys = chosen.keys.shown(phone, str(settings["voicemail.number"].value))
    return {
        "accounts": [
            {
                "number": line.number,
                "user": line.user,
                "display_name": line.display_name,
                "server": line.sip_server.host,
            }
            for line in phone.lines
        ],
        "keys": [
            {
                "key": written(one.key),
                "origin": one.origin,
                "left_out": str(one.left_out) if one.left_out else "",
            }
            for one in keys
        ],
        "revised_at": phone.revised_at.isoformat() if phone.revised_at else None,
        "settings": {
            key: {"value": effective.value, "origin": effective.origin}
            for key, effective in settings.items()
        },
    }
