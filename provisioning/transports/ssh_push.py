"""Do in a phone's shell what its vendor's data says, command by command."""

import re
import shlex

import paramiko

from provisioning.errors import UnknownModelError
from provisioning.registry import Resync, registry
from provisioning.resync import ShellStep
from provisioning.transports import push_words as words
from provisioning.transports.push_peer import PushError, Talk, check_login
from provisioning.transports.ssh_push_client import MuteError, Shell

PORT = 22
TROUBLES = (paramiko.SSHException, OSError, EOFError, ValueError)
CARRIED = re.compile(r"[!-~]*")  # what one word of a command line may hold, quoted


def push(talk: Talk, method: Resync, *, body: bytes, url: str) -> str:
    """Return the words for what came of it, or raise PushError."""
    peer = talk.peer
    if not method.shell:
        raise PushError(words.NO_WAY, model=peer.model)
    if method.points and not url:
        raise PushError(words.NO_URL)
    check_login(peer)
    values = _quoted(url=url, mac=peer.mac.lower(), MAC=peer.mac.upper())
    port = peer.port or _port(peer.model)
    talk.say(words.CONNECTING, address=peer.address, port=port)
    try:
        shell = Shell(talk, port, method.old_ssh)
    except TROUBLES as error:
        raise in_words(error, talk, port) from None
    try:
        shell.open()
        for step in method.shell:
            _do(talk, shell, step, values, body)
    except TROUBLES as error:
        raise in_words(error, talk, port) from None
    finally:
        shell.close()
    if method.uploads:
        return words.TAKEN_RESTARTS if method.reboot else words.TAKEN
    return words.TOLD_RESTARTS if method.reboot else words.TOLD


def _quoted(**values: str) -> dict[str, str]:
    if not all(CARRIED.fullmatch(value) for value in values.values()):
        raise PushError(words.UNCARRIABLE)
    return {name: shlex.quote(value) for name, value in values.items()}


def _port(model: str) -> int:
    try:
        return registry().model(model).vendor.ports.get("ssh", PORT)
    except UnknownModelError:
        return PORT


def _do(talk: Talk, shell: Shell, step: ShellStep, values: dict[str, str], body: bytes) -> None:
    talk.say(words.STEPS[step.says], bytes=len(body))
    try:
        done = shell.run(step.command.format_map(values), body if step.stdin else b"")
    except MuteError:
        if not step.drops:
            raise
        return talk.say(words.WENT_AWAY)
    if done.code is None and step.drops:
        return talk.say(words.WENT_AWAY)
    talk.code = done.code if done.code is not None else talk.code
    try:
        return _judge(step, done.code, done.text)
    except PushError:
        if not step.optional:
            raise
        return talk.say(words.NOT_DONE)


def _judge(step: ShellStep, code: int | None, text: str) -> None:
    if code is None:
        raise PushError(words.BROKEN_OFF)
    if code not in step.expect:
        raise PushError(words.COMMAND_FAILED, code=code)
    if step.needs and not re.search(step.needs, text):
        raise PushError(words.COMMAND_ODD)


def in_words(error: Exception, talk: Talk, port: int) -> PushError:
    """Say what an error of the network or of the protocol means for a person."""
    where: dict[str, object] = {"port": port, "address": talk.peer.address}
    match error:
        case TimeoutError():
            return PushError(words.TIMED_OUT)
        case paramiko.ssh_exception.IncompatiblePeer():
            return PushError(words.NO_ALGORITHM)
        case ConnectionRefusedError():
            return PushError(words.NOBODY, **where)
        case ConnectionError() | EOFError():
            return PushError(words.BROKEN_OFF)
        case paramiko.SSHException() if isinstance(error.__context__, EOFError | ConnectionError):
            return PushError(words.BROKEN_OFF)
        case OSError():
            reason = error.strerror or str(error)
            return PushError(words.UNREACHABLE, address=talk.peer.address, reason=reason)
    return PushError(words.NOT_SSH, **where)
