"""`belldesk runs rollout`, `rollback` and `resume`. Exit codes: 0 good, 1 failures, 2 usage."""

import click

from provisioning.errors import ProvisioningError
from webapp.cli import application
from webapp.cli.runs import begin, known, started, wanted
from webapp.extensions import db
from webapp.runs import services

DAY = 24 * 60


@click.command()
@click.option("--site", default="", help="Phones of this site (name or id).")
@click.option("--model", default="", help="Phones of this model, such as X1SG.")
@click.option("--mac", "macs", multiple=True, help="This phone; may be given several times.")
@click.option("--stale", is_flag=True, help="Phones that took an older file than their newest.")
@click.option("--all", "everything", is_flag=True, help="Every phone there is.")
@click.option(
    "--minutes",
    type=click.IntRange(1, DAY),
    default=10,
    show_default=True,
    help="How long a stage waits for its phones.",
)
@click.option(
    "--percent",
    type=click.IntRange(0, 100),
    default=10,
    show_default=True,
    help="Phones in a hundred that may stay away after the first one.",
)
@click.option("--wait", is_flag=True, help="Wait for phones that cannot be reached.")
@click.option("--no-reboot", is_flag=True, help="Send nothing that restarts a phone.")
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow it until it ends or halts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rollout(
    site: str,
    model: str,
    macs: tuple[str, ...],
    stale: bool,
    everything: bool,
    minutes: int,
    percent: int,
    wait: bool,
    no_reboot: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Give phones new files in stages: one, then 5 in a hundred, then all."""
    if not (site or model or macs or stale or everything):
        raise click.UsageError("Say which phones: --site, --model, --mac, --stale or --all.")
    options = {"minutes": minutes, "percent": percent, "wait": wait, "reboot": not no_reboot}
    with application():
        begin(wanted(site, model, None, macs, stale), "rollout", options, None, follow, as_json)


@click.command()
@click.argument("run_id", metavar="ID", type=int)
@click.option("--watch", "-w", "follow", is_flag=True, help="Follow it to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rollback(run_id: int, follow: bool, as_json: bool) -> None:
    """Give the phones of a roll-out the files they had before, and tell them."""
    with application():
        try:
            run = services.roll_back(known(run_id), None)
        except ProvisioningError as error:
            raise click.UsageError(str(error)) from error
        started(run, follow, as_json)


@click.command()
@click.argument("run_id", metavar="ID", type=int)
def resume(run_id: int) -> None:
    """Go on with a roll-out that has halted itself."""
    with application():
        run = known(run_id)
        try:
            services.carry_on(run)
        except ProvisioningError as error:
            raise click.UsageError(str(error)) from error
        db.session.commit()
        services.send(run)
        click.echo(f"Run {run.id}: {run.state}")
