"""What a step leaves in the export folder, for sites with a server of their own.

A phone of a `strict` site is left its bootstrap: the folder must not give away what the door keeps.
"""

from collections.abc import Sequence
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from provisioning.errors import ProvisioningError
from provisioning.registry import registry
from webapp.config import Config
from webapp.export import export, withdraw
from webapp.extensions import db
from webapp.models import Bootstrap, Phone, Revision
from webapp.provision import Outcome


def write_folder(phones: Sequence[Phone], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write the files, if that is on; what cannot be written has failed."""
    config: Config = current_app.extensions["belldesk"]
    folder = config.export_dir
    if folder is None:
        return list(outcomes)
    known = {phone.id: phone for phone in phones}
    bodies = bodies_of(known, outcomes)
    return [
        written(folder, known[outcome.phone_id], outcome, bodies.get(outcome.phone_id))
        for outcome in outcomes
    ]


def bodies_of(phones: dict[int, Phone], outcomes: Sequence[Outcome]) -> dict[int, bytes]:
    """What is to lie in the folder for each phone; for some that is nothing."""
    open_to_all = {
        outcome.revision_id: outcome.phone_id
        for outcome in outcomes
        if outcome.word != "failed" and phones[outcome.phone_id].site.policy != "strict"
    }
    revisions = select(Revision.id, Revision.body).where(Revision.id.in_(open_to_all))
    found = {open_to_all[row.id]: row.body for row in db.session.execute(revisions)}
    strict = [phone.id for phone in phones.values() if phone.site.policy == "strict"]
    short = select(Bootstrap.phone_id, Bootstrap.body).where(Bootstrap.phone_id.in_(strict))
    return found | {row.phone_id: row.body for row in db.session.execute(short)}


def written(folder: Path, phone: Phone, outcome: Outcome, body: bytes | None) -> Outcome:
    model = registry().models.get(phone.model)
    if model is None:
        return outcome
    try:
        if body is not None:
            export(folder, model, phone.mac, body)
        elif phone.site.policy == "strict":
            withdraw(folder, model, phone.mac)
    except ProvisioningError as error:
        return Outcome(phone.id, "failed", outcome.revision_id, error.message, error.params)
    return outcome
