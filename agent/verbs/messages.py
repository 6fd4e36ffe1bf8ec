"""Say something to whoever sits here, by the first means that there is."""

from __future__ import annotations

import shutil
import sys
import threading
from typing import Any

from agent.verbs import seat, starting, win32
from agent.verbs.errors import VerbError, text

APPLE = (
    *("-e", "on run argv"),
    *("-e", 'display dialog (item 2 of argv) with title (item 1 of argv) buttons {"OK"}'),
    *("-e", "end run"),
)


def message(params: dict[str, Any], _stop: threading.Event) -> dict[str, Any]:
    words = text(params, "text")
    if not words:
        raise VerbError("There is nothing to say: the text is empty.")
    return {"shown_by": say(text(params, "title", 100) or "Belldesk", words)}


def try_to_say(title: str, words: str) -> bool:
    try:
        say(title, words)
    except VerbError:
        return False
    return True


def say(title: str, words: str) -> str:
    """Return what showed it."""
    if sys.platform == "win32":
        if win32.say(title, words):
            return "Windows"
        raise VerbError("Windows did not show the message.")
    here = seat.find()
    for command in commands(title, words):
        program = shutil.which(command[0], path=here.environment.get("PATH"))
        if program and starting.start([program, *command[1:]], here):
            return command[0]
    raise VerbError(
        "No program that shows messages is installed: notify-send, zenity, kdialog or xmessage."
    )


def commands(title: str, words: str) -> list[list[str]]:
    """No word of the message is taken for an option, a mark-up or a command."""
    if sys.platform == "darwin":
        return [["osascript", *APPLE, title, words]]
    escaped = words.replace("&", "&amp;").replace("<", "&lt;")
    return [
        ["notify-send", "--urgency=critical", "--app-name=Belldesk", "--", title, escaped],
        ["zenity", "--info", "--no-markup", f"--title={title}", f"--text={words}"],
        ["kdialog", f"--title={title}", "--msgbox", f" {words}"],
        ["xmessage", "-center", "-title", title, f" {words}"],
    ]
