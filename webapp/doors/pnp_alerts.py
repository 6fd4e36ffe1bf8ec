"""What of SIP PnP somebody should look at, in which words, and how often at most."""

import time
from collections import OrderedDict

from provisioning.errors import N_
from provisioning.mac import format_mac
from provisioning.transports.sip_pnp import PnpRequest
from webapp.doors.door_alerts import Notice
from webapp.doors.entry import clean
from webapp.doors.watch import Watch

QUIET = 600.0  # seconds in which the same thing is not told again
AN_HOUR, PER_HOUR = 3600.0, 60  # whoever invents addresses must not fill the list
MOST = 1024

OTHER_MAC = N_(
    "%(address)s asked by SIP PnP as %(phone)s, but it is %(mac)s: a repeater that changes"
    " addresses, or somebody who wants this phone's file. It got no answer."
)
NO_MAC = N_(
    "A phone at %(address)s (%(words)s) asks by SIP PnP without saying its MAC address, and it is"
    " not on a link of this desk. Point it here by DHCP."
)
CLOSED_WINDOW = N_(
    "%(phone)s asks by SIP PnP where its file is and never got one, but its window is closed."
    " Open it, then start it again."
)
TWO_ADDRESSES = N_(
    "%(first)s and %(second)s asked by SIP PnP as %(phone)s within an hour, and both were told its"
    " address. If only one of them is the phone, give it a new key."
)
Ids = tuple[int | None, int | None]  # of site and phone
NOBODY: Ids = (None, None)


class Alerts:
    """Hands notices to the thread that writes the fetch log: a phone never waits for them."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._left, self._hour_ends = PER_HOUR, 0.0

    def other_mac(self, label: str, request: PnpRequest, mac: str, ids: Ids) -> None:
        params = {"address": request.address, "phone": label, "mac": format_mac(mac)}
        self._tell("pnp_other_mac", request.address, OTHER_MAC, params, ids)

    def no_mac(self, request: PnpRequest, words: str) -> None:
        params = {"address": request.address, "words": clean(words, 100)}
        self._tell("pnp_no_mac", request.address, NO_MAC, params, NOBODY)

    def closed_window(self, label: str, mac: str, ids: Ids) -> None:
        self._tell("pnp_closed", mac, CLOSED_WINDOW, {"phone": label}, ids)

    def two_addresses(self, label: str, mac: str, first: str, second: str, ids: Ids) -> None:
        params = {"first": first, "second": second, "phone": label}
        self._tell("pnp_two_addresses", mac, TWO_ADDRESSES, params, ids)

    def _tell(self, kind: str, source: str, message: str, params: dict[str, str], ids: Ids) -> None:
        if self._lets_in((kind, source)):
            self._watch.add(Notice(kind, source, message, params, *ids))

    def _lets_in(self, key: tuple[str, str]) -> bool:
        now = time.monotonic()
        if now >= self._hour_ends:
            self._left, self._hour_ends = PER_HOUR, now + AN_HOUR
        if now < self._said.get(key, 0.0) or not self._left:
            return False
        self._said[key] = now + QUIET
        self._said.move_to_end(key)
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        self._left -= 1
        return True
