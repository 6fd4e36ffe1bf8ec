"""Run the attacks against our own doors and write down what came of them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import current_app
from sqlalchemy import select

from provisioning.errors import N_
from webapp import audit
from webapp.config import Config
from webapp.doors.flood import source
from webapp.extensions import db, utcnow
from webapp.models import Alert, Ban, Fetch, SelfTest, Site
from webapp.selftest import attacks, settings
from webapp.selftest.checks import CHECKS, Check, finding, score
from webapp.selftest.decoys import Decoy, NoDecoyError, decoys, open_again
from webapp.selftest.doors import DoorError, Doors

Note = Callable[[dict[str, Any]], None]
ALARM_WITHIN = 6.0  # seconds until the fetch log has written what we did
LATE = 0.5  # seconds in which the doors write what they saw last
WALK = "neighbours"


def create(url: str = "", tftp: str = "", user_id: int | None = None) -> SelfTest:
    """Enter a test of the doors at these addresses, by default where phones come to."""
    config: Config = current_app.extensions["belldesk"]
    local = "127.0.0.1" if config.tftp_host in ("0.0.0.0", "::", "") else config.tftp_host  # noqa: S104
    test = SelfTest(
        url=url or config.base_url, tftp=tftp or f"{local}:{config.tftp_port}", user_id=user_id
    )
    db.session.add(test)
    return test


def run(test: SelfTest, note: Note = lambda row: None) -> None:
    """Attack; `note` hears every finding as it is made. Commits as it goes."""
    test.state, test.findings = "running", []
    db.session.commit()
    try:
        for row in attacked(test):
            test.findings = [*test.findings, row]
            db.session.commit()
            note(row)
    except (DoorError, NoDecoyError) as error:
        db.session.rollback()
        test.state, test.message = "failed", N_("The door at %(url)s cannot be tested: %(error)s")
        test.params = {"url": test.url, "error": str(error)[:200]}
    else:
        test.state, test.score = "done", score(test.findings)
    test.ended_at = utcnow()
    db.session.commit()


def attacked(test: SelfTest) -> Iterator[dict[str, Any]]:
    doors = Doors(test.url, address(test.tftp))
    try:
        for site in representatives():
            if wants_more(site):
                yield not_attacked(str(site))
                continue
            with decoys(site) as pair:
                if not attacks.opens(doors, pair[1]):  # which pins that one to where we are
                    raise DoorError("a phone's own key does not open its file")
                if site.policy == "strict":
                    open_again(pair[1])
                yield from at_site(doors, site, pair)
        yield from settings.findings(doors)
    finally:
        doors.close()


def representatives() -> list[Site]:
    """One site of each policy that is in use: what holds for it holds for the others.

    Where a phone must show more than a key, the decoys are strangers: other sites go before.
    """
    found: dict[str, Site] = {}
    for site in sorted(db.session.scalars(Site.by_name()), key=wants_more):
        found.setdefault(site.policy, site)
    if not found:
        raise NoDecoyError("there is no site yet")
    return list(found.values())


def wants_more(site: Site) -> bool:
    return site.certificate_required or site.door_auth != "none"


def not_attacked(site: str) -> dict[str, Any]:
    message = N_("Decoys have neither the certificate nor the password that it asks phones for")
    row = {"key": "decoys", "title": N_("Attack it with two decoys"), "site": site, "weight": 0}
    return row | {"passed": None, "message": message, "params": {}, "remedy": ""}


def at_site(doors: Doors, site: Site, pair: tuple[Decoy, Decoy]) -> Iterator[dict[str, Any]]:
    started = utcnow()
    name, policy = str(site), site.policy
    for check in CHECKS:
        if check.policy and check.policy != policy:
            continue
        yield finding(check, name, attempt(check, doors, pair))
        if check.key == WALK:
            yield alarm(name, pair, started)
    clean_up(pair, started)


def attempt(check: Check, doors: Doors, pair: tuple[Decoy, Decoy]) -> attacks.Result | None:
    try:
        return check.attack(doors, *pair)
    except DoorError:
        return None


def alarm(site: str, pair: tuple[Decoy, Decoy], started: Any) -> dict[str, Any]:
    """What we did was a walk: somebody must have been told of it."""
    deadline = time.monotonic() + ALARM_WITHIN
    while not (raised := ours(pair, started)) and time.monotonic() < deadline:
        db.session.rollback()
        time.sleep(0.25)
    row = {"key": "alarm", "title": N_("The walk raises an alarm"), "site": site, "weight": 10}
    if raised:
        return row | {"passed": True, "message": "", "params": {}, "remedy": ""}
    message = N_("Nobody was told of it")
    remedy = N_("The phones' door cannot write its log: look at the logs of the web processes.")
    return row | {"passed": False, "message": message, "params": {}, "remedy": remedy}


def ours(pair: tuple[Decoy, Decoy], started: Any) -> list[Alert]:
    """Alerts of walks that came from where our decoys were asked from."""
    sources = our_sources(pair)
    query = Alert.open().where(Alert.last_at >= started, Alert.kind.in_(("walk", "ban")))
    return [alert for alert in db.session.scalars(query) if alert.source in sources]


def our_sources(pair: tuple[Decoy, Decoy]) -> set[str]:
    macs = [decoy.mac for decoy in pair]
    found = db.session.scalars(select(Fetch.address).where(Fetch.mac.in_(macs)).distinct())
    return {source(address) for address in found}


def clean_up(pair: tuple[Decoy, Decoy], started: Any) -> None:
    """Our own walk bans nobody, and nobody need look at it."""
    sources = our_sources(pair)
    while close_alerts(pair, sources, started):
        time.sleep(LATE)  # the doors write what they saw a moment after they answered
    for ban in db.session.scalars(select(Ban).where(Ban.since >= started)):
        if ban.source in sources:
            db.session.delete(ban)
    audit.record("selftest", "Desk", None, ", ".join(sorted(sources)))
    db.session.commit()


def close_alerts(pair: tuple[Decoy, Decoy], sources: set[str], started: Any) -> int:
    db.session.rollback()
    ids, macs = {decoy.phone_id for decoy in pair}, {decoy.mac for decoy in pair}
    raised = db.session.scalars(Alert.open().where(Alert.last_at >= started))
    found = [one for one in raised if one.source in sources | macs or one.phone_id in ids]
    for alert in found:
        alert.closed_at, alert.closed_by = utcnow(), "self-test"
    db.session.commit()
    return len(found)


def address(text: str) -> tuple[str, int] | None:
    """Read host:port; "" is no TFTP."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        return None
    return host.strip("[]"), int(port)
