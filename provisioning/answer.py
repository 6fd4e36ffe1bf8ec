"""Whether one request of one phone is served, and if not, why not.

Pure and the same for every transport. The reason is for our log; a phone sees one refusal only.

What a request can prove, best first: the phone's own key (opens always and from anywhere); the
site's key (opens what the site's policy says); over TFTP an address inside the site's networks
(as the site's key, and only from inside). The policies:

lan     whoever is inside the site's networks.
armed   the phone in its window, which pins it to the network of its first good fetch, and from
        there ever after.
strict  as armed but in the window only, and only the bootstrap: the phone's own address here. The
        window ends when the phone comes with its own key: it needs the site's no more.

Once pinned, a phone is refused to every other network, in its window too: the second to come may
be the thief as well as the phone. Arming it again, which forgets the pin, is for a person to do.
"""

import hashlib
import hmac
import re
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from provisioning.identify import Clues
from provisioning.networks import inside, is_at, place
from provisioning.registry import registry

Reason = Literal[
    "",
    "unknown_phone",
    "wrong_key",
    "old_key",
    "unknown_file",
    "not_allowed",
    "closed_window",
    "other_network",
    "banned",
    "no_password",
    "wrong_password",
    "wrong_certificate",
    "no_revision",
    "unavailable",
]
Proof = Literal["", "key", "previous_key", "own_key", "previous_own_key", "network", "old_key"]
OWN = ("own_key", "previous_own_key")

# Flat notations of a MAC in a file name; the longer ones are tried first.
SEPARATED = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
MAC = "<mac>"
NOTHING = "0" * 64  # the digest of no key


class Request(NamedTuple):
    """`key` is what stood in the HTTP path; TFTP has none, there the address is the proof.

    `authorization` is that header; `certificate` a PEM, escaped, that was verified.
    """

    file: str
    address: str
    user_agent: str = ""
    key: str | None = None
    transport: Literal["http", "tftp"] = "http"
    method: str = "GET"
    authorization: str = ""
    certificate: str = ""


class Stored(NamedTuple):
    """What the host knows of a phone. `body` is as the host stores it and opaque here.

    `key_digest` and `previous_digest` are the site's, `own_…` the phone's.
    """

    phone_id: int
    site_id: int
    mac: str
    model: str
    key_digest: str
    previous_digest: str | None
    previous_until: datetime | None
    networks: str
    policy: str = "armed"
    door_auth: str = "none"
    certificate_required: bool = False
    own_digest: str | None = None
    own_previous_digest: str | None = None
    own_previous_until: datetime | None = None
    armed_until: datetime | None = None
    pinned_network: str | None = None
    revision_id: int | None = None
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    body: bytes = b""


class Lookup(Protocol):
    def by_mac(self, mac: str) -> Stored | None: ...


class Verdict(NamedTuple):
    """`reason` is "" when the phone is served; `key_digest` "" when the request had no key.

    `bootstrap`: what it is served is that and not its file. `pin`: the network that this fetch
    pins the phone to, "" when it is pinned already. `away`: it proved itself by its own key, from
    another network than that. `challenge`: refuse by asking for a password, in this way (of
    Site.door_auth; "stale" asks for the same with a newer nonce). `closes`: this fetch ends the
    phone's window.
    """

    reason: Reason
    stored: Stored | None = None
    key_digest: str = ""
    proof: Proof = ""
    bootstrap: bool = False
    pin: str = ""
    away: bool = False
    challenge: str = ""
    closes: bool = False

    @property
    def served(self) -> bool:
        return not self.reason


NOBODY = Stored(0, 0, "0" * 12, "", NOTHING, NOTHING, None, "")


@lru_cache(maxsize=1)
def stand_in() -> Stored:
    """An unknown phone is measured against this one, so that it costs the work of a known one."""
    return NOBODY._replace(model=next(iter(registry().models)))


def decide(
    request: Request, clues: Clues, stored: Stored | None, now: datetime, banned: bool = False
) -> Verdict:
    """Judge a request; `stored` is what the host's Lookup gave for `clues.mac`.

    `banned` says that its source made too many failures. That stops neither a phone's own key nor
    a phone in the network that it is pinned to.
    """
    phone = stored or stand_in()
    key_digest = digest(request.key or "") if request.key is not None else ""
    proof = _proof(request, key_digest, phone, now)
    named = is_name_of(phone, request.file)
    if stored is None:
        return Verdict("unknown_phone", None, key_digest)
    if proof == "old_key":
        return Verdict("old_key", stored, key_digest)
    if not proof:
        unproven: Reason = "wrong_key" if request.transport == "http" else "not_allowed"
        return Verdict(unproven, stored, key_digest)
    if not named:
        return Verdict("unknown_file", stored, key_digest, proof)
    closed = "" if proof in OWN else _closed(request, phone, now, banned)
    if closed:
        return Verdict(closed, stored, key_digest, proof)
    bootstrap = phone.policy == "strict" and proof not in OWN
    if phone.revision_id is None and not bootstrap:
        return Verdict("no_revision", stored, key_digest, proof)
    pinned = phone.pinned_network
    pin = "" if pinned else place(request.address, phone.networks)
    away = proof in OWN and pinned is not None and not is_at(request.address, pinned)
    closes = proof == "own_key" and _has_learned_all(phone, now)
    return Verdict("", stored, key_digest, proof, bootstrap, pin, away, closes=closes)


def _proof(request: Request, key_digest: str, phone: Stored, now: datetime) -> Proof:
    """All keys are compared, whichever fits."""
    if request.transport == "tftp":
        return "network" if inside(request.address, phone.networks) else ""
    same = hmac.compare_digest
    own = same(key_digest, phone.own_digest or NOTHING)
    previous_own = same(key_digest, phone.own_previous_digest or NOTHING)
    site = same(key_digest, phone.key_digest)
    previous = same(key_digest, phone.previous_digest or NOTHING)
    if own:
        return "own_key"
    if site:
        return "key"
    if previous_own:
        return "previous_own_key" if runs(phone.own_previous_until, now) else "old_key"
    if previous:
        return "previous_key" if runs(phone.previous_until, now) else "old_key"
    return ""


def runs(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until


def _closed(request: Request, phone: Stored, now: datetime, banned: bool) -> Reason:
    """Why what proves a site only does not open this phone; "" if it does."""
    pinned = phone.pinned_network
    at_home = bool(pinned) and is_at(request.address, pinned or "")
    if phone.policy == "lan":
        if inside(request.address, phone.networks) is None:
            return "not_allowed"
    else:
        if pinned and not at_home:
            return "other_network"
        if (phone.policy == "strict" or not pinned) and not runs(phone.armed_until, now):
            return "closed_window"
        if not pinned and not place(request.address, phone.networks):
            return "other_network"  # what cannot be pinned is nowhere
    return "banned" if banned and not at_home else ""


def _has_learned_all(phone: Stored, now: datetime) -> bool:
    """Whether a phone that uses its own key can do without the rest of its window.

    Where a password is asked for besides, the window is the time in which the file tells it, and a
    file can break off half-way.
    """
    alone = phone.policy == "strict" and phone.door_auth == "none"
    return alone and runs(phone.armed_until, now)


def digest(key: str) -> str:
    """Return what of a key may be stored and logged."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def is_name_of(phone: Stored, file: str) -> bool:
    """Tell whether `file` is one of the names under which this phone asks for its own file."""
    wanted = plain_name(file)
    for name in lower_names(phone.model):  # noqa: SIM110 - a generator costs more than it does
        if wanted == name.replace(MAC, phone.mac):
            return True
    return False


@lru_cache(maxsize=1024)
def lower_names(model: str) -> tuple[str, ...]:
    """The lower-case names of a model's files, each once, MAC standing for the address."""
    found = registry().models.get(model)
    return tuple(dict.fromkeys(n.lower() for n in found.files(MAC))) if found else ()


def names_of(phone: Stored) -> tuple[str, ...]:
    model = registry().models.get(phone.model)
    return model.files(phone.mac) if model else ()


def plain_name(file: str) -> str:
    """Return a file name in lower case, without a leading slash and separators in its MAC."""
    name = file.lstrip("/").lower()
    found = SEPARATED.match(name)
    if not found:
        return name
    return re.sub(r"[:.-]", "", found.group()) + name[found.end() :]
