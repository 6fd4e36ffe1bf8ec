"""Files for a site's own TFTP or FTP server: written whole or not at all, and removed when old."""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from provisioning.errors import N_, ProvisioningError
from provisioning.registry import Model, registry

MODE = 0o640
FOLDER_MODE = 0o750
DRAFT = re.compile(r"\.belldesk-[0-9a-f]{16}\.part")


class ExportError(ProvisioningError):
    """A file could not be written to the export folder."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    name: str
    path: Path
    size: int
    changed: datetime


def export(folder: Path, model: Model, mac: str, body: bytes) -> list[Path]:
    """Write the body under every name its phone asks for; an ExportError names the folder.

    The folder is made if it is missing.
    """
    paths = [inside(folder, name) for name in dict.fromkeys(model.files(mac))]
    make(folder)
    for path in paths:
        write(path, body)
    return paths


def withdraw(folder: Path, model: Model, mac: str) -> None:
    """Take away what lies there for the phone; an ExportError names the folder."""
    for name in dict.fromkeys(model.files(mac)):
        try:
            inside(folder, name).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise unwritable(folder, error) from error


def make(folder: Path) -> None:
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def inside(folder: Path, name: str) -> Path:
    path = folder / name
    if path.name != name or not exported_names().fullmatch(name):
        raise ExportError(N_("“%(name)s” is no name of a phone's file"), name=name)
    return path


def write(path: Path, body: bytes) -> None:
    """A server that reads at any moment finds the old file or the new one, never half of it."""
    draft = path.with_name(f".belldesk-{secrets.token_hex(8)}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), MODE)
                file.write(body)
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def unwritable(folder: Path, error: OSError) -> ExportError:
    return ExportError(
        N_("The export folder %(folder)s cannot be written: %(reason)s"),
        folder=str(folder),
        reason=error.strerror or type(error).__name__,
    )


def exported_files(folder: Path) -> list[ExportedFile]:
    """Return our files in the folder by name; what others put there is none of our business."""
    return sorted(found(folder, exported_names()), key=lambda file: file.name)


def purge(folder: Path, older_than: datetime) -> int:
    """Remove our files that were written before that moment, and drafts of killed workers."""
    removed = 0
    for pattern in (exported_names(), DRAFT):
        for file in found(folder, pattern):
            if file.changed < older_than:
                file.path.unlink(missing_ok=True)
                removed += 1
    return removed


def found(folder: Path, pattern: re.Pattern[str]) -> Iterator[ExportedFile]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if not pattern.fullmatch(entry.name):
            continue
        try:
            about = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(about.st_mode):
            changed = datetime.fromtimestamp(about.st_mtime, UTC)
            yield ExportedFile(entry.name, Path(entry.path), about.st_size, changed)


@cache
def exported_names() -> re.Pattern[str]:
    """What a vendor's file names look like, whatever the MAC address."""
    names = {name for vendor in registry().vendors.values() for name in vendor.files}
    patterns = (
        re.escape(name).replace(r"\{mac\}", "[0-9a-f]{12}").replace(r"\{MAC\}", "[0-9A-F]{12}")
        for name in sorted(names)
    )
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.ASCII)
