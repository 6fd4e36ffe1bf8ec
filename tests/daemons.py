"""Programs that a test starts for itself and that never outlive the test run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import pytest

PATIENCE = 60  # seconds; a busy CI machine needs ten times what a quiet one does
# So that no program outlives a killed test run. Without setpriv only a clean end stops them.
DIE_WITH_ME = ["setpriv", "--pdeathsig=KILL"] if shutil.which("setpriv") else []


class ServerError(Exception):
    """A private server did not start; the message ends with its log."""


def find_program(name: str) -> str | None:
    """Find a program also where Debian keeps daemons and the versions of PostgreSQL."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    folders = [*map(str, versions), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    return shutil.which(name, path=os.pathsep.join(folders))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


def need(*programs: str) -> None:
    """Skip the test, naming what is missing; in CI, where all is installed, fail it."""
    missing = [program for program in programs if find_program(program) is None]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Callable[[int], list[str]],
    greet: Callable[[int], None],
    refusal: type[Exception],
    folder: Path,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[int]:
    """Run the command until the block ends; yield the port on which it answered `greet`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    with log.open("ab") as output:
        process, port = _start(command, greet, refusal, output)
    if process is None:
        raise ServerError(f"no answer from {command(0)}:\n{log.read_text(errors='replace')}")
    try:
        yield port
    finally:
        _stop(process, stop)


def _start(
    command: Callable[[int], list[str]],
    greet: Callable[[int], None],
    refusal: type[Exception],
    output: IO[bytes],
) -> tuple[subprocess.Popen[bytes] | None, int]:
    for _ in range(3):  # another program may take the free port before the server does
        port = free_port()
        process = subprocess.Popen(
            [*DIE_WITH_ME, *command(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        if _answers(process, partial(greet, port), refusal):
            return process, port
        _stop(process, signal.SIGKILL)
    return None, 0


def _answers(
    process: subprocess.Popen[bytes], greet: Callable[[], None], refusal: type[Exception]
) -> bool:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            greet()
        except refusal:
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def unprivileged(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder, and the words before a command, for a program that refuses to run as root.

    pytest's own folders are closed to every other user, so root lends one beside them.
    """
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder, []
        return
    need("setpriv")
    user = _somebody()
    with tempfile.TemporaryDirectory(prefix="belldesk-") as home:
        os.chown(home, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        yield Path(home), [*become, *DIE_WITH_ME[1:]]


def _somebody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def install(program: str, *arguments: str, become: list[str] | None = None) -> None:
    command = [*(become or []), path_of(program), *arguments]
    done = subprocess.run(command, capture_output=True, cwd="/", text=True, check=False)
    if done.returncode != 0:
        raise ServerError(f"{program} failed:\n{done.stdout}{done.stderr}")


def path_of(program: str) -> str:
    path = find_program(program)
    if path is None:
        raise ServerError(f"{program} is not installed")
    return path
