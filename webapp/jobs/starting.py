"""Make a run of phones. The caller commits, then wakes a worker."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, insert, literal, not_, select

from provisioning.errors import N_, ProvisioningError
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.models import Phone, Run, RunStep, User


class RunError(ProvisioningError):
    """The run cannot be started, or no longer be changed."""


def start(
    phones: Iterable[int] | Select[Phone],
    user: User | None,
    import_id: int | None = None,
    retry_of: int | None = None,
    kind: str = "provision",
    options: dict[str, Any] | None = None,
) -> Run:
    """Make a run of these phones (ids or a query); raise RunError if there are none."""
    chosen = list(queries(phones))
    total = sum(db.session.scalar(count(query)) or 0 for query in chosen)
    if not total:
        raise RunError(N_("No phone was chosen"))
    run = Run(user=user, import_id=import_id, retry_of=retry_of, total=total)
    run.kind, run.options = kind, options
    db.session.add(run)
    db.session.flush()
    for query in chosen:
        steps = query.with_only_columns(literal(run.id), Phone.id, Phone.mac)
        db.session.execute(
            insert(RunStep).from_select(["run_id", "phone_id", "mac"], steps.order_by(Phone.id))
        )
    run.total = db.session.scalar(select(func.count()).where(RunStep.run_id == run.id)) or 0
    db.session.flush()
    return run


def count(query: Select[Phone]) -> Select[int]:
    return select(func.count()).select_from(query.with_only_columns(Phone.id).subquery())


def queries(phones: Iterable[int] | Select[Phone]) -> Iterable[Select[Phone]]:
    if isinstance(phones, Select):
        yield phones
        return
    for part in chunks(sorted(set(phones))):
        yield select(Phone).where(Phone.id.in_(part))


def follow(run_id: int) -> None:
    """After “provision and deliver”: tell the phones whose file changed. The caller commits.

    A phone that was never seen has no address: it comes when it is plugged in.
    """
    run = db.session.get_one(Run, run_id)
    if run.kind != "provision" or not (run.options or {}).get("deliver"):
        return
    done = select(RunStep.phone_id).where(RunStep.run_id == run_id, RunStep.state == "done")
    stale = select(Phone).where(Phone.id.in_(done), not_(Phone.is_in_state("current")))
    seen = stale.where(func.coalesce(Phone.address, Phone.fetched_address).is_not(None))
    found: dict[str, Any] = {"unseen": 0, "next": None}
    found["unseen"] = (db.session.scalar(count(stale)) or 0) - (db.session.scalar(count(seen)) or 0)
    if db.session.scalar(count(seen)):
        following = start(seen, run.user, import_id=run.import_id, kind="deliver")
        found["next"] = following.id
    run.options = (run.options or {}) | found
