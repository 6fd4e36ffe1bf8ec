"""Settings of one installation, read once from the environment (`BELLDESK_*`).

The two files with secrets, `secret` (cookies) and `keys` (encryption at rest), live in the instance
folder, outside the database and outside its backup, and are created on the first start.
"""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from webapp.environment import (
    address,
    chosen,
    database,
    folder,
    group,
    header,
    number,
    path,
    some_of,
    switch,
    usable,
)

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ("prod", "dev", "test")
DOORS = ("people", "phones", "agents")
TOKEN_SECONDS = {"prod": 24 * 3600, "dev": 3600, "test": 1}
A_YEAR = 366 * 24 * 3600
MOST_ARMED_HOURS = 30 * 24  # a window that never closes is none


@dataclass(frozen=True)
class Config:
    instance: Path
    env: str = "prod"
    database_url: str = ""
    redis_url: str = ""
    doors: frozenset[str] = frozenset(DOORS)
    base_url: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - phones are other machines
    port: int = 8000
    tftp_host: str = "0.0.0.0"  # noqa: S104
    tftp_port: int = 6969
    pnp: bool = True
    pnp_group: str = "224.0.1.75"
    pnp_port: int = 5060
    trusted_proxies: int = 0
    client_cert_header: str = ""
    secure_cookies: bool = False
    web_workers: int = 2
    agents_waiting: int = 4  # requests of a web process that may wait for a command
    session_minutes: int = 60
    token_seconds: int = 0
    lease_seconds: int = 60
    pushes_per_minute: int = 300
    pushes_per_minute_total: int = 3000
    armed_hours: int = 72
    walk_in_hours: int = 24
    export_dir: Path | None = None
    tftp_log: Path | None = None
    ftp_log: Path | None = None
    keep_files_hours: int = 48
    keep_logs_days: int = 90
    silent_days: int = 7
    secret_key: str = field(default="", repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)
    keys_file: Path | None = None  # None when the environment holds the keys

    @property
    def session_lifetime(self) -> timedelta:
        return timedelta(minutes=self.session_minutes)

    @property
    def token_lifetime(self) -> timedelta:
        """Of the API's tokens: what was chosen, else short where people only try things out."""
        return timedelta(seconds=self.token_seconds or TOKEN_SECONDS[self.env])

    @property
    def certificate_header(self) -> str:
        """Where a proxy that is trusted hands on a phone's certificate; "" if nobody does."""
        return self.client_cert_header if self.trusted_proxies else ""

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the database; by default SQLite in the instance folder."""
        return self.database_url or f"sqlite:///{self.instance / 'belldesk.sqlite3'}"

    @classmethod
    def from_environment(cls) -> "Config":
        get = os.environ.get
        instance = folder("BELLDESK_INSTANCE", ROOT / "instance")
        port = number("BELLDESK_PORT", cls.port, 1, 65535)
        return cls(
            instance=instance,
            env=chosen("BELLDESK_ENV", ENVIRONMENTS, "prod"),
            database_url=database("BELLDESK_DATABASE_URL"),
            redis_url=get("BELLDESK_REDIS_URL", ""),
            doors=frozenset(some_of("BELLDESK_DOORS", DOORS)),
            base_url=address("BELLDESK_BASE_URL") or f"http://{own_address()}:{port}",
            host=get("BELLDESK_HOST", cls.host),
            port=port,
            tftp_host=get("BELLDESK_TFTP_HOST", cls.tftp_host),
            tftp_port=number("BELLDESK_TFTP_PORT", cls.tftp_port, 1, 65535),
            pnp=switch("BELLDESK_PNP", default=True),
            pnp_group=group("BELLDESK_PNP_GROUP", cls.pnp_group),
            pnp_port=number("BELLDESK_PNP_PORT", cls.pnp_port, 1, 65535),
            trusted_proxies=number("BELLDESK_TRUSTED_PROXIES", 0, most=9),
            client_cert_header=header("BELLDESK_CLIENT_CERT_HEADER"),
            secure_cookies=switch("BELLDESK_SECURE_COOKIES"),
            web_workers=number("BELLDESK_WEB_WORKERS", cls.web_workers, 1, 999),
            agents_waiting=number("BELLDESK_AGENTS_WAITING", cls.agents_waiting, most=900),
            session_minutes=number("BELLDESK_SESSION_MINUTES", cls.session_minutes, 1),
            token_seconds=number("BELLDESK_TOKEN_SECONDS", 0, 1, A_YEAR),
            lease_seconds=number("BELLDESK_LEASE_SECONDS", cls.lease_seconds, 1),
            pushes_per_minute=number("BELLDESK_PUSHES_PER_MINUTE", cls.pushes_per_minute),
            pushes_per_minute_total=number(
                "BELLDESK_PUSHES_PER_MINUTE_TOTAL", cls.pushes_per_minute_total
            ),
            armed_hours=number("BELLDESK_ARMED_HOURS", cls.armed_hours, 0, MOST_ARMED_HOURS),
            walk_in_hours=number("BELLDESK_WALK_IN_HOURS", cls.walk_in_hours, 1, 24 * 31),
            export_dir=path("BELLDESK_EXPORT_DIR"),
            tftp_log=path("BELLDESK_TFTP_LOG"),
            ftp_log=path("BELLDESK_FTP_LOG"),
            keep_files_hours=number("BELLDESK_KEEP_FILES_HOURS", cls.keep_files_hours),
            keep_logs_days=number("BELLDESK_KEEP_LOGS_DAYS", cls.keep_logs_days),
            silent_days=number("BELLDESK_SILENT_DAYS", cls.silent_days, 1),
            secret_key=get("BELLDESK_SECRET_KEY", "")
            or kept(instance / "secret", lambda: secrets.token_urlsafe(48)),
            keys=usable((get("BELLDESK_KEYS", "") or kept(instance / "keys", new_key)).split()),
            keys_file=None if get("BELLDESK_KEYS", "") else instance / "keys",
        )


def own_address() -> str:
    """The address other machines on this network most likely reach us at; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def new_key() -> str:
    return Fernet.generate_key().decode()


def kept(file: Path, make: Callable[[], str]) -> str:
    """Return the file's text, made once and for its owner only, even if two start together."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not file.exists():
        draft.touch(mode=0o600)
        draft.write_text(make() + "\n")
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
