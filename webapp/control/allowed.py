"""What a company lets the desk open on its computers: programs by name or path, folders by a line
that ends with a slash, with all that lies below."""

import re

from webapp.models import Company

LONGEST = 260  # a path of Windows
MOST = 200
ABSOLUTE = re.compile(r"([A-Za-z]:[\\/]|\\\\[^\\/]|/|%[A-Za-z_]+%[\\/]|\$[A-Z_]+/)")
FORBIDDEN = frozenset('"<>|*?\t')


def entries(company: Company) -> list[str]:
    return [line.strip() for line in (company.programs or "").splitlines() if line.strip()]


def is_folder(entry: str) -> bool:
    return entry.endswith(("\\", "/"))


def programs(company: Company) -> list[str]:
    return [entry for entry in entries(company) if not is_folder(entry)]


def folders(company: Company) -> list[str]:
    return [entry for entry in entries(company) if is_folder(entry)]


def is_entry(line: str) -> bool:
    """A name or a whole path, never a command line: a blank may be in a path, a quote may not."""
    if len(line) > LONGEST or not line.isprintable() or FORBIDDEN & set(line) or has_dots(line):
        return False
    has_place = "\\" in line or "/" in line
    return bool(ABSOLUTE.match(line)) if has_place else line[0] not in "-."


def is_folder_allowed(folder: str, company: Company) -> bool:
    """One of the list or below one: no way up, no variable that the list does not name."""
    if not folder.isprintable() or FORBIDDEN & set(folder) or has_dots(folder):
        return False
    wanted = plain(folder)
    for entry in folders(company):
        start = plain(entry)
        below = wanted[len(start) :]
        if wanted.startswith(start) and not set(below) & set("%$:~"):
            return True
    return False


def has_dots(path: str) -> bool:
    return any(part.strip() in ("..", ".") for part in re.split(r"[\\/]", path))


def plain(path: str) -> str:
    """As Windows compares paths; where capitals count, the list is only as wide as this for names
    that differ in nothing else."""
    slashed = path.replace("\\", "/").casefold() if is_windows(path) else path
    return slashed.rstrip("/") + "/"


def is_windows(path: str) -> bool:
    return "\\" in path or bool(re.match(r"[A-Za-z]:|%", path))


def entry_for(program: str, company: Company) -> str:
    """The entry that starts what a window calls its program; empty when there is none."""
    wanted = stem(program)
    return next((one for one in programs(company) if wanted and stem(one) == wanted), "")


def stem(program: str) -> str:
    name = re.split(r"[\\/]", program)[-1].casefold()
    return name.removesuffix(".exe")
