"""Do with a phone's web pages what its vendor's data says, step by step."""

import hashlib
import http.client
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlencode

from provisioning.errors import ProvisioningError, UnknownModelError
from provisioning.registry import Resync, registry
from provisioning.resync import WebStep
from provisioning.transports import push_words as words
from provisioning.transports.http_push_client import (
    Answer,
    Client,
    Question,
    first_client,
)
from provisioning.transports.http_push_errors import in_words
from provisioning.transports.http_push_sockets import PlainError
from provisioning.transports.push_peer import ChangedError, PushError, Talk, check_login

TROUBLES = (ProvisioningError, PlainError, OSError, http.client.HTTPException, ValueError)


def push(talk: Talk, method: Resync, *, body: bytes, url: str) -> str:
    """Return the words for what came of it, or raise PushError."""
    if not method.web:
        raise PushError(words.NO_WAY, model=talk.peer.model)
    if method.points and not url:
        raise PushError(words.NO_URL)
    if method.method == "http-push":
        check_login(talk.peer)
    client = first_client(talk, method.schemes, _ports(talk.peer.model), old_tls=method.old_tls)
    try:
        _Errand(talk, client, body, url).run(method.web)
    finally:
        client.close()
    if method.uploads:
        return words.TAKEN_RESTARTS if method.reboot else words.TAKEN
    return words.TOLD_RESTARTS if method.reboot else words.TOLD


def _ports(model: str) -> dict[str, int]:
    try:
        return registry().model(model).vendor.ports
    except UnknownModelError:
        return {}


class OddError(PushError):
    """The phone answered, but not what it should; some do the second time."""


class _Errand:
    """The steps of one push; what an earlier one took is known to the later ones."""

    def __init__(self, talk: Talk, client: Client, body: bytes, url: str) -> None:
        peer = talk.peer
        self._talk, self._client, self._body = talk, client, body
        self._gone = False  # it restarts by itself
        self._values = {
            "user": peer.user,
            "password": peer.password,
            "password64": b64encode(peer.password.encode(errors="replace")).decode(),
            "url": url,
            "mac": peer.mac.lower(),
            "MAC": peer.mac.upper(),
        }

    def run(self, steps: tuple[WebStep, ...]) -> None:
        for place, step in enumerate(steps):
            if self._gone and step.optional:
                continue
            try:
                self._do(step)
            except ChangedError:
                raise
            except PushError:
                code = self._talk.code
                self._free([later for later in steps[place + 1 :] if later.always])
                self._talk.code = code
                raise

    def _free(self, steps: list[WebStep]) -> None:
        """A phone has few web sessions: one that is left open keeps people out of it."""
        for step in steps:
            with suppress(PushError):
                self._do(step)

    def _do(self, step: WebStep) -> None:
        self._talk.say(words.STEPS[step.says], bytes=len(self._body))
        try:
            self._insist(step)
        except ChangedError:
            raise
        except PushError:
            if not step.optional:
                raise
            self._talk.say(words.NOT_DONE)

    def _insist(self, step: WebStep) -> None:
        for _ in range(step.tries - 1):
            with suppress(OddError):
                return self._try(step)
        return self._try(step)

    def _try(self, step: WebStep) -> None:
        try:
            self._set_cookies(step.cookies)
            answer = self._client.ask(self._question(step), once=step.drops)
        except TROUBLES as error:
            said = in_words(error, self._talk, self._client.port)
            if not self._may_be_gone(step, said):
                raise said from None
            self._gone = True
            return self._talk.say(words.WENT_AWAY)
        self._judge(step, answer)
        return self._take(step, answer)

    @staticmethod
    def _may_be_gone(step: WebStep, said: PushError) -> bool:
        mute = said.message == words.TIMED_OUT and not step.file
        return step.drops and (mute or said.message == words.BROKEN_OFF)

    def _set_cookies(self, cookies: Mapping[str, str]) -> None:
        for name, text in cookies.items():
            self._client.cookies[name] = text.format_map(self._values)

    def _question(self, step: WebStep) -> Question:
        form = {name: text.format_map(self._values) for name, text in step.form.items()}
        if step.file:
            name = step.file["name"].format_map(self._values)
            return Question("POST", step.path, *_multipart(form, step.file, name, self._body))
        if form:
            kind = "application/x-www-form-urlencoded"
            return Question("POST", step.path, urlencode(form).encode(), kind)
        return Question("GET", step.path)

    def _judge(self, step: WebStep, answer: Answer) -> None:
        if answer.code in (401, 403) or (step.wrong and re.search(step.wrong, answer.text)):
            raise PushError(words.WRONG_LOGIN)
        if answer.code not in step.expect:
            raise PushError(words.REFUSED, code=answer.code, path=step.path)
        if step.needs_cookie and not self._client.cookies.get(step.needs_cookie):
            raise PushError(words.WRONG_LOGIN)
        if step.needs and not re.search(step.needs, answer.text):
            raise OddError(words.NOT_UNDERSTOOD, path=step.path)
        self._gone = bool(step.ends and re.search(step.ends, answer.text))

    def _take(self, step: WebStep, answer: Answer) -> None:
        for name, pattern in step.take.items():
            found = re.search(pattern, answer.text)
            if not found:
                raise OddError(words.NOT_UNDERSTOOD, path=step.path)
            self._values[name] = found[1]
        for name, text in step.md5.items():
            secret = text.format_map(self._values).encode()
            self._values[name] = hashlib.md5(secret, usedforsecurity=False).hexdigest()


def _multipart(
    form: Mapping[str, str], file: Mapping[str, str], name: str, body: bytes
) -> tuple[bytes, str]:
    mark = "belldesk" + secrets.token_hex(16)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'
        for field, text in form.items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="{file["field"]}"; filename="{name}"\r\n'
        f"Content-Type: {file['type']}\r\n\r\n"
    )
    end = f"\r\n--{mark}--\r\n"
    return "".join(parts).encode() + body + end.encode(), f"multipart/form-data; boundary={mark}"
