"""What runs, and how to end one of it: by number, start and name, so that never another one dies
that was given the number of the first."""

from __future__ import annotations

import os
import re
import sys
import threading
from typing import Any

import psutil

from agent import moments
from agent.verbs.errors import RefusedVerbError, VerbError, text, texts, whole

MOST = 3000
LONGEST_COMMAND = 300
SAME = 1.0  # seconds by which a start may waver with the computer's clock
PATIENCE = 5.0
FIELDS = ("pid", "name", "status", "create_time", "username", "memory_info", "cmdline")
SECRET = re.compile(r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key)[=:\s]+)\S+")
# Ending one of these ends the session, the system or its control.
PROTECTED = re.compile(
    r"(?i)(system|registry|secure system|memory compression|idle|kernel_task|launchd|init|linuxrc"
    r"|systemd.*|\(sd-pam\)|dbus-(daemon|broker.*)|login|loginwindow|windowserver|sshd|udevd"
    r"|x(org|wayland|vfb)?|gdm.*|sddm.*|lightdm|gnome-shell|kwin.*|plasmashell|networkmanager"
    r"|(csrss|smss|wininit|winlogon|services|lsass|lsaiso|svchost|dwm|fontdrvhost|sihost"
    r"|msmpeng|spoolsv|logonui)(\.exe)?)"
)

Row = dict[str, Any]


def list_processes(_params: dict[str, Any], stop: threading.Event) -> Row:
    for process in psutil.process_iter():  # the first look begins the measure of each
        cpu(process)
    stop.wait(0.3)
    rows = [row(process) for process in psutil.process_iter(FIELDS)]
    return {"processes": sorted(rows, key=lambda found: found["pid"])[:MOST]}


def row(process: psutil.Process) -> Row:
    info = process.info
    started, memory = info["create_time"], info["memory_info"]
    return {
        "pid": info["pid"],
        "name": info["name"] or "",
        "status": info["status"] or "",
        "started": moments.iso(started) if started else None,
        "account": info["username"] or "",
        "cpu": cpu(process),
        "memory": memory.rss if memory else None,
        "command": without_secrets(" ".join(info["cmdline"] or ()))[:LONGEST_COMMAND],
    }


def cpu(process: psutil.Process) -> float | None:
    try:
        return float(process.cpu_percent(interval=None))
    except psutil.Error:
        return None


def without_secrets(command: str) -> str:
    return SECRET.sub(r"\1…", command)


def terminate(params: dict[str, Any], _stop: threading.Event) -> Row:
    process = the_one(whole(params, "pid"), text(params, "name"), text(params, "started"))
    refuse_protected(process, texts(params, "protected"))
    try:
        process.terminate()
        how = "terminated"
        try:
            process.wait(PATIENCE)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)
            how = "killed"
    except psutil.NoSuchProcess:
        how = "ended by itself"
    except psutil.AccessDenied:
        raise VerbError("The agent's account may not end this process.") from None
    except psutil.TimeoutExpired:
        raise VerbError("The system did not end this process: it waits for a device.") from None
    return {"how": how, "pid": process.pid, "name": params["name"]}


def the_one(pid: int, name: str, started: str) -> psutil.Process:
    """The process that the desk saw, or a refusal."""
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - moments.seconds(started)) <= SAME
        if process.name() == name and is_same:
            return process
    except psutil.NoSuchProcess:
        raise VerbError("This process has ended.") from None
    except psutil.AccessDenied:
        raise VerbError("The agent's account may not see this process.") from None
    except (ValueError, OverflowError, TypeError):
        raise VerbError("“pid”, “started” and “name” must be those of the list.") from None
    raise RefusedVerbError(f"Number {pid} belongs to another process now. List them again.")


def refuse_protected(process: psutil.Process, more: list[str]) -> None:
    name = process.name()
    above = {parent.pid for parent in process_itself().parents()}
    if process.pid in {0, 1, 4, os.getpid()} | above:
        raise RefusedVerbError("The system and the agent itself are protected.")
    is_kernel = sys.platform.startswith("linux") and (process.pid == 2 or process.ppid() == 2)
    if is_kernel or PROTECTED.fullmatch(name) or name.lower() in {word.lower() for word in more}:
        raise RefusedVerbError(f"“{name}” is protected: the system or the session needs it.")


def process_itself() -> psutil.Process:
    return psutil.Process()
