"""What the agent keeps on disk: who it is, how far it got, and the beats it could not send."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from agent.errors import AgentError

AGENT, PROGRESS, PAST, LOCK = "agent.json", "progress.json", "past.jsonl", "lock"
MOST_PAST = 10_080  # a week of minutes, about 5 MB


def default_folder() -> Path:
    """The machine's folder for root, else the person's own; both closed to others."""
    if told := os.environ.get("BELLDESK_AGENT_STATE"):
        return Path(told)
    if sys.platform == "win32":  # private to the account, the system's own included
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "Belldesk" / "Agent"
    is_root = os.geteuid() == 0
    if sys.platform == "darwin":
        return (Path("/") if is_root else Path.home()).joinpath(
            "Library", "Application Support", "Belldesk Agent"
        )
    if is_root:
        return Path("/var/lib/belldesk-agent")
    home = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    return home / "belldesk-agent"


class State:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.past = Past(folder / PAST)
        self._lock: IO[bytes] | None = None
        self._guard = threading.Lock()

    def agent(self) -> dict[str, Any]:
        """Address, name and secret; empty before enrolment."""
        return self._read(AGENT)

    def save_agent(self, values: dict[str, Any]) -> None:
        self._write(AGENT, values)

    def progress(self) -> dict[str, Any]:
        try:
            return self._read(PROGRESS)
        except AgentError:  # worth less than going on
            return {}

    def save_progress(self, values: dict[str, Any]) -> None:
        self._write(PROGRESS, values)

    def update_progress(self, values: dict[str, Any]) -> None:
        """Change some of it; threads of one agent may."""
        with self._guard:
            self.save_progress({**self.progress(), **values})

    def lock(self) -> None:
        """Two agents with one identity would look like a cloned computer."""
        file = (self.folder / LOCK).open("wb")
        try:
            lock_file(file)
        except OSError:
            file.close()
            raise AgentError(f"Another agent runs already with {self.folder}.") from None
        self._lock = file

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            values = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise AgentError(f"{path}: {error}. Enrol this computer again.") from None
        return values if isinstance(values, dict) else {}

    def _write(self, name: str, values: dict[str, Any]) -> None:
        write_whole(self.folder / name, json.dumps(values).encode())


class Past:
    """Beats that wait to be sent, oldest first, one a line; beyond `most` the oldest go."""

    def __init__(self, path: Path, most: int = MOST_PAST) -> None:
        self.path, self.most = path, most
        self.count = sum(1 for _ in self._lines())

    def add(self, beat: dict[str, Any]) -> None:
        line = json.dumps(beat, separators=(",", ":")) + "\n"
        with open(self.path, "a", opener=for_its_owner) as file:
            file.write(line)
        self.count += 1
        if self.count > self.most + self.most // 10:
            self.drop(self.count - self.most)

    def oldest(self, most: int) -> tuple[list[dict[str, Any]], int]:
        """The beats of the first lines and how many lines those are; a torn line is no beat."""
        beats, lines = [], 0
        for line in self._lines():
            if lines == most:
                break
            lines += 1
            with suppress(ValueError):
                beats.append(json.loads(line))
        return beats, lines

    def drop(self, lines: int) -> None:
        kept = [line for number, line in enumerate(self._lines()) if number >= lines]
        self.count = len(kept)
        if kept:
            write_whole(self.path, "".join(kept).encode())
        else:
            self.path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text("utf-8", "replace").splitlines(keepends=True)
        except FileNotFoundError:
            return []


def for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file by a complete one, for its owner only: a power cut leaves old or new."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise


def lock_file(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
