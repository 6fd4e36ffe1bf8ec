"""The SMBIOS tables: on Windows every account may read them, without WMI and without PowerShell.

DMTF DSP0134: a structure is type, length, handle, formatted part, then its strings, each ended by
a zero, the last by two. Type 1 is the system.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator

SYSTEM, END = 1, 127
HEADER = 8  # of RawSMBIOSData, before the tables
RSMB = 0x52534D42


def parse(raw: bytes) -> dict[str, str]:
    """Serial, UUID, maker and model out of RawSMBIOSData."""
    from agent.facts.identity import tidy

    found = {"serial": "", "uuid": "", "manufacturer": "", "model": ""}
    for kind, formatted, strings in structures(raw[HEADER:]):
        if kind == SYSTEM and len(formatted) >= 8:
            found["manufacturer"] = nth(strings, formatted[4])
            found["model"] = nth(strings, formatted[5])
            found["serial"] = nth(strings, formatted[7])
            found["uuid"] = read_uuid(formatted[8:24])
            break
    return tidy(found)


def structures(table: bytes) -> Iterator[tuple[int, bytes, list[bytes]]]:
    at = 0
    while at + 4 <= len(table) and table[at] != END:
        length = table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0:
            return
        yield table[at], table[at : at + length], table[at + length : end].split(b"\0")
        at = end + 2


def nth(strings: list[bytes], number: int) -> str:
    if not 1 <= number <= len(strings):
        return ""
    return strings[number - 1].decode("utf-8", "replace").strip()


def read_uuid(raw: bytes) -> str:
    """Little-endian since SMBIOS 2.6; all zeros or all ones mean there is none."""
    if len(raw) != 16 or raw in (bytes(16), b"\xff" * 16):
        return ""
    return str(uuid.UUID(bytes_le=raw))


def read_windows() -> bytes:
    if sys.platform != "win32":
        return b""
    import ctypes

    ask = ctypes.windll.kernel32.GetSystemFirmwareTable
    size = ask(RSMB, 0, None, 0)
    buffer = ctypes.create_string_buffer(size)
    return buffer.raw[: ask(RSMB, 0, buffer, size)]
