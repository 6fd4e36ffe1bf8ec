"""`belldesk runs`: start, watch, list and stop runs. Exit codes: 0 good, 1 failures, 2 usage."""

import json
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Select, or_, select

from provisioning.errors import ProvisioningError
from provisioning.mac import format_mac, normalise_mac
from provisioning.registry import registry
from webapp.cli import application, tables
from webapp.extensions import db
from webapp.models import Phone, Run, Site
from webapp.models.run import PUSHING
from webapp.runs import services

PAUSE = 0.5
SHOWN = 50


@click.group()
def group() -> None:
    """Provision phones and follow it."""


@group.command()
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--model", default="", help="Phones of this model, such as X1SG.")
@click.option("--import", "import_id", type=int, help="Phones that this upload added or changed.")
@click.option("--mac", "macs", multiple=True, help="This phone; may be given several times.")
@click.option("--all", "everything", is_flag=True, help="Every phone there is.")
@click.option("--deliver", is_flag=True, help="Then tell the phones whose file changed.")
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow it to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def start(
    site: str,
    model: str,
    import_id: int | None,
    macs: tuple[str, ...],
    everything: bool,
    deliver: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Start a run of the phones that fit all the options."""
    if not (site or model or import_id or macs or everything):
        raise click.UsageError("Say which phones: --site, --model, --import, --mac or --all.")
    with application():
        options = {"deliver": True} if deliver else None
        begin(
            wanted(site, model, import_id, macs), "provision", options, import_id, follow, as_json
        )


def begin(
    phones: Select[Phone],
    kind: str,
    options: dict[str, Any] | None,
    import_id: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    try:
        run = services.start(phones, None, import_id, kind=kind, options=options)
    except ProvisioningError as error:
        raise click.UsageError(str(error)) from error
    started(run, follow, as_json)


def started(run: Run, follow: bool, as_json: bool) -> None:
    """Commit, wake a worker, and follow the run or say what it is."""
    db.session.commit()
    services.send(run)
    if follow:
        sys.exit(watched(run.id, as_json))
    click.echo(json.dumps(facts(run)) if as_json else f"Run {run.id}: {run.total} phones")


@group.command()
@click.argument("run_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when it has ended.")
def watch(run_id: int, as_json: bool) -> None:
    """Follow a run to its end. Exit code 1 if a phone failed or the run was stopped."""
    with application():
        sys.exit(watched(known(run_id).id, as_json))


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_runs(as_json: bool) -> None:
    """List the newest runs."""
    with application():
        runs = list(db.session.scalars(Run.newest_first().limit(SHOWN)))
        rows = [facts(run) for run in runs]
    if as_json:
        click.echo(json.dumps(rows))
        return
    names = ("run", "kind", "state", "phones", "done", "failed", "left", "started")
    tables.rows(names, ([row[key] for key in COLUMNS] for row in rows), "There was no run yet.")


COLUMNS = ("id", "kind", "state", "total", "done", "failed", "left", "created_at")


@group.command()
@click.argument("run_id", metavar="ID", type=int)
def stop(run_id: int) -> None:
    """Take no further phone of a run; those at hand are finished."""
    with application():
        run = known(run_id)
        services.stop(run)
        db.session.commit()
        services.send(run)
        click.echo(f"Run {run.id}: {run.state}")


def known(run_id: int) -> Run:
    run = db.session.get(Run, run_id)
    if run is None:
        raise click.UsageError(f"There is no run {run_id}.")
    return run


def wanted(
    site: str, model: str, import_id: int | None, macs: tuple[str, ...], stale: bool = False
) -> Select[Phone]:
    query = select(Phone) if import_id is None else services.of_import(None, import_id)
    if stale:
        query = query.where(Phone.is_in_state("stale"))
    if site:
        named = [Site.name == site] + ([Site.id == int(site)] if site.isdecimal() else [])
        ids = list(db.session.scalars(select(Site.id).where(or_(*named))))
        if not ids:
            raise click.UsageError(f"There is no site “{site}”.")
        query = query.where(Phone.site_id.in_(ids))
    if model:
        found = registry().find(model)
        if found is None:
            raise click.UsageError(f"No phone model “{model}” is known.")
        query = query.where(Phone.model == found.key)
    if macs:
        query = query.where(Phone.id.in_([phone_id(text) for text in macs]))
    return query


def phone_id(text: str) -> int:
    """A phone that is not there is a mistake, not a phone less."""
    try:
        mac = normalise_mac(text)
    except ProvisioningError as error:
        raise click.UsageError(str(error)) from error
    found = db.session.scalar(select(Phone.id).where(Phone.mac == mac))
    if found is None:
        raise click.UsageError(f"There is no phone {text}.")
    return found


def facts(run: Run, failures: bool = False) -> dict[str, Any]:
    now = services.progress(run, lines=0, failures=10_000 if failures else 0)
    found: dict[str, Any] = {
        "id": run.id,
        "kind": run.kind,
        "state": run.state,
        "total": run.total,
        "done": now.done,
        "unchanged": now.unchanged,
        "failed": now.failed,
        "stopped": now.stopped,
        "left": now.left,
        "seconds": round(now.seconds, 1),
        "created_at": run.created_at.isoformat(timespec="seconds"),
    }
    if run.kind in PUSHING:
        found |= {"returned": now.returned, "stage": run.stage + 1}
    if run.message:
        found["message"] = run.message % (run.params or {})
    if following := (run.options or {}).get("next"):
        found["next"] = following
    if failures:
        found["failures"] = [
            {"mac": step.mac, "reason": step.message % (step.params or {})} for step in now.failures
        ]
    return found


def watched(run_id: int, as_json: bool) -> int:
    """Follow the run; what is said to people goes to stderr, so that stdout is the result."""
    console = Console(stderr=True, quiet=as_json)
    columns = (TextColumn("Run {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        shown = bar.add_task(str(run_id), total=None)
        while True:
            db.session.rollback()  # see what the worker has committed since
            run = known(run_id)
            now = services.progress(run, lines=0, failures=0)
            bar.update(shown, completed=now.ended, total=now.total)
            if run.is_over or (run.state == "halted" and not now.waiting):
                break
            time.sleep(PAUSE)
    result = facts(run, failures=True)
    if as_json:
        click.echo(json.dumps(result))
    else:
        tell(result)
    return 0 if now.is_clean else 1


def tell(result: dict[str, Any]) -> None:
    if "message" in result:
        click.echo(result["message"])
    for failure in result["failures"]:
        click.echo(f"{format_mac(failure['mac'])}: {failure['reason']}")
    click.echo(
        f"Run {result['id']} {result['state']}: {result['done']} done"
        f" ({result['unchanged']} unchanged), {result['failed']} failed,"
        f" {result['stopped']} stopped, {result['seconds']} s"
    )
    if following := result.get("next"):
        click.echo(f"Run {following} tells the phones: belldesk runs watch {following}")
    if result["state"] == "halted":
        number = result["id"]
        click.echo(f"To go on: belldesk runs resume {number}")
        click.echo(f"To take it back: belldesk runs rollback {number}")
