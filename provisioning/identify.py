"""What a request tells about the phone that makes it: its file name first, then its User-Agent."""

import re
from functools import lru_cache
from typing import NamedTuple

from provisioning.mac import SEPARATORS
from provisioning.registry import Model, Registry, Vendor, registry

# 13 digits in a row are a serial number, not a MAC (AudioCodes' “000171907677D.cfg”).
PLAIN = re.compile(r"([0-9a-f]{12})\.\w{1,8}", re.ASCII)
MAC = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{12}|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})"
    r"(?![0-9a-f])",
    re.ASCII,
)
# Real ones are under 80 characters; more would only feed the patterns' backtracking and the cache.
LONGEST_USER_AGENT = 256


class Clues(NamedTuple):
    """Each is "" when the request is silent. `model` is a registry key, `file` a base name."""

    mac: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    file: str = ""


NO_CLUE = Clues()


def identify(file: str, user_agent: str) -> Clues:
    """Read a request's clues. The MAC in the file's name wins over the one in the User-Agent."""
    name = file.partition("?")[0].rpartition("/")[2]
    seen = from_user_agent(user_agent[:LONGEST_USER_AGENT]) if user_agent else NO_CLUE
    if ".." in file or "\\" in file or "\0" in file:
        return Clues("", seen.vendor, seen.model, seen.firmware, name)
    mac = mac_in(name) or seen.mac
    return Clues(mac, seen.vendor or vendor_by(mac), seen.model, seen.firmware, name)


def mac_in(name: str) -> str:
    lower = name.lower()
    plain = PLAIN.fullmatch(lower)
    if plain:
        return usable(plain[1])
    found = MAC.search(lower)
    return usable(SEPARATORS.sub("", found[0])) if found else ""


def usable(mac: str) -> str:
    """Poly's 000000000000.cfg is a file for all phones, and no phone has a group's address."""
    return "" if mac == "000000000000" or mac[1] in "13579bdf" else mac


def vendor_by(mac: str) -> str:
    vendor = registry().vendor_of(mac) if mac else None
    return vendor.key if vendor else ""


# A phone sends the same words each time it asks, and each phone of a site asks in turn.
@lru_cache(maxsize=16384)
def from_user_agent(user_agent: str) -> Clues:
    known = registry()
    for vendor in known.vendors.values():
        for pattern in vendor.user_agents:
            found = pattern.search(user_agent)
            if found:
                return clues_of(found.groupdict(default=""), vendor, known)
    return NO_CLUE


def clues_of(groups: dict[str, str], vendor: Vendor, known: Registry) -> Clues:
    mac = SEPARATORS.sub("", groups.get("mac", "")).lower()
    return Clues(
        mac=mac_in(mac) if mac else "",
        vendor=vendor.key,
        model=model_key(groups.get("model", ""), vendor, known),
        firmware=groups.get("firmware", ""),
    )


def model_key(name: str, vendor: Vendor, known: Registry) -> str:
    model = known.find(f"{vendor.name} {name}") if name else None
    return model.key if model and model.vendor is vendor else ""


def models_of_file(file: str, mac: str) -> tuple[Model, ...]:
    """The models whose own file has this name, if it tells more than the maker of the phone."""
    vendor = registry().vendor_of(mac)
    if vendor is None or not file:
        return ()
    name = file.rpartition("/")[2].lower()
    of_vendor = [model for model in registry().models.values() if model.vendor is vendor]
    found = [model for model in of_vendor if name in map(str.lower, model.files(mac))]
    return tuple(found) if len(found) < len(of_vendor) else ()
