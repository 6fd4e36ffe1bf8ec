"""An agent comes in with a one-use code, which itself does not travel."""

import ipaddress
import logging
import secrets
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select, update

from webapp.audit import acting_as
from webapp.doors import agent_alerts
from webapp.doors.agent_keys import (
    NONCE_BYTES,
    agent_secret,
    from_base64,
    new_agent_key,
    to_base64,
)
from webapp.doors.agent_lookup import KnownCode
from webapp.doors.agent_messages import Enrolment, Identity, MessageError
from webapp.extensions import db, utcnow
from webapp.models import Agent, Computer, EnrolCode, Site
from webapp.provision import search_text

log = logging.getLogger("belldesk.agents")


class RefusedError(Exception):
    """The code opens nothing; the caller is told no more than a stranger."""


@dataclass(frozen=True)
class Enrolled:
    key: str
    nonce: str
    state: str


def check(app: Flask, code: KnownCode, address: str) -> None:
    """Refuse a code that was used, is over or is for another network; tell of what should alarm."""
    if code.used_at is None and code.expires_at <= utcnow():
        raise RefusedError("the code has expired")
    if code.used_at is not None:
        with app.app_context(), db.engine.begin() as connection:
            agent_alerts.code_twice(connection, code, address)
        raise RefusedError("the code was used before")
    if code.network and not inside(address, code.network):
        with app.app_context(), db.engine.begin() as connection:
            agent_alerts.code_elsewhere(connection, code, address)
        raise RefusedError("the code is for another network")


def inside(address: str, network: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def enrol(app: Flask, known: KnownCode, code: bytes, said: Enrolment, address: str) -> Enrolled:
    """Use the code up and make the agent, in one transaction."""
    try:
        nonce = from_base64(said.nonce)
    except ValueError as error:
        raise MessageError("nonce is no base64") from error
    if len(nonce) != NONCE_BYTES:
        raise MessageError(f"nonce must have {NONCE_BYTES} bytes")
    answer = secrets.token_bytes(NONCE_BYTES)
    with app.app_context(), acting_as(f"agents' door {address}"):
        unused = (EnrolCode.id == known.id, EnrolCode.used_at.is_(None))
        use = update(EnrolCode).where(*unused).values(used_at=utcnow(), used_from=address[:45])
        if not db.session.execute(use).rowcount:  # type: ignore[attr-defined]
            db.session.rollback()
            raise RefusedError("the code was used in the same moment")
        site = db.session.get_one(Site, known.site_id)
        computer, state = place(said, site)
        agent = Agent(
            key=new_agent_key(), secret=agent_secret(code, nonce, answer).hex(),
            computer=computer, state=state, address=address[:45],
        )  # fmt: skip
        db.session.add(agent)
        db.session.flush()
        used = update(EnrolCode).where(EnrolCode.id == known.id).values(agent_id=agent.id)
        db.session.execute(used)
        db.session.commit()
        log.info("%s enrolled from %s: %s", computer.name, address, state)
        return Enrolled(agent.key, to_base64(answer), state)


def place(said: Enrolment, site: Site) -> tuple[Computer, str]:
    """The computer it is, and whether a person must look: nobody takes a known one over by telling
    its serial number."""
    known = recognised(said.identity)
    if known is None:
        computer = Computer(serial=said.identity.serial or None, site=site)
        describe(computer, said)
        db.session.add(computer)
        return computer, "active"
    agents = db.session.scalars(Agent.of(known.id)).all()
    is_taken = any(agent.state == "active" for agent in agents)
    if is_taken or known.site.company_id != site.company_id:
        return known, "review"
    known.site = site
    describe(known, said)
    return known, "active"


def recognised(identity: Identity) -> Computer | None:
    if identity.serial:
        return db.session.scalar(Computer.with_serial(identity.serial).with_for_update(of=Computer))
    if not identity.uuid:
        return None
    same = select(Computer).where(Computer.uuid == identity.uuid, Computer.serial.is_(None))
    return db.session.scalar(same.order_by(Computer.id).limit(1))


def describe(computer: Computer, said: Enrolment) -> None:
    identity, system = said.identity, said.system
    computer.name, computer.uuid = identity.name, identity.uuid
    computer.manufacturer, computer.model = identity.manufacturer, identity.model
    computer.system, computer.release = system.system, system.release
    computer.os_name, computer.version = system.os_name, said.version
    site = computer.site
    computer.search = search_text(
        *(identity.name, identity.serial, identity.manufacturer, identity.model),
        *(system.os_name, computer.account_name, computer.address, site.name, site.company.name),
    )
