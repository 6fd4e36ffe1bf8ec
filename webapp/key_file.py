"""The file `keys`: replaced as a whole, never seen half written, kept for its owner only."""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from webapp.config import new_key


class KeyFileError(Exception):
    """The file of the keys cannot be changed; the message says why and what to do."""


def read(file: Path) -> list[str]:
    return file.read_text().split()


def add(file: Path) -> str:
    """Put a new key in front of the others."""
    with alone(file):
        fresh = new_key()
        write(file, [fresh, *read(file)])
        return fresh


def keep_first(file: Path) -> int:
    """Drop all keys but the first; return how many went."""
    with alone(file):
        first, *others = read(file)
        if others:
            write(file, [first])
        return len(others)


def write(file: Path, keys: Sequence[str]) -> None:
    about = file.stat()
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w") as new:
            give_to_owner(new.fileno(), about)
            new.write("\n".join(keys) + "\n")
            new.flush()
            os.fsync(new.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def give_to_owner(handle: int, about: os.stat_result) -> None:
    """What root writes must still be read by the desk."""
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) == (about.st_uid, about.st_gid):
        return
    try:
        os.fchown(handle, about.st_uid, about.st_gid)
    except PermissionError as error:
        words = "The file “keys” belongs to somebody else: run this as the user the desk runs as"
        raise KeyFileError(words) from error


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Two that change the file at once would lose a key, and all that it sealed."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
