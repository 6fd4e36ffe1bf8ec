"""Other programs and files, asked without a shell and without a window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

QUIET = 0x08000000 if sys.platform == "win32" else 0  # CREATE_NO_WINDOW


class NotPermittedError(Exception):
    """This account may not read that."""


def output(*command: str, timeout: float = 20, encoding: str = "") -> str:
    """What the program prints; empty when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            creationflags=QUIET,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(encoding or console_encoding(), "replace")


def console_encoding() -> str:
    """Programs of a Windows console write in its own code page, whatever Python prefers."""
    return "oem" if sys.platform == "win32" else "utf-8"


def text(path: str) -> str:
    """The file's text, empty when there is none; NotPermittedError when it is closed to us."""
    try:
        return Path(path).read_text("utf-8", "replace").strip("\0 \n")
    except PermissionError:
        raise NotPermittedError(path) from None
    except OSError:
        return ""
