"""Settings of one installation, read once from the environment (`BELLDESK_*`).

The two files with secrets, `secret` (cookies) and `keys` (encryption at rest), live in the instance
folder, outside the database and outside its backup, and are created on the first start.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ("prod", "dev", "test")


class ConfigError(Exception):
    """A BELLDESK_* variable that cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Config:
    instance: Path
    env: str = "prod"
    database_url: str = ""
    redis_url: str = ""
    doors: frozenset[str] = frozenset({"people", "phones", "agents"})
    base_url: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - phones are other machines
    port: int = 8000
    tftp_host: str = "0.0.0.0"  # noqa: S104
    tftp_port: int = 6969
    trusted_proxies: int = 0
    secure_cookies: bool = False
    session_minutes: int = 60
    lease_seconds: int = 60
    export_dir: Path | None = None
    tftp_log: Path | None = None
    ftp_log: Path | None = None
    keep_files_hours: int = 48
    keep_logs_days: int = 90
    secret_key: str = field(default="", repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)

    @property
    def session_lifetime(self) -> timedelta:
        return timedelta(minutes=self.session_minutes)

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the database; by default SQLite in the instance folder."""
        return self.database_url or f"sqlite:///{self.instance / 'belldesk.sqlite3'}"

    @classmethod
    def from_environment(cls) -> "Config":
        get = os.environ.get
        instance = Path(get("BELLDESK_INSTANCE", str(ROOT / "instance"))).resolve()
        instance.mkdir(parents=True, exist_ok=True, mode=0o700)
        env = get("BELLDESK_ENV", "prod").lower()
        if env not in ENVIRONMENTS:
            raise ConfigError(
                f"BELLDESK_ENV is “{env}”; it must be one of {', '.join(ENVIRONMENTS)}"
            )
        return cls(
            instance=instance,
            env=env,
            database_url=get("BELLDESK_DATABASE_URL", ""),
            redis_url=get("BELLDESK_REDIS_URL", ""),
            doors=frozenset(
                get("BELLDESK_DOORS", "people,phones,agents").replace(" ", "").split(",")
            ),
            base_url=get("BELLDESK_BASE_URL", "").rstrip("/"),
            host=get("BELLDESK_HOST", cls.host),
            port=number("BELLDESK_PORT", cls.port),
            tftp_host=get("BELLDESK_TFTP_HOST", cls.tftp_host),
            tftp_port=number("BELLDESK_TFTP_PORT", cls.tftp_port),
            trusted_proxies=number("BELLDESK_TRUSTED_PROXIES", 0),
            secure_cookies=get("BELLDESK_SECURE_COOKIES", "") == "1",
            session_minutes=number("BELLDESK_SESSION_MINUTES", cls.session_minutes),
            lease_seconds=number("BELLDESK_LEASE_SECONDS", cls.lease_seconds),
            export_dir=path("BELLDESK_EXPORT_DIR"),
            tftp_log=path("BELLDESK_TFTP_LOG"),
            ftp_log=path("BELLDESK_FTP_LOG"),
            keep_files_hours=number("BELLDESK_KEEP_FILES_HOURS", cls.keep_files_hours),
            keep_logs_days=number("BELLDESK_KEEP_LOGS_DAYS", cls.keep_logs_days),
            secret_key=get("BELLDESK_SECRET_KEY", "")
            or kept(instance / "secret", lambda: secrets.token_urlsafe(48)),
            keys=tuple((get("BELLDESK_KEYS", "") or kept(instance / "keys", new_key)).split()),
        )


def new_key() -> str:
    return Fernet.generate_key().decode()


def number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"{name} is “{text}”; a whole number is needed")
    return int(text)


def path(name: str) -> Path | None:
    text = os.environ.get(name, "")
    return Path(text).resolve() if text else None


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
