"""Single cells: the damage spreadsheets do is repaired with a note, or refused with words."""

import ipaddress
import re
from functools import lru_cache

from provisioning.errors import N_, MacError
from provisioning.mac import normalise_mac
from provisioning.registry import Registry
from provisioning.sheet.rows import Reason

SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?[eE][+-]?\d+", re.ASCII)
# A password may look like 12e3; only a spreadsheet writes the plus sign.
SPREADSHEET_NUMBER = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.ASCII)
WHOLE_FLOAT = re.compile(r"(\d+)[.,]0+", re.ASCII)
SHORT_MAC = re.compile(r"[0-9a-fA-F]{5,11}", re.ASCII)
HOST_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d{1,5}))?", re.ASCII)


class Remarks:
    """What is said about one row while it is read."""

    __slots__ = ("notes", "reasons")

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self.notes: list[Reason] = []

    def refuse(self, field: str, message: str, /, **params: object) -> None:
        self.reasons.append(Reason(message, params, field))

    def note(self, field: str, message: str, /, **params: object) -> None:
        self.notes.append(Reason(message, params, field))


def mac_of(text: str, registry: Registry, remarks: Remarks) -> str:
    """Return the normalised MAC, or "" after saying why not."""
    if not text:
        remarks.refuse("mac", N_("The MAC address is missing"))
        return ""
    try:
        return unicast(normalise_mac(text), remarks)
    except MacError as error:
        if SCIENTIFIC.fullmatch(text):
            refuse_scientific("mac", text, remarks)
        elif SHORT_MAC.fullmatch(text):
            return padded(text.lower(), registry, remarks)
        else:
            remarks.refuse("mac", error.message, **error.params)
        return ""


def unicast(mac: str, remarks: Remarks) -> str:
    if mac == "000000000000" or mac[1] in "13579bdf":
        remarks.refuse(
            "mac", N_("%(mac)s is an address for groups or for nobody, not of a phone"), mac=mac
        )
        return ""
    return mac


def padded(text: str, registry: Registry, remarks: Remarks) -> str:
    """Give lost leading zeros back, but only if that makes the MAC of a maker we know."""
    mac = text.rjust(12, "0")
    vendor = registry.vendor_of(mac)
    if vendor is None:
        remarks.refuse(
            "mac",
            N_(
                "“%(mac)s” has %(count)d of 12 digits. If the spreadsheet dropped leading zeros, "
                "format the column as text and enter it again"
            ),
            mac=text,
            count=len(text),
        )
        return ""
    remarks.note(
        "mac",
        N_("Leading zeros were lost; %(mac)s is the %(vendor)s address meant"),
        mac=mac,
        vendor=vendor.name,
    )
    return mac


def refuse_scientific(field: str, text: str, remarks: Remarks) -> None:
    remarks.refuse(
        field,
        N_(
            "The spreadsheet turned the value into a number (%(value)s) and lost digits: "
            "format the column as text and enter it again"
        ),
        value=text[:40],
    )


def extension_of(text: str, field: str, remarks: Remarks) -> str:
    if not text:
        remarks.refuse(field, N_("The extension is missing"))
    elif SCIENTIFIC.fullmatch(text) and not text.isalnum():
        refuse_scientific(field, text, remarks)
    elif found := WHOLE_FLOAT.fullmatch(text):
        remarks.note(field, N_("The spreadsheet wrote %(value)s for the extension"), value=text)
        return found[1]
    return text


def password_of(text: str, field: str, remarks: Remarks) -> str:
    """No remark repeats the value."""
    if not text:
        remarks.refuse(field, N_("The password is missing"))
    elif SPREADSHEET_NUMBER.fullmatch(text):
        remarks.refuse(
            field,
            N_(
                "The spreadsheet turned the password into a number and lost digits: "
                "format the column as text and enter it again"
            ),
        )
    return text


def server_of(text: str, default: str, field: str, remarks: Remarks) -> str:
    if not text:
        if not default:
            remarks.refuse(field, N_("The SIP server is missing"))
    elif not is_server(text):
        remarks.refuse(
            field,
            N_("“%(server)s” is neither a host name nor an address (with or without :port)"),
            server=text[:80],
        )
    return text or default


@lru_cache(maxsize=1024)
def is_server(text: str) -> bool:
    if is_address(text):
        return True
    found = HOST_AND_PORT.fullmatch(text)
    if not found or not 0 < int(found["port"] or 5060) < 65536:
        return False
    host = found["host"]
    return is_address(host[1:-1]) if host.startswith("[") else is_host(host)


def is_host(text: str) -> bool:
    if is_address(text):
        return True
    labels = text.removesuffix(".").split(".")
    return len(text) < 254 and not labels[-1].isdigit() and all(map(HOST_LABEL.fullmatch, labels))


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
