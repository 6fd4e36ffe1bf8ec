"""What a verb may be told. The agent checks the same again: neither side trusts the other."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioning.errors import N_, ProvisioningError
from webapp.control import allowed
from webapp.models import Company

LARGEST_PID = 2**31 - 1
LARGEST_WINDOW = 2**63 - 1
LONGEST_TITLE, LONGEST_TEXT, LONGEST_WORD = 100, 1000, 120
LONGEST_COUNTDOWN = 240
MOST_WORDS = 100
STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
PROTECTED = re.compile(
    r"(?i)(system|registry|secure system|memory compression|idle|kernel_task|launchd|init|linuxrc"
    r"|systemd.*|\(sd-pam\)|dbus-(daemon|broker.*)|login|loginwindow|windowserver|sshd|udevd"
    r"|x(org|wayland|vfb)?|gdm.*|sddm.*|lightdm|gnome-shell|kwin.*|plasmashell|networkmanager"
    r"|(csrss|smss|wininit|winlogon|services|lsass|lsaiso|svchost|dwm|fontdrvhost|sihost"
    r"|msmpeng|spoolsv|logonui)(\.exe)?"
    r"|belldesk-agent.*)"
)

Given = Mapping[str, Any]
Params = dict[str, Any]


class ControlError(ProvisioningError):
    """Not asked of the computer: what was odd, and what to do."""


def is_protected(name: str, pid: int | None = None) -> bool:
    """4 is the system of Windows."""
    return pid in (0, 1, 4) or bool(PROTECTED.fullmatch(name.strip()))


def params_for(verb: str, given: Given, company: Company) -> Params:
    """The verb's params, or a refusal that names the field."""
    if verb not in BUILDERS:
        raise ControlError(N_("“%(verb)s” is nothing that can be asked."), verb=verb[:40])
    return BUILDERS[verb](given, company)


def nothing(_given: Given, _company: Company) -> Params:
    return {}


def opening(given: Given, company: Company) -> Params:
    program, folder = one_line(given, "program", 260), one_line(given, "folder", 260)
    if bool(program) == bool(folder):
        raise ControlError(N_("Say which program to open, or which folder."))
    if program:
        if program not in allowed.programs(company):
            raise ControlError(N_("“%(what)s” is not among the programs that this company allows."),
                               what=program)  # fmt: skip
        return {"program": program}
    if not allowed.is_folder_allowed(folder, company):
        raise ControlError(N_("“%(what)s” is not within the folders that this company allows."),
                           what=folder)  # fmt: skip
    return {"folder": folder}


def closing(given: Given, company: Company) -> Params:
    if given.get("window") not in (None, ""):
        return {"window": whole(given, "window", 0, LARGEST_WINDOW)}
    title = one_line(given, "title", LONGEST_WORD)
    if company.hide_titles:
        raise ControlError(N_("Titles are hidden here: choose a window of the list."))
    if len(title) < 2:
        raise ControlError(N_("Type at least two letters of the window's title."))
    return {"title": title}


def closing_all(given: Given, company: Company) -> Params:
    """The company's own exclusions always hold; typed ones come on top."""
    typed = lines(str(given.get("exclude") or ""), "exclude")
    kept = lines(company.keep_open or "", "keep_open")
    return {
        "exclude": list(dict.fromkeys([*kept, *typed]))[:MOST_WORDS],
        "countdown": whole(given, "countdown", 0, LONGEST_COUNTDOWN),
        "message": block(given, "message", LONGEST_TEXT),
    }


def terminating(given: Given, _company: Company) -> Params:
    name, started = one_line(given, "name", 255), one_line(given, "started", 40)
    pid = whole(given, "pid", 1, LARGEST_PID)
    if not name or not STARTED.fullmatch(started):
        raise ControlError(N_("“pid”, “started” and “name” must be those of the list."))
    if is_protected(name, pid):
        raise ControlError(N_("“%(name)s” is protected: the system or the session needs it."),
                           name=name)  # fmt: skip
    return {"pid": pid, "started": started, "name": name}


def saying(given: Given, _company: Company) -> Params:
    text = block(given, "text", LONGEST_TEXT)
    if not text:
        raise ControlError(N_("There is nothing to say: the text is empty."))
    return {"title": one_line(given, "title", LONGEST_TITLE) or "Belldesk", "text": text}


BUILDERS: dict[str, Callable[[Given, Company], Params]] = {
    "list_processes": nothing,
    "list_windows": nothing,
    "list_programs": nothing,
    "open": opening,
    "close": closing,
    "close_all": closing_all,
    "terminate": terminating,
    "message": saying,
}


def one_line(given: Given, name: str, longest: int) -> str:
    text = str(given.get(name) or "").strip()
    if not text.isprintable() or len(text) > longest:
        raise ControlError(
            N_("“%(name)s” must be one line of at most %(most)s characters."),
            name=name, most=longest,
        )  # fmt: skip
    return text


def block(given: Given, name: str, longest: int) -> str:
    """Text of several lines; browsers send CR LF."""
    text = str(given.get(name) or "").replace("\r\n", "\n").strip()
    if len(text) > longest or not all(c.isprintable() or c == "\n" for c in text):
        raise ControlError(
            N_("“%(name)s” must be text of at most %(most)s characters."), name=name, most=longest
        )
    return text


def whole(given: Given, name: str, least: int, most: int) -> int:
    text = str(given.get(name, "")).strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ControlError(N_("“%(name)s” must be a whole number."), name=name)
    if not least <= int(text) <= most:
        raise ControlError(
            N_("“%(name)s” must lie between %(least)s and %(most)s."),
            name=name, least=least, most=most,
        )  # fmt: skip
    return int(text)


def lines(text: str, name: str) -> list[str]:
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if len(found) > MOST_WORDS or not all(is_word(line) for line in found):
        raise ControlError(
            N_("“%(name)s”: one word or title a line, 2 to %(longest)s characters, at most"
               " %(most)s lines."),
            name=name, longest=LONGEST_WORD, most=MOST_WORDS,
        )  # fmt: skip
    return found


def is_word(line: str) -> bool:
    """One letter would keep every window open."""
    return 2 <= len(line) <= LONGEST_WORD and line.isprintable()
