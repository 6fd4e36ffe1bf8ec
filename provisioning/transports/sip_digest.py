"""Answers to a phone's digest challenge: RFC 2617, its RFC 3261 form, and RFC 8760's SHA-256."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioning.transports.sip_fields import SipError, parse_params, quoted, split
from provisioning.transports.sip_messages import Response

HASHES = {"MD5": "md5", "MD5-SESS": "md5", "SHA-256": "sha256", "SHA-256-SESS": "sha256"}
ANSWERS = {401: ("WWW-Authenticate", "Authorization")}
ANSWERS[407] = ("Proxy-Authenticate", "Proxy-Authorization")

_DIGEST = re.compile(r"Digest[ \t]+(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str = field(repr=False)


class Challenge(NamedTuple):
    header: str  # that answers it
    realm: str
    nonce: str
    algorithm: str  # as the phone wrote it; "" = not said, which is MD5
    qop: bool  # "auth" is offered
    opaque: str | None
    stale: bool


def challenge_of(response: Response) -> Challenge | None:
    """Choose the first challenge that can be answered (RFC 8760: the phone lists its best first).

    One that wants `auth-int` alone, or a hash not known here, cannot.
    """
    asked, header = ANSWERS.get(response.code, ("", ""))
    return choose(response.all(asked), header) if asked else None


def choose(challenges: Iterable[str], header: str) -> Challenge | None:
    """Do the same with the values of the headers that hold the challenges; HTTP's are alike."""
    for line in challenges:
        found = _DIGEST.fullmatch(line)
        known = _read(header, found[1]) if found else None
        if known:
            return known
    return None


def _read(header: str, text: str) -> Challenge | None:
    try:
        words = parse_params(split(text, ","))
    except SipError:
        return None
    return _challenge(header, words)


def _challenge(header: str, words: Mapping[str, str]) -> Challenge | None:
    offered = [word.strip().lower() for word in words.get("qop", "").split(",")]
    algorithm = words.get("algorithm", "")
    if (algorithm or "MD5").upper() not in HASHES or "nonce" not in words:
        return None
    if words.get("qop") and "auth" not in offered:
        return None
    return Challenge(
        header=header,
        realm=words.get("realm", ""),
        nonce=words["nonce"],
        algorithm=algorithm,
        qop="auth" in offered,
        opaque=words.get("opaque"),
        stale=words.get("stale", "").lower() == "true",
    )


def answer(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    *,
    count: int = 1,
    cnonce: str = "",
) -> str:
    """Return the value of `challenge.header`; `count` says how often this nonce was used."""
    cnonce = cnonce or secrets.token_hex(8)
    words = {
        "username": quoted(credentials.user),
        "realm": quoted(challenge.realm),
        "nonce": quoted(challenge.nonce),
        "uri": quoted(uri),
        "response": quoted(_proof(challenge, credentials, method, uri, f"{count:08x}", cnonce)),
    }
    if challenge.algorithm:
        words["algorithm"] = challenge.algorithm
    if challenge.opaque is not None:
        words["opaque"] = quoted(challenge.opaque)
    if challenge.qop:
        words |= {"qop": "auth", "nc": f"{count:08x}"}
    if challenge.qop or _is_session(challenge):
        words["cnonce"] = quoted(cnonce)
    return "Digest " + ", ".join(f"{name}={value}" for name, value in words.items())


def _is_session(challenge: Challenge) -> bool:
    return challenge.algorithm.upper().endswith("-SESS")


def _proof(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, count: str, cnonce: str
) -> str:
    name = HASHES[(challenge.algorithm or "MD5").upper()]

    def digest(*parts: str) -> str:
        text = ":".join(parts).encode(errors="surrogatepass")
        return hashlib.new(name, text, usedforsecurity=False).hexdigest()

    secret = digest(credentials.user, challenge.realm, credentials.password)
    if _is_session(challenge):
        secret = digest(secret, challenge.nonce, cnonce)
    asked = digest(method, uri)
    if challenge.qop:
        return digest(secret, challenge.nonce, count, cnonce, "auth", asked)
    return digest(secret, challenge.nonce, asked)
