"""The phones of the demonstration, brought to life: `python -m webapp.cli.simulator`.

Every phone in the database asks for its file over HTTP or TFTP on this machine: quickly while its
state is not current, then in a slow steady pace. Now and then a phone asks that nobody has entered.
"""

import logging
import random
import signal
import threading
from dataclasses import dataclass, field

from sqlalchemy import func, select

from provisioning.registry import registry
from webapp.cli import application
from webapp.cli.company import SPARE
from webapp.cli.handset import AskError, Handset, can_come_from, stranger
from webapp.config import Config
from webapp.extensions import db
from webapp.models import Phone, Site

log = logging.getLogger("belldesk.demo")


@dataclass(frozen=True)
class Pace:
    """Seconds between two requests, and how often (one in …) what is not the rule happens."""

    fast: float = 0.25
    slow: float = 2.0
    look: float = 4.0
    oddity: int = 8
    strangers: int = 12
    stranger_every: float = 30.0


@dataclass
class Network:
    """All handsets there are. Must be used inside an application context."""

    port: int
    tftp_port: int
    pace: Pace = field(default_factory=Pace)
    handsets: dict[str, Handset] = field(default_factory=dict)
    waiting: list[Handset] = field(default_factory=list)
    strangers: list[Handset] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    failed: int = 0

    def look(self) -> None:
        """Learn which phones there are, and which of them have not got their newest file."""
        self.keys = {site.id: site.key for site in db.session.scalars(select(Site))}
        columns = Phone.mac, Phone.model, Phone.site_id
        living = select(*columns).where(Phone.label != SPARE, Phone.revision_id.is_not(None))
        waiting = living.where(~Phone.is_in_state("current")).order_by(func.random()).limit(50)
        self.waiting = [self.handset(*row) for row in db.session.execute(waiting)]
        if not self.handsets:
            for row in db.session.execute(living.limit(1000)):
                self.handset(*row)
        db.session.rollback()  # hold no transaction while nothing is read

    def handset(self, mac: str, model: str, site_id: int) -> Handset:
        known = self.handsets.get(mac) or next((x for x in self.strangers if x.mac == mac), None)
        if known is None:
            known = Handset(mac, registry().model(model), "")
            known.source = source(list(self.keys).index(site_id), known.number)
        known.key = self.keys[site_id]
        return self.handsets.setdefault(mac, known)

    def step(self) -> float:
        """Let one phone ask; return how long to wait for the next."""
        if self.waiting:
            handset = self.waiting.pop()
            self.ask(handset, handset.own_file())
            return self.pace.fast
        if self.handsets:
            self.ask_again(self.chance.choice(list(self.handsets.values())))
        return self.pace.slow

    def ask_again(self, handset: Handset) -> None:
        """Its poll of the day; seldom with a newer firmware, or for a file that nobody has."""
        if self.chance.randrange(self.pace.oddity) == 0:
            self.ask(handset, handset.common_file())
        if self.chance.randrange(self.pace.oddity * 4) == 0:
            handset.release += 1
        self.ask(handset, handset.own_file())

    def plug_in(self) -> None:
        """A new phone asks, or, when there are enough of them, one asks again."""
        if not self.keys:
            return
        if len(self.strangers) < self.pace.strangers:
            number = len(self.strangers)
            place = number % len(self.keys)
            key = list(self.keys.values())[place]
            self.strangers.append(stranger(number, key, source(place, 200 + number)))
            found = self.strangers[-1]
        else:
            found = self.chance.choice(self.strangers)
        self.ask(found, found.own_file())

    def ask(self, handset: Handset, file: str) -> None:
        try:
            handset.ask(file, self.port, self.tftp_port)
        except AskError as error:  # the server is starting, or is being restarted
            self.failed += 1
            log.info("%s: %s", handset.mac, error)


def source(place: int, number: int) -> str:
    """An address in the network of the site, as the invented company has them."""
    address = f"127.0.{place % 250 + 1}.{number % 240 + 10}"
    return address if can_come_from(address) else ""


def simulate(network: Network, stop: threading.Event) -> None:
    """Run until told to stop; no faster than one request in `pace.fast` seconds."""
    until_look = until_stranger = 0.0
    while not stop.is_set():
        if until_look <= 0:
            network.look()
            until_look = network.pace.look
        if until_stranger <= 0:
            network.plug_in()
            until_stranger = network.pace.stranger_every
        pause = network.step()
        until_look -= pause
        until_stranger -= pause
        stop.wait(pause)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with application() as app:
        config: Config = app.extensions["belldesk"]
        stop.wait(2)  # the servers start at the same moment
        simulate(Network(config.port, config.tftp_port), stop)


if __name__ == "__main__":
    main()
