"""The agents' door: `/agent/v1/…`, a bare WSGI callable in front of Flask.

Whoever does not prove itself gets one and the same 401; why is only in the log. Whoever does gets
an answer that proves the desk in turn.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from webapp.doors import agent_commands, agent_enrol, agent_keys, agent_messages
from webapp.doors.agent_commands import Waiting, iso
from webapp.doors.agent_log import AgentLog, Heard
from webapp.doors.agent_lookup import KnownAgent, KnownCode, StoredAgents
from webapp.doors.agent_messages import MessageError
from webapp.doors.reader import UnavailableError
from webapp.extensions import utcnow
from webapp.secretbox import SecretBox, SecretBoxError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("belldesk.agents")

PREFIX = "/agent/"
ENROL, REPORT, WAIT = "/agent/v1/enrol", "/agent/v1/report", "/agent/v1/wait"
PERIOD = 60  # seconds between two reports
WINDOW = 300.0  # seconds that a message's time may be off
HELD = 4  # requests of a process that may wait for a command; the rest of its threads answers
HOLD = 25.0  # seconds
RETRY = 5  # seconds after which somebody asks again for whom there was no place
TIME = re.compile(r"\d{9,12}\.\d{3}", re.ASCII)
NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
NAME = re.compile(r"[0-9A-Za-z]{26,32}", re.ASCII)
LABELS = {200: "200 OK", 400: "400 Bad Request", 401: "401 Unauthorized"}
REFUSAL = b'{"error":"refused"}'
LATER = "503 Service Unavailable"


class RefusedError(Exception):
    """Why is for the log."""


class Message(NamedTuple):
    path: str
    name: str
    time: str
    nonce: str
    mac: str
    body: bytes
    encoding: str
    address: str


class Reply(NamedTuple):
    status: int
    body: bytes


class Nonces:
    """What was said is not said again, as long as its time would still be believed."""

    def __init__(self, seconds: float = WINDOW, clock: Any = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._generations: list[set[int]] = [set(), set(), set()]
        self._turned = clock()

    def is_new(self, name: str, nonce: str) -> bool:
        mark = hash((name, nonce))
        with self._lock:
            while self._clock() - self._turned >= self._seconds:
                self._turned += self._seconds
                self._generations = [set(), *self._generations[:2]]
            if any(mark in generation for generation in self._generations):
                return False
            self._generations[0].add(mark)
        return True


class AgentsDoor:
    def __init__(
        self, app: Flask, lookup: StoredAgents, box: SecretBox, engine: Engine, held: int = HELD
    ) -> None:
        self.app, self.lookup, self.engine = app, lookup, engine
        self.log = AgentLog(engine)
        self.nonces = Nonces()
        self.waiting = Waiting(lookup, held)
        self._secret = lru_cache(maxsize=131_072)(lambda sealed: bytes.fromhex(text(box, sealed)))
        self._box = box

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        try:
            status, body, mac = self.answer(environ)
        except RefusedError as reason:
            log.info("refused %s: %s", environ.get("REMOTE_ADDR", ""), reason)
            status, body, mac = 401, REFUSAL, ""
        except (UnavailableError, SecretBoxError, SQLAlchemyError) as error:
            log.error("an agent cannot be served: %s", error)
            start_response(LATER, [*headers, ("Retry-After", "30"), ("Content-Length", "0")])
            return ()
        headers.append(("Content-Length", str(len(body))))
        if mac:
            headers.append(("Belldesk-Mac", mac))
        start_response(LABELS[status], headers)
        return (body,)

    def answer(self, environ: "WSGIEnvironment") -> tuple[int, bytes, str]:
        message = read(environ)
        known: KnownCode | KnownAgent | None
        if message.path == ENROL:
            known = self.lookup.code(message.name)
            key = agent_keys.enrol_key(self._code(known)) if known else b""
        else:
            known = self.lookup.agent(message.name)
            key = self._secret(known.secret) if known else b""
        wanted = agent_keys.request_mac(
            key, "POST", message.path, message.time, message.nonce, message.body
        )
        if not agent_keys.same(wanted, message.mac) or known is None:
            raise RefusedError("unknown, or a wrong mac")
        if isinstance(known, KnownAgent) and known.state not in ("active", "review"):
            raise RefusedError(f"the agent {known.id} is {known.state}")
        reply = self._reply(message, known, key)
        mac = agent_keys.answer_mac(key, message.nonce, reply.status, reply.body)
        return reply.status, reply.body, mac

    def _reply(self, message: Message, known: KnownCode | KnownAgent, key: bytes) -> Reply:
        if abs(float(message.time) - time.time()) > WINDOW:
            return packed(401, error="clock", now=iso(utcnow()))
        if not self.nonces.is_new(message.name, message.nonce):
            raise RefusedError("the nonce was used before")
        try:
            if isinstance(known, KnownCode):
                return self._enrol(message, known)
            body = agent_messages.unpacked(message.body, message.encoding)
            said = agent_messages.read_json(body)
            if message.path == WAIT:
                return self._wait(message, known, key)
            return self._report(message, known, key, agent_messages.report(said, utcnow()))
        except MessageError as error:
            return packed(400, error=str(error))

    def _enrol(self, message: Message, known: KnownCode) -> Reply:
        try:
            agent_enrol.check(self.app, known, message.address)
            body = agent_messages.unpacked(message.body, message.encoding)
            said = agent_messages.enrolment(agent_messages.read_json(body))
            done = agent_enrol.enrol(self.app, known, self._code(known), said, message.address)
        except agent_enrol.RefusedError as reason:
            raise RefusedError(f"code #{known.id}: {reason}") from reason
        return packed(
            200,
            agent=done.key,
            nonce=done.nonce,
            state=done.state,
            period=PERIOD,
            now=iso(utcnow()),
        )

    def _report(
        self, message: Message, known: KnownAgent, key: bytes, said: agent_messages.Report
    ) -> Reply:
        in_review = known.state == "review"
        is_again = said.boot == known.boot and said.seq <= known.seq
        if not is_again:
            self.log.add(
                Heard(known.id, known.computer_id, said.beat.at, message.address, said, in_review)
            )
        told = said.facts is None and said.facts_sha256 != known.facts_sha256
        may_take = known.commands and not in_review and not is_again
        return packed(
            200,
            now=iso(said.beat.at),
            period=PERIOD,
            facts=told and not in_review,
            events_since=iso(known.events_until) if known.events_until else None,
            commands=agent_commands.take(self.engine, known.computer_id, key) if may_take else [],
            watch=False,
        )

    def _wait(self, message: Message, known: KnownAgent, key: bytes) -> Reply:
        if known.state == "review":
            return packed(200, commands=[], now=iso(utcnow()), retry=PERIOD)
        if not known.commands:
            had_place = self.waiting.hold(
                known.computer_id, HOLD, lambda: self._has_command(message.name)
            )
            if not had_place:
                return packed(200, commands=[], now=iso(utcnow()), retry=RETRY)
        now_known = self.lookup.agent(message.name)
        if now_known is None or now_known.state != "active":
            raise RefusedError("revoked while it waited")
        commands = []
        if now_known.commands:
            commands = agent_commands.take(self.engine, known.computer_id, key)
        return packed(200, commands=commands, now=iso(utcnow()))

    def _has_command(self, name: str) -> bool:
        known = self.lookup.agent(name)
        return bool(known and known.commands)

    def _code(self, known: KnownCode) -> bytes:
        return bytes.fromhex(text(self._box, known.code))

    def close(self) -> None:
        self.log.close()
        self.lookup.close()


def text(box: SecretBox, sealed: bytes) -> str:
    return box.open(sealed).decode()


def packed(status: int, **values: Any) -> Reply:
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return Reply(status, text.encode("utf-8", "replace"))


def read(environ: "WSGIEnvironment") -> Message:
    """What a message is made of, or a refusal before anything is asked of the database."""
    get = environ.get
    length = get("CONTENT_LENGTH") or ""
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] != "POST" or path not in (ENROL, REPORT, WAIT):
        raise RefusedError("no such address")
    if not (length.isascii() and length.isdigit()) or int(length) > agent_messages.LONGEST:
        raise RefusedError(f"a body of {length[:20]!r} bytes")
    body = environ["wsgi.input"].read(int(length))
    message = Message(
        *(path, get("HTTP_BELLDESK_AGENT", ""), get("HTTP_BELLDESK_TIME", "")),
        *(get("HTTP_BELLDESK_NONCE", ""), get("HTTP_BELLDESK_MAC", ""), body),
        *(get("HTTP_CONTENT_ENCODING", "").lower(), get("REMOTE_ADDR", "")),
    )
    if len(body) != int(length):
        raise RefusedError("the body is cut off")
    shapes = ((TIME, message.time), (NONCE, message.nonce), (NAME, message.name))
    if not all(shape.fullmatch(value) for shape, value in shapes):
        raise RefusedError("a header is missing or odd")
    return message


class Switch:
    """Give the door what begins with its prefix, before Flask has done any work for it."""

    def __init__(self, door: "WSGIApplication", pages: "WSGIApplication") -> None:
        self._door, self._pages = door, pages

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        is_ours = environ["PATH_INFO"].startswith(PREFIX)
        return (self._door if is_ours else self._pages)(environ, start_response)
