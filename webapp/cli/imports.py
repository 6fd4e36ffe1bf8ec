"""`belldesk phones import FILE`: the upload page's work at the command line."""

import json
from pathlib import Path

import click
from sqlalchemy import select

from provisioning.errors import ProvisioningError
from provisioning.registry import registry
from webapp.audit import actor
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.imports import services
from webapp.imports.commit import commit
from webapp.imports.plan import Plan, sites_by_name
from webapp.models import SheetImport, SipServer, Site

REFUSED = 1


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="", help="Model of rows that name none, such as X1SG or 405HD.")
@click.option("--site", default="", help="Site of rows that name none: “site” or “company / site”.")
@click.option("--server", default="", help="SIP server of rows that name none.")
@click.option("--encoding", default="", help="utf-8, cp1252, utf-16 …; recognised if left out.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--all-or-nothing", is_flag=True, help="Write nothing if any row is refused.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def group(
    file: Path,
    model: str,
    site: str,
    server: str,
    encoding: str,
    dry_run: bool,
    all_or_nothing: bool,
    as_json: bool,
) -> None:
    """Import a list of phones (CSV, TXT or XLSX). Exit code 1 if rows were refused."""
    with application():
        try:
            draft = services.upload(
                file.read_bytes(),
                file.name,
                None,
                services.Choices(
                    model_key(model), site_named(site), server_named(server), encoding
                ),
                who=actor().name.removeprefix("cli:"),
            )
            plan = services.preview(draft)
            write = not dry_run and not (all_or_nothing and plan.counts["refused"])
            if write:
                plan = commit(draft)
                db.session.commit()
            else:
                db.session.rollback()
        except ProvisioningError as error:
            raise click.ClickException(str(error)) from error
        report(plan, draft if write else None, as_json)
    raise SystemExit(REFUSED if plan.counts["refused"] else 0)


def model_key(name: str) -> str:
    if not name:
        return ""
    found = registry().find(name)
    if found is None:
        raise click.BadParameter(f"no model is called “{name}”", param_hint="--model")
    return found.key


def site_named(name: str) -> Site | None:
    found = sites_by_name().get(name.casefold()) if name else None
    if name and found is None:
        raise click.BadParameter(f"there is no one site called “{name}”", param_hint="--site")
    return found


def server_named(name: str) -> SipServer | None:
    """A server by its name, else by its host; one that is not known yet is entered."""
    if not name:
        return None
    either = (SipServer.name == name) | (SipServer.host == name)
    known = db.session.scalars(select(SipServer).where(either)).first()
    if known is None:
        known = SipServer(name=name, host=name)
        db.session.add(known)
    return known


def report(plan: Plan, written: SheetImport | None, as_json: bool) -> None:
    refused = [
        (p.row.number, p.row.mac, [str(r) for r in p.reasons]) for p in plan.having("refused")
    ]
    if as_json:
        rows = [{"row": row, "mac": mac, "reasons": why} for row, mac, why in refused]
        number = written.id if written else None
        click.echo(json.dumps({"import": number, "counts": plan.counts, "refused": rows}))
        return
    if refused:
        cells = ((row, mac, "\n".join(why)) for row, mac, why in refused)
        tables.rows(("row", "MAC", "refused because"), cells)
    counts = ", ".join(f"{count} {name}" for name, count in plan.counts.items())
    click.echo(f"{'Written' if written else 'Nothing written'}: {counts}")
