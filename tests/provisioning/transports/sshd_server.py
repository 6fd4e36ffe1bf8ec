"""A real OpenSSH server that lets one name in by a password, and nobody else.

The name and its password exist only inside the mount namespace of the server: it sees a passwd and
a shadow of the test's own, the machine's stay as they are.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemons import install, need, path_of, running

SCRIPT = """
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow &&
mkdir -p /run/sshd && exec {sshd} "$@"
"""


@contextmanager
def sshd(folder: Path, password: str, *options: str) -> Iterator[int]:
    """Run it; yield its port. A folder that was used before keeps its host key."""
    need("sshd", "ssh-keygen", "unshare", "openssl")
    _need_namespaces()
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "host_key"
    if not key.exists():
        new_key(folder)
    _accounts(folder, password)
    script = SCRIPT.format(folder=folder, sshd=path_of("sshd"))
    settings = [  # the first of a name counts
        *options,
        *("ListenAddress=127.0.0.1", "UsePAM=no", "PasswordAuthentication=yes", "PidFile=none"),
        *("PermitRootLogin=yes", "StrictModes=no", "MaxStartups=200", "UseDNS=no"),
        *("PerSourcePenalties=no",) * (_version() >= (9, 8)),
    ]

    def command(port: int) -> list[str]:
        words = [word for setting in settings for word in ("-o", setting)]
        return [
            *("unshare", "--mount", "sh", "-c", script, "sh"),
            *("-D", "-e", "-f", "/dev/null", "-h", str(key), "-p", str(port), *words),
        ]

    with running(command, _greet, OSError, folder) as port:
        yield port


def new_key(folder: Path, kind: str = "ed25519") -> None:
    """Make another host key: that of another phone, or of one that was reset."""
    key = folder / "host_key"
    key.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    install("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key))


def fingerprint(folder: Path) -> str:
    """Return what OpenSSH itself says of the host key."""
    command = ["ssh-keygen", "-l", "-E", "sha256", "-f", str(folder / "host_key.pub")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


def _need_namespaces() -> None:
    if os.geteuid() == 0 and not subprocess.run(["unshare", "--mount", "true"]).returncode:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("needs to be root and to make mount namespaces", pytrace=False)
    pytest.skip("needs to be root and to make mount namespaces")


def _accounts(folder: Path, password: str) -> None:
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=password, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    known = Path("/etc/passwd").read_text(encoding="utf-8")
    if "\nsshd:" not in known:
        known += "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
    (folder / "passwd").write_text(f"{known}admin:x:0:0::{folder}:/bin/sh\n", encoding="utf-8")
    (folder / "shadow").write_text(f"admin:{hashed}:19000:0:99999:7:::\n", encoding="utf-8")


def _greet(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        if not connection.recv(4).startswith(b"SSH-"):
            raise OSError("no banner")


def _version() -> tuple[int, ...]:
    said = subprocess.run([path_of("sshd"), "-V"], capture_output=True, text=True).stderr
    digits = said.partition("OpenSSH_")[2].partition("p")[0]
    return tuple(int(part) for part in digits.split(".") if part.isdigit())
