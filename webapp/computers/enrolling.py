"""Codes with which agents come in, and the decisions about agents that need one."""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select

from provisioning.errors import N_, ProvisioningError
from webapp.doors.agent_keys import new_code, shown
from webapp.extensions import db, utcnow
from webapp.models import Agent, EnrolCode, Site

GOOD_FOR = timedelta(hours=24)
MOST = 200  # codes at once


class EnrolError(ProvisioningError):
    """A code that cannot be made, in words for a person."""


def make_codes(site: Site, count: int, network: str = "", user_id: int | None = None) -> list[str]:
    """Add codes and return them as they are shown, this once. The caller commits."""
    if not 1 <= count <= MOST:
        raise EnrolError(N_("Between 1 and %(most)s codes can be made at once"), most=MOST)
    network = checked(network)
    made = []
    for _ in range(count):
        code = new_code()
        db.session.add(
            EnrolCode(
                lookup=EnrolCode.lookup_of(code), code=code.hex(), site=site, network=network,
                user_id=user_id, expires_at=utcnow() + GOOD_FOR,
            )
        )  # fmt: skip
        made.append(shown(code))
    return made


def checked(network: str) -> str:
    if not network.strip():
        return ""
    try:
        return str(ipaddress.ip_network(network.strip(), strict=False))
    except ValueError:
        raise EnrolError(
            N_("“%(text)s” is no network such as 10.1.0.0/16"), text=network[:50]
        ) from None


def accept(agent: Agent) -> None:
    """This is the computer: agents it had before are revoked. It belongs where its code was for."""
    for other in db.session.scalars(Agent.of(agent.computer_id)):
        if other.id != agent.id and other.state == "active":
            other.state = "revoked"
    agent.state = "active"
    code = db.session.scalar(select(EnrolCode).where(EnrolCode.agent_id == agent.id))
    if code is not None:
        agent.computer.site = code.site


def revoke(agent: Agent) -> None:
    """What it says is refused from now on."""
    agent.state = "revoked"


def install_lines(code: str, url: str) -> Mapping[str, str]:
    """What somebody pastes on the computer, by system."""
    agent = "belldesk-agent.pyz"
    unix = f"python3 {agent} enrol {url} {code} && python3 {agent} run"
    return {
        "Linux": unix,
        "Windows": f"py {agent} enrol {url} {code}; pyw {agent} run",
        "macOS": unix,
    }
