"""`belldesk sites`: list, add, show, change a key. Exit codes: 0 good, 1 not found, 2 usage."""

import ipaddress
import json
import sys
from typing import Any

import click

from provisioning.dhcp import SERVERS, DhcpError, configuration
from provisioning.registry import registry
from webapp import audit, provision
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import Company, Site
from webapp.models.site import DOOR_AUTHS, POLICIES, PRIVATE_NETWORKS
from webapp.sites import services
from webapp.sites.door import door_of, set_policy

NOT_FOUND = 1
SHUT = (
    "No phone of this site gets its file: no proxy hands certificates on. Set"
    " BELLDESK_CLIENT_CERT_HEADER and BELLDESK_TRUSTED_PROXIES (docs/deployment.md), or say"
    " --no-certificate."
)


@click.group()
def group() -> None:
    """Where phones stand, and the address they come to."""


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_sites(as_json: bool) -> None:
    """List the sites."""
    with application():
        counts = services.phone_counts()
        rows = [
            {"id": site.id, "company": site.company.name, "name": site.name,
             "phones": counts.get(site.id, 0), "networks": site.networks.split()}
            for site in db.session.scalars(Site.by_name())
        ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = ([row[key] for key in ("id", "company", "name", "phones")] for row in rows)
    tables.rows(("id", "company", "site", "phones"), cells, "There is no site yet.")


@group.command()
@click.argument("company")
@click.argument("name")
@click.option(
    "--network", "networks", multiple=True, help="10.1.0.0/16; may be given several times."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the address.")
def add(company: str, name: str, networks: tuple[str, ...], as_json: bool) -> None:
    """Add a site, and its company if there is none of that name."""
    for text in networks:
        checked(text)
    with application():
        known = db.session.scalar(Company.named(company))
        if known and db.session.scalar(Site.named(known.id, name)):
            raise click.UsageError(f"{company} already has a site “{name}”.")
        site = services.add(company, name, " ".join(networks) or PRIVATE_NETWORKS)
        db.session.commit()
        told(site, as_json, with_key=True)


@group.command("rotate-key")
@click.argument("site")
@click.option("--overlap", type=click.Choice(["0", "24", "168"]), default="168", show_default=True,
              help="Hours the old address still works.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the address.")
def rotate_key(site: str, overlap: str, as_json: bool) -> None:
    """Give a site a new key; its phones need to be provisioned afterwards."""
    with application():
        chosen = found(site)
        services.rotate(chosen, int(overlap))
        db.session.commit()
        told(chosen, as_json, with_key=True)


@group.command()
@click.argument("site")
@click.option("--server", type=click.Choice(list(SERVERS)), required=True)
@click.option("--vendor", "vendors", multiple=True, type=click.Choice(list(registry().vendors)),
              help="Only for its phones; may be given several times.")  # fmt: skip
def dhcp(site: str, server: str, vendors: tuple[str, ...]) -> None:
    """Print what to paste into the DHCP server of a site. It holds the key: this is recorded."""
    with application():
        chosen = found(site)
        url = provision.site_url(chosen)
        if not url:
            raise click.ClickException("Set BELLDESK_BASE_URL to where phones reach this desk.")
        only = [registry().vendors[vendor] for vendor in vendors] or None
        try:
            text = configuration(server, url, f"Belldesk: {chosen}", only)
        except DhcpError as error:
            raise click.ClickException(str(error)) from error
        audit.record("reveal", "Site", chosen.id, str(chosen), {"secret": "key", "for": server})
        db.session.commit()
    click.echo(text, nl=False)


@group.command("set-policy")
@click.argument("site")
@click.argument("policy", type=click.Choice(POLICIES))
@click.option("--auth", type=click.Choice(DOOR_AUTHS), help="What phones must show besides.")
@click.option("--certificate/--no-certificate", default=None, help="Their maker's certificate too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def change_policy(
    site: str, policy: str, auth: str | None, certificate: bool | None, as_json: bool
) -> None:
    """Choose whom a site lets in. What is not said stays as it is."""
    with application():
        chosen = found(site)
        wanted = chosen.certificate_required if certificate is None else certificate
        set_policy(chosen, policy, auth or chosen.door_auth, wanted)
        db.session.commit()
        door = door_of(chosen)
        told(chosen, as_json, with_key=False)
    if door.waiting:
        words = f"Provision its phones: {door.waiting} cannot be told their address yet."
        click.echo(words, err=True)
    if door.shut:
        click.echo(SHUT, err=True)


@group.command()
@click.argument("site")
@click.option("--key", "with_key", is_flag=True, help="With its address; this is recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(site: str, with_key: bool, as_json: bool) -> None:
    """Show one site."""
    with application():
        chosen = found(site)
        if with_key:
            audit.record("reveal", "Site", chosen.id, str(chosen), {"secret": "key"})
            db.session.commit()
        told(chosen, as_json, with_key)


def checked(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise click.UsageError(f"“{text}” is no network such as 10.1.0.0/16.") from error


def found(text: str) -> Site:
    """By id, by “site” or by “company / site”."""
    sites = db.session.scalars(Site.by_name())
    matching = [site for site in sites if text in (str(site.id), site.name, str(site))]
    if len(matching) > 1:
        raise click.UsageError(f"“{text}” means several sites: write “company / site”.")
    if not matching:
        click.echo(f"There is no site “{text}”.", err=True)
        sys.exit(NOT_FOUND)
    return matching[0]


def told(site: Site, as_json: bool, with_key: bool) -> None:
    current, stale, never = services.states(site)
    facts: dict[str, Any] = {
        "id": site.id,
        "company": site.company.name,
        "name": site.name,
        "networks": site.networks.split(),
        "phones": {"current": current, "stale": stale, "never": never},
        "policy": site.policy,
        "door_auth": site.door_auth,
        "certificate_required": site.certificate_required,
        "old_key_until": site.previous_until.isoformat() if site.previous_until else None,
    }
    if with_key:
        facts |= {"key": site.key, "url": provision.site_url(site)}
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    tables.facts(facts)
