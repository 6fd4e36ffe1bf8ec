"""Which encoding a text file has.

Libraries that guess misread short lists, so the rule is: byte order mark, strict UTF-8, Cyrillic
words in cp1251, else cp1252. The preview shows the answer and a person may choose another.
"""

import codecs
import re

from provisioning.errors import N_, SheetError

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = (
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "latin-1",
    "cp1251",
    "cp1250",
)
CYRILLIC = re.compile("[\u0410-\u044f\u0401\u0451]{3,}")


def decode(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text and the name of the encoding it was read in."""
    name = encoding or guess(data)
    try:
        if name not in (*ENCODINGS, "utf-8-sig"):
            raise LookupError(name)
        text = data.decode(name)
    except (UnicodeError, LookupError):
        raise SheetError(
            N_("The file cannot be read as %(encoding)s"), encoding=name[:40]
        ) from None
    return text.removeprefix("\ufeff"), name.removesuffix("-sig")


def guess(data: bytes) -> str:
    for mark, name in BOMS:
        if data.startswith(mark):
            return name
    if b"\0" in data:
        return without_mark(data)
    if decodes(data, "utf-8"):
        return "utf-8"
    return "cp1251" if is_cyrillic(data) or not decodes(data, "cp1252") else "cp1252"


def without_mark(data: bytes) -> str:
    """UTF-16 without its mark: every second byte of a header is NUL."""
    head = data[:200]
    half = len(head) // 2
    if half and head[1::2].count(0) > half * 0.8 and 0 not in head[::2]:
        return "utf-16-le"
    if half and head[::2].count(0) > half * 0.8 and 0 not in head[1::2]:
        return "utf-16-be"
    raise SheetError(N_("This is not a text file: it holds binary data"))


def decodes(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def is_cyrillic(data: bytes) -> bool:
    """At least 60 % of the bytes above 127 stand in words that are Cyrillic in cp1251."""
    high = sum(byte > 127 for byte in data)
    words = CYRILLIC.findall(data.decode("cp1251", "replace"))
    return sum(map(len, words)) >= 0.6 * high
