"""The agent as one file to carry: a zipapp with the desk's address, and its certificate, inside.

The server shares no code with the agent; it only packs what lies in its folder. The same input
gives the same bytes, so that a checksum can be told.
"""

import hashlib
import io
import json
import ssl
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from provisioning.errors import N_, ProvisioningError

SOURCE = Path(__file__).parent.parent / "agent"
NAME = "belldesk-agent.pyz"
EPOCH = (2026, 1, 1, 0, 0, 0)
START = """\
import sys

if sys.version_info < (3, 9):
    sys.exit("belldesk-agent needs Python 3.9 or newer.")
try:
    import psutil
except ImportError:
    sys.exit(
        "belldesk-agent needs psutil: apt install python3-psutil, dnf install python3-psutil, "
        "or python3 -m pip install psutil."
    )
from agent.__main__ import main

sys.exit(main())
"""


class AgentFileError(ProvisioningError):
    """An agent that could not reach its desk is not built."""


def build(url: str, certificate: str = "") -> bytes:
    """`certificate` is the text of a PEM file: over TLS the agent then takes that one alone."""
    built = {"url": checked(url), "certificate": fingerprint(certificate) if certificate else ""}
    if certificate and not url.startswith("https:"):
        raise AgentFileError(N_("A certificate can be pinned for an https:// address only"))
    files = {"__main__.py": START, "agent/built.json": json.dumps(built)}
    for path in sorted(SOURCE.rglob("*.py")):
        files[f"agent/{path.relative_to(SOURCE).as_posix()}"] = path.read_text("utf-8")
    packed = io.BytesIO()
    packed.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return packed.getvalue()


def checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.path.strip("/") or parts.query or parts.username:
        raise AgentFileError(
            N_("“%(url)s” is no address of a desk: https://desk.example.net, or with a port"),
            url=url[:200],
        )
    return url.rstrip("/")


def fingerprint(certificate: str) -> str:
    """SHA-256 of the first certificate of a PEM file; its key does not belong in there."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    at, to = certificate.find(begin), certificate.find(end)
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate[at : to + len(end)])
    except ValueError:
        raise AgentFileError(
            N_("This is no certificate in PEM: it begins with BEGIN CERTIFICATE")
        ) from None
    return hashlib.sha256(der).hexdigest()
