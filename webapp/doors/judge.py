"""What both phones' doors do with a request before they answer it."""

from datetime import UTC, datetime

from provisioning.answer import Request, Verdict, decide
from provisioning.identify import Clues, identify
from webapp.doors.bans import Bans
from webapp.doors.lookup import StoredPhones
from webapp.doors.pins import FreshPins


class Judge:
    """`verdict` changes nothing: to look how a phone would be answered must not pin it."""

    def __init__(self, lookup: StoredPhones) -> None:
        self._lookup = lookup
        self.pins = FreshPins()
        self.bans = Bans(lookup.banned)

    def verdict(self, request: Request) -> tuple[Clues, Verdict]:
        clues = identify(request.file, request.user_agent)
        stored = self._lookup.by_mac(clues.mac)
        if stored is not None and stored.pinned_network is None:
            stored = self.pins.seen(stored)
        banned = self.bans.stop(request.address)
        verdict = decide(request, clues, stored, datetime.now(UTC), banned)
        if verdict.bootstrap and verdict.stored:
            short = self._lookup.with_bootstrap(verdict.stored)
            if short is None:
                verdict = verdict._replace(reason="no_revision", bootstrap=False, pin="")
            else:
                verdict = verdict._replace(stored=short)
        if verdict.reason:
            self._lookup.even_out(stored)
        return clues, verdict
