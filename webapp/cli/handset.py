"""One invented phone of the demonstration: it asks as a real one does, and only this machine.

Source of the words: User-Agents and requests seen from phones of these vendors.
"""

import http.client
import re
import socket
import zlib
from dataclasses import dataclass, field

from provisioning.registry import Model, registry
from provisioning.transports import tftp_client

ITS_KEY = re.compile(rb"(?<=/p/)[\w-]{32}", re.ASCII)
HOST = "127.0.0.1"  # and never another
PATIENCE = 5.0
FIRMWARE = {
    "fanvil": ("2.4.12.2", "2.12.18.4", "2.12.22.2"),
    "audiocodes": ("2.2.8.61", "2.2.16.694", "3.4.6.604"),
    "flyingvoice": ("0.8.15", "0.8.21"),
}
COMMON_FILES = {
    "fanvil": ("f0{model}hw1.100.cfg", "fanvil_{lower}_hwv1_0.txt"),
    "audiocodes": ("{model}.img",),
    "flyingvoice": ("y000000000000.cfg",),
}


def played() -> list[Model]:
    """The models whose way of asking is known here, word for word."""
    return [model for model in registry().models.values() if model.vendor.key in FIRMWARE]


class AskError(Exception):
    """The door did not answer, or broke off."""


@dataclass
class Handset:
    """`etag` is of the file it holds; `source` the address it asks from, "" if that cannot be.

    `learned` is the key in the address that the file told it; `key` what DHCP tells it.
    """

    mac: str
    model: Model
    key: str
    source: str = ""
    release: int = 0
    etag: str = ""
    learned: str = field(default="", repr=False)
    asked: int = field(default=0, compare=False)

    @property
    def number(self) -> int:
        """The same in every run of the program, unlike hash()."""
        return zlib.crc32(self.mac.encode())

    @property
    def name(self) -> str:
        """What it calls itself: our word for a variant of its file is not part of it."""
        own = self.model.name.removeprefix(self.model.vendor.name)
        return own.replace(" SBC", "").partition(" (")[0].strip()

    @property
    def firmware(self) -> str:
        known = FIRMWARE.get(self.model.vendor.key, ("1.0.0",))
        return known[min(self.number % len(known) + self.release, len(known) - 1)]

    @property
    def user_agent(self) -> str:
        vendor = self.model.vendor
        if vendor.key == "audiocodes" and self.firmware.startswith("3"):
            return f"AUDC/{self.firmware} AUDC-IPPhone-{self.name}_UC_{self.firmware}/1"
        if vendor.key == "audiocodes":
            return f"AUDC-IPPhone/{self.firmware} ({self.name}-Rev0; {self.mac.upper()})"
        if vendor.key == "flyingvoice":
            mac = ":".join(self.mac[i : i + 2] for i in range(0, 12, 2))
            return f"Flyingvoice {self.name} V{self.firmware} {mac}"
        return f"{vendor.name} {self.name} {self.firmware} {self.mac}"

    @property
    def over_tftp(self) -> bool:
        return self.number % 4 == 0

    def own_file(self) -> str:
        """Each phone keeps to one of the names of its kind, upper or lower case."""
        names = self.model.files(self.mac)
        return names[self.number // 4 % len(names)]

    def common_file(self) -> str:
        """Something it asks for beside its own file, and that nobody serves."""
        known = COMMON_FILES.get(self.model.vendor.key, ("common.cfg",))
        bare = self.name.replace(" ", "")
        return known[self.number % len(known)].format(model=bare, lower=bare.lower())

    def ask(self, file: str, port: int, tftp_port: int) -> bool:
        """True when it was served, or holds the file already."""
        self.asked += 1
        if self.over_tftp:
            return self.read(file, tftp_port) is not None
        return self.over_http(file, port)

    def read(self, file: str, port: int) -> bytes | None:
        try:
            return tftp_client.read((HOST, port), file, source=self.source, patience=PATIENCE)
        except OSError as error:
            raise AskError(f"TFTP: {error}") from error

    def over_http(self, file: str, port: int) -> bool:
        headers = {"User-Agent": self.user_agent, "Connection": "close"}
        if self.etag and file == self.own_file():
            headers["If-None-Match"] = self.etag
        source = (self.source, 0) if self.source else None
        connection = http.client.HTTPConnection(HOST, port, PATIENCE, source_address=source)
        try:
            connection.request("GET", f"/p/{self.learned or self.key}/{file}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AskError(f"HTTP: {error}") from error
        finally:
            connection.close()
        if answer.status == 200 and (found := ITS_KEY.search(body)):
            self.learned = found[0].decode()
        elif answer.status == 404 and file == self.own_file():
            self.learned = ""  # back to the address that DHCP tells it
        if answer.status == 200:
            self.etag = answer.headers.get("ETag", "") if self.number % 2 else ""
        return answer.status in (200, 304)


def can_come_from(address: str) -> bool:
    """Linux lets a program be any address of 127.0.0.0/8; others know 127.0.0.1 alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def stranger(number: int, key: str, source: str) -> Handset:
    """A phone that nobody has entered; of every vendor in turn."""
    models = played()
    model = models[number * 11 % len(models)]
    return Handset(f"{model.vendor.ouis[0]}{0xE00000 + number:06x}", model, key, source)
