"""The phones' door over HTTP: `/p/<site key>/<file>`, a bare WSGI callable in front of Flask.

Whatever is refused is refused with one and the same 404; why is only in the log.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.answer import Request, Verdict
from provisioning.identify import Clues
from webapp.doors.entry import Entry
from webapp.doors.fetch_log import FetchLog
from webapp.doors.judge import Judge
from webapp.doors.lookup import StoredPhones
from webapp.doors.passwords import Passwords
from webapp.doors.reader import UnavailableError
from webapp.secretbox import SecretBox, SecretBoxError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("belldesk.phones")

PREFIX = "/p/"
METHODS = ("GET", "HEAD")
UPLOAD = 1024 * 1024  # of a log that a phone wants to leave here: read and forgotten
LABELS = {200: "200 OK", 304: "304 Not Modified", 401: "401 Unauthorized", 404: "404 Not Found"}
Headers = list[tuple[str, str]]

VERIFIED = "SUCCESS"  # nginx's word for it

REFUSAL = b"Not found\n"
REFUSED: Headers = [
    ("Content-Type", "text/plain"),
    ("Content-Length", str(len(REFUSAL))),
    ("Cache-Control", "no-store"),
]
# Not the phone's fault and not a refusal: it keeps what it has and asks again.
LATER = "503 Service Unavailable"
LATER_HEADERS: Headers = [*REFUSED[:1], ("Content-Length", "0"), ("Retry-After", "30")]


class Reply(NamedTuple):
    status: int
    headers: Headers
    body: bytes
    verdict: Verdict
    clues: Clues


class PhonesDoor:
    """`secret` is one that all processes share; `certificate_header` holds a phone's certificate,
    escaped, as a proxy that is trusted hands it on: "" believes none."""

    def __init__(
        self,
        lookup: StoredPhones,
        box: SecretBox,
        fetch_log: FetchLog,
        secret: str,
        certificate_header: str = "",
    ) -> None:
        self.lookup, self.box, self.fetch_log = lookup, box, fetch_log
        self.passwords = Passwords(lookup, box, secret)
        self.judge = Judge(lookup, self.passwords)
        name = certificate_header.upper().replace("-", "_")
        self._certificate = f"HTTP_{name}" if name else ""
        fetch_log.watch.on_ban = self.judge.bans.look_again

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        get = environ.get
        method: str = environ["REQUEST_METHOD"]
        if method not in METHODS:
            environ["wsgi.input"].read(min(int(get("CONTENT_LENGTH") or 0), UPLOAD))
        key, _, file = environ["PATH_INFO"][len(PREFIX) :].partition("/")
        address, agent = get("REMOTE_ADDR", ""), get("HTTP_USER_AGENT", "")
        authorization = get("HTTP_AUTHORIZATION", "")
        request = Request(file, address, agent, key, "http", method, authorization)
        if self._certificate and get(f"{self._certificate}_VERIFY") == VERIFIED:
            request = request._replace(certificate=get(self._certificate, ""))
        try:
            reply = self._pinning(request, method, get("HTTP_IF_NONE_MATCH", ""))
        except (UnavailableError, SecretBoxError) as error:
            log.error("a phone cannot be served: %s", error)
            start_response(LATER, [*LATER_HEADERS])
            return ()
        self._log(request, method, reply)
        start_response(LABELS[reply.status], [*reply.headers])
        return () if method == "HEAD" else (reply.body,)

    def _pinning(self, request: Request, method: str, if_none_match: str) -> Reply:
        reply = self.reply(request, method, if_none_match)
        verdict = reply.verdict
        if method != "GET" or verdict.stored is None:
            return reply
        if verdict.closes:
            self.judge.pins.close(verdict.stored)
        if not verdict.pin:
            return reply
        if self.judge.pins.claim(verdict.stored, verdict.pin):
            return reply
        return self.reply(request, method, if_none_match)  # another one was quicker

    def _log(self, request: Request, method: str, reply: Reply) -> None:
        status, sent = reply.status, 0 if method == "HEAD" else len(reply.body)
        self.fetch_log.add(
            Entry.of(request, reply.clues, reply.verdict, method=method, status=status, sent=sent)
        )

    def reply(
        self,
        request: Request,
        method: str = "GET",
        if_none_match: str = "",
        vouched: bool = False,
    ) -> Reply:
        """Answer a request; nothing of it is logged here. `vouched`: as Judge.verdict says."""
        clues, verdict = self.judge.verdict(request, vouched)
        stored = verdict.stored
        if verdict.challenge and method in METHODS:
            return self._challenge(verdict, clues)
        if verdict.reason or stored is None or method not in METHODS:
            return Reply(404, REFUSED, REFUSAL, verdict, clues)
        etag = f'"{stored.sha256}"'
        headers = [("ETag", etag), ("Cache-Control", "no-store")]
        if etag in if_none_match or if_none_match.strip() == "*":
            return Reply(304, headers, b"", verdict, clues)
        headers += [("Content-Type", stored.content_type), ("Content-Length", str(stored.size))]
        body = b"" if method == "HEAD" else self.box.unpack(stored.body)
        return Reply(200, headers, body, verdict, clues)

    def _challenge(self, verdict: Verdict, clues: Clues) -> Reply:
        stale = verdict.challenge == "stale"
        scheme = "digest" if stale else verdict.challenge
        headers = [*REFUSED, *self.passwords.challenges(scheme, stale)]
        return Reply(401, headers, REFUSAL, verdict, clues)

    def close(self) -> None:
        self.fetch_log.close()
        self.lookup.close()


class Switch:
    """Give the door what begins with its prefix, before Flask has done any work for it.

    More slashes or a capital are the prefix too: a page's 404 would not be the door's refusal, and
    its log would name the address, with the key in it.
    """

    def __init__(self, door: "WSGIApplication", pages: "WSGIApplication") -> None:
        self._door, self._pages = door, pages

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        path: str = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            bare = "/" + path.lstrip("/")
            if bare[: len(PREFIX)].lower() != PREFIX:
                return self._pages(environ, start_response)
            environ["PATH_INFO"] = PREFIX + bare[len(PREFIX) :]
        return self._door(environ, start_response)
