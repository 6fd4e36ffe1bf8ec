"""A name and a password besides the key, where a site asks for them: HTTP Basic or Digest.

The name is the phone's MAC address. Digest is RFC 7616 with qop=auth, by SHA-256 or MD5. A phone
may use a nonce again for five minutes, with a higher count each time.
"""

import hashlib
import hmac
import re
from typing import Literal
from urllib.parse import unquote, urlsplit

from werkzeug.datastructures import Authorization

from provisioning.answer import Request, Stored
from webapp.doors.lookup import StoredPhones
from webapp.doors.nonces import Nonces
from webapp.secretbox import SecretBox

REALM = "phones"
FRESH = 300  # seconds
ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}

Lack = Literal["", "no_password", "wrong_password", "stale"]


class Passwords:
    def __init__(self, lookup: StoredPhones, box: SecretBox, secret: str) -> None:
        self._lookup, self._box = lookup, box
        self._nonces = Nonces(secret)
        self._nobodys = box.seal(b"0" * 24)

    def lack(self, request: Request, phone: Stored | None, scheme: str) -> Lack:
        """What is wrong with what the request says; of nobody's phone nothing is ever right."""
        if not request.authorization:
            return "no_password"
        said = Authorization.from_header(request.authorization)
        known = self._known(phone)
        if said is None or said.type != scheme:
            return "wrong_password"
        if scheme == "basic":
            fits = self._basic(said, phone, known)
        else:
            nonce = said.nonce or ""
            age = self._nonces.age(nonce)
            if age is None:
                return "wrong_password"
            fits = self._digest(said, request, phone, known)
            if fits and age > FRESH:
                return "stale"
            count = said.nc or ""
            if fits and phone and not self._nonces.rises(phone.phone_id, nonce, count, request):
                return "stale"
        return "" if fits and phone is not None else "wrong_password"

    def _known(self, phone: Stored | None) -> list[str]:
        """The passwords that count now. For nobody it is as much work as for a phone."""
        found = self._lookup.passwords(phone.phone_id if phone else 0)
        opened = [self._box.open(sealed).decode() for sealed in found or (self._nobodys,)]
        return opened if found else []

    def _basic(self, said: Authorization, phone: Stored | None, known: list[str]) -> bool:
        given = (said.password or "").encode()
        fits = [hmac.compare_digest(given, password.encode()) for password in known or ("0" * 24,)]
        return bool(known) and any(fits) and is_user(said.username, phone)

    def _digest(
        self, said: Authorization, request: Request, phone: Stored | None, known: list[str]
    ) -> bool:
        algorithm = ALGORITHMS.get((said.algorithm or "MD5").upper())
        if algorithm is None or said.qop != "auth" or not said.nc or not said.cnonce:
            return False
        if said.realm != REALM or not is_address(said.uri or "", request):
            return False

        def hashed(*parts: str) -> str:
            return algorithm(":".join(parts).encode()).hexdigest()

        name, asked = said.username or "", hashed(request.method, said.uri or "")
        rest = (said.nonce or "", said.nc, said.cnonce, said.qop, asked)
        right = [hashed(hashed(name, REALM, password), *rest) for password in known or ("0" * 24,)]
        given = (said.response or "").lower().encode()
        fits = [hmac.compare_digest(given, one.encode()) for one in right]
        return bool(known) and any(fits) and is_user(name, phone)

    def challenges(self, scheme: str, stale: bool = False) -> list[tuple[str, str]]:
        if scheme == "basic":
            return [("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')]
        more = f'nonce="{self._nonces.fresh()}"{", stale=true" if stale else ""}'
        start = f'Digest realm="{REALM}", qop="auth"'
        return [("WWW-Authenticate", f"{start}, algorithm={name}, {more}") for name in ALGORITHMS]


def is_user(name: str | None, phone: Stored | None) -> bool:
    return phone is not None and re.sub("[:.-]", "", name or "").lower() == phone.mac


def is_address(uri: str, request: Request) -> bool:
    """The answer must be to this very request, not to one that was overheard."""
    try:
        path = unquote(urlsplit(uri).path, encoding="latin-1")
    except ValueError:
        return False
    return path.lstrip("/").partition("/")[2] == f"{request.key}/{request.file}"
