"""Open a program or a folder before whoever sits here: a path and nothing more, never a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from agent.facts import registry
from agent.outside import QUIET
from agent.verbs import seat
from agent.verbs.errors import RefusedVerbError, VerbError, text, texts

APP_PATHS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths"
FIRST_LOOK = 0.5  # seconds in which a program that cannot start ends

_started: list[subprocess.Popen[bytes]] = []


def open_(params: dict[str, Any], _stop: threading.Event) -> dict[str, Any]:
    program, folder = text(params, "program"), text(params, "folder")
    if bool(program) == bool(folder):
        raise VerbError("Say which program, or which folder.")
    here = seat.find()
    if folder:
        return open_folder(folder, here)
    if "allowed" in params and program not in texts(params, "allowed"):
        raise RefusedVerbError(f"“{program}” is not among the programs that may be started.")
    command = command_of(program, here)
    pid = start(command, here)
    if pid is None:
        raise VerbError(f"“{program}” ended at once.")
    return {"program": program, "path": command[0], "pid": pid}


def command_of(program: str, here: seat.Seat) -> list[str]:
    if sys.platform == "darwin" and not os.path.isabs(program):
        return [find("open", here), "-a", program]  # by its name, as people know it
    return [find(program, here)]


def open_folder(folder: str, here: seat.Seat) -> dict[str, Any]:
    path = Path(os.path.expandvars(folder))
    if not path.is_absolute() or not path.is_dir():
        raise VerbError(f"There is no folder “{folder}” on this computer.")
    opener = {"win32": "explorer.exe", "darwin": "open"}.get(sys.platform, "xdg-open")
    # What opens folders hands over to the desktop and ends: that is no failure.
    start([find(opener, here), str(path)], here)
    return {"folder": str(path)}


def find(program: str, here: seat.Seat) -> str:
    """Where it is; a name with arguments is no name."""
    found: str | None = None
    if sys.platform == "win32":
        name = program if program.lower().endswith(".exe") else f"{program}.exe"
        found = str(registry.values(rf"{APP_PATHS}\{name}").get("") or "").strip('"')
    if not found:
        found = shutil.which(program, path=here.environment.get("PATH"))
    if not found or not os.path.isabs(found):
        raise VerbError(f"“{program}” is not installed on this computer.")
    return found


def start(command: list[str], here: seat.Seat) -> int | None:
    """Its process, or None when it failed at once; it outlives the agent."""
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=0 if QUIET == 0 else 0x00000008,  # DETACHED_PROCESS
            **here.options(),
        )
    except (OSError, ValueError) as error:
        raise VerbError(f"{command[0]}: {error}") from None
    _started.append(process)
    end = time.monotonic() + FIRST_LOOK
    while time.monotonic() < end:
        if process.poll() is not None:
            return process.pid if process.returncode == 0 else None
        time.sleep(0.02)
    return process.pid
