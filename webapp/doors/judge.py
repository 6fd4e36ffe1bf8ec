"""What both phones' doors do with a request before they answer it."""

from datetime import UTC, datetime

from provisioning.answer import OWN, Reason, Request, Stored, Verdict, decide, runs
from provisioning.identify import Clues, identify
from webapp.doors.bans import Bans
from webapp.doors.certificates import macs_in
from webapp.doors.lookup import StoredPhones
from webapp.doors.passwords import Passwords
from webapp.doors.pins import FreshPins
from webapp.doors.reread import Reread


class Judge:
    """`verdict` changes nothing: to look how a phone would be answered must not pin it."""

    def __init__(self, lookup: StoredPhones, passwords: Passwords) -> None:
        self._lookup, self.passwords = lookup, passwords
        self.pins = FreshPins()
        self.bans = Bans(lookup.banned)
        self._schemes: Reread[dict[str, str]] = Reread(lookup.schemes, {})

    def verdict(self, request: Request, vouched: bool = False) -> tuple[Clues, Verdict]:
        """`vouched`: one of us asks in the phone's place, without its password and certificate."""
        clues = identify(request.file, request.user_agent)
        stored = self._lookup.by_mac(clues.mac)
        if stored is not None and (stored.pinned_network is None or stored.policy == "strict"):
            stored = self.pins.seen(stored)
        banned = self.bans.stop(request.address)
        verdict = decide(request, clues, stored, datetime.now(UTC), banned)
        if verdict.bootstrap and verdict.stored:
            verdict = self._short(verdict, verdict.stored)
        if not vouched:
            if stored is None or not verdict.proof:
                verdict = self._nobody(request, verdict)
            elif stored.door_auth != "none" or stored.certificate_required:
                verdict = self._besides(request, verdict, stored)
        if verdict.reason:
            self._lookup.even_out(stored)
        return clues, verdict

    def _short(self, verdict: Verdict, stored: Stored) -> Verdict:
        short = self._lookup.with_bootstrap(stored)
        if short is None:
            return verdict._replace(reason="no_revision", bootstrap=False, pin="")
        return verdict._replace(stored=short)

    def _nobody(self, request: Request, verdict: Verdict) -> Verdict:
        """Whoever has a site's key is asked for a password, be there such a phone there or not."""
        scheme = self._schemes.now().get(verdict.key_digest)
        if scheme is None:
            return verdict
        self.passwords.lack(request, None, scheme)
        return verdict._replace(challenge=scheme)

    def _besides(self, request: Request, verdict: Verdict, phone: Stored) -> Verdict:
        """What the site wants besides a key.

        In its window a phone is given its file without the password, which the file tells it. Who
        is refused there is asked all the same: he must not learn that there is such a phone.
        """
        wants = phone.door_auth != "none" and (phone.policy != "strict" or verdict.proof in OWN)
        learning = verdict.served and runs(phone.armed_until, datetime.now(UTC))
        if wants and not learning:
            verdict = self._password(request, verdict, phone)
        if not verdict.served or not phone.certificate_required:
            return verdict
        its_own = phone.mac in macs_in(request.certificate)
        return verdict if its_own else refused(verdict, "wrong_certificate")

    def _password(self, request: Request, verdict: Verdict, phone: Stored) -> Verdict:
        lack = self.passwords.lack(request, phone, phone.door_auth)
        if not lack:
            return verdict
        if lack == "wrong_password":
            verdict = refused(verdict, "wrong_password")
        elif verdict.served:
            verdict = refused(verdict, "no_password")
        if request.transport == "tftp":
            return verdict
        return verdict._replace(challenge="stale" if lack == "stale" else phone.door_auth)


def refused(verdict: Verdict, reason: Reason) -> Verdict:
    return verdict._replace(reason=reason, bootstrap=False, pin="", away=False, closes=False)
