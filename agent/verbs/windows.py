"""The windows of whoever sits here: list them, ask one to close, ask all. Never force: a program
with unsaved work asks its own question and stays."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import psutil

from agent.verbs import messages, win32, x11
from agent.verbs.desktop import Window
from agent.verbs.errors import VerbError, text, texts, whole

MOST = 500
ONE, ALL = 3.0, 10.0  # seconds that windows get to go
LONGEST_COUNTDOWN = 300

Row = dict[str, Any]
Asked = tuple[Window, str]  # and why it cannot be, or did not go


class Desktop(Protocol):
    def windows(self) -> list[Window]: ...

    def ask_to_close(self, window: Window) -> str:
        """Why it cannot be asked; empty when it was."""

    def leave(self) -> None: ...


def desktop() -> Desktop:
    if sys.platform == "win32":
        return win32.Desktop()
    if sys.platform.startswith("linux"):
        return x11.Desktop()
    raise VerbError("Windows cannot be listed on this system.")


def list_windows(_params: Row, _stop: threading.Event) -> Row:
    return on_desktop(lambda here: {"windows": [row(window) for window in here.windows()[:MOST]]})


def close(params: Row, stop: threading.Event) -> Row:
    """By its id from the list, or the first one whose title contains the text."""

    def ask(here: Desktop) -> Row:
        before = here.windows()
        window = chosen(before, params)
        shown = row(window)  # while its process is there to be asked
        why = here.ask_to_close(window)
        left = [] if why else waited(here, [window], ONE, stop)
        if left:
            why = reason(window, before, here.windows(), ONE)
        return {**shown, "closed": not why, "why": why}

    return on_desktop(ask)


def close_all(params: Row, stop: threading.Event) -> Row:
    countdown = min(max(whole(params, "countdown", 0), 0), LONGEST_COUNTDOWN)
    exclude = [word.lower() for word in texts(params, "exclude") if word.strip()]
    if countdown:
        messages.try_to_say(
            text(params, "title", 100) or "All windows will be closed",
            text(params, "message") or f"Save your work: windows close in {countdown} s.",
        )
        if stop.wait(countdown):
            raise VerbError("The agent was stopped during the countdown; nothing was closed.")
    return on_desktop(lambda here: closed(here, exclude, stop))


def closed(here: Desktop, exclude: list[str], stop: threading.Event) -> Row:
    before = here.windows()
    shown = {window.number: row(window) for window in before}  # while their processes are there
    kept = [window for window in before if is_kept(window, exclude)]
    asked: list[Asked] = []
    stayed: list[Asked] = []
    for window in before:
        if window not in kept:
            why = here.ask_to_close(window)
            (stayed if why else asked).append((window, why))
    left = {window.number for window in waited(here, [pair[0] for pair in asked], ALL, stop)}
    now = here.windows()
    for window, _ in asked:
        if window.number in left:
            stayed.append((window, reason(window, before, now, ALL)))
    return {
        "closed": [shown[window.number] for window, _ in asked if window.number not in left],
        "stayed": [{**shown[window.number], "why": why} for window, why in stayed],
        "excluded": [shown[window.number] for window in kept],
    }


def on_desktop(do: Callable[[Desktop], Row]) -> Row:
    here = desktop()
    try:
        return do(here)
    finally:
        here.leave()


def chosen(windows: list[Window], params: Row) -> Window:
    if "window" in params:
        number = whole(params, "window")
        found = [window for window in windows if window.number == number]
    else:
        part = text(params, "title").lower()
        found = [window for window in windows if part and part in window.title.lower()]
    if not found:
        raise VerbError("There is no such window (any more). List them again.")
    return found[0]


def is_kept(window: Window, exclude: list[str]) -> bool:
    program = program_of(window)[0].lower()
    return any(word in window.title.lower() or word == program for word in exclude)


def waited(
    here: Desktop, windows: list[Window], seconds: float, stop: threading.Event
) -> list[Window]:
    """Those that are still there when the time is over."""
    end = time.monotonic() + seconds
    while True:
        there = {window.number for window in here.windows()}
        left = [window for window in windows if window.number in there]
        if not left or time.monotonic() > end or stop.wait(0.1):
            return left


def reason(window: Window, before: list[Window], now: list[Window], seconds: float) -> str:
    old = {known.number for known in before}
    for new in now:
        if new.number not in old and new.pid is not None and new.pid == window.pid:
            return f"It asks first: “{new.title}”"
    return f"It is still open after {seconds:.0f} s; it may be asking its user."


def row(window: Window) -> Row:
    name, path, account = program_of(window)
    return {
        "id": window.number,
        "title": window.title[:300],
        "pid": window.pid,
        "program": name,
        "path": path,
        "account": account,
    }


def program_of(window: Window) -> tuple[str, str, str]:
    """Name, path and account; what this account may not see is empty."""
    found = []
    for ask in (psutil.Process.name, psutil.Process.exe, psutil.Process.username):
        try:
            found.append("" if window.pid is None else ask(psutil.Process(window.pid)))
        except (psutil.Error, OSError, ValueError):
            found.append("")
    return found[0] or window.kind, found[1], found[2]
