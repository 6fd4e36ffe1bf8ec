"""Remove what nobody needs any more. Fernet tokens and people's data do not age well."""

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Delete, Update, delete, or_, update

from webapp.audit import record
from webapp.config import Config
from webapp.export import purge as purge_files
from webapp.extensions import utcnow
from webapp.jobs.rows import changed
from webapp.models import (
    AddressUse,
    Alert,
    ApiToken,
    Ban,
    Command,
    ComputerUse,
    Connection,
    Delivery,
    EnrolCode,
    Fetch,
    SelfTest,
    SessionEvent,
    SheetImport,
    Stray,
    UserSession,
    WalkIn,
)

SESSIONS = timedelta(days=30)
BANS = timedelta(days=7)  # as long as the doors remember how often a source was banned


def purge(now: datetime | None = None) -> dict[str, int]:
    """Remove what is older than the configuration keeps, and count it. The caller commits."""
    config: Config = current_app.extensions["belldesk"]
    now = now or utcnow()
    files = now - timedelta(hours=config.keep_files_hours)
    logs = now - timedelta(days=config.keep_logs_days)
    gone = {
        "files": purge_files(config.export_dir, files) if config.export_dir else 0,
        "uploads": changed(forget_uploads(files)),
        "fetches": changed(delete(Fetch).where(Fetch.at < logs)),
        "deliveries": changed(delete(Delivery).where(Delivery.at < logs)),
        "alerts": changed(delete(Alert).where(Alert.closed_at < logs)),
        "bans": changed(delete(Ban).where(Ban.until < now - BANS)),
        "strays": changed(delete(Stray).where(Stray.last_seen < logs)),
        "sessions": changed(forget_sessions(now - SESSIONS)),
        "tokens": changed(ApiToken.forget(now - SESSIONS)),
        "uses": changed(delete(ComputerUse).where(ComputerUse.until < logs)),
        "addresses": changed(delete(AddressUse).where(AddressUse.until < logs)),
        "session_events": changed(delete(SessionEvent).where(SessionEvent.at < logs)),
        "commands": changed(delete(Command).where(Command.created_at < logs)),
        "self_tests": changed(delete(SelfTest).where(SelfTest.created_at < logs)),
        "connections": changed(delete(Connection).where(Connection.at < logs)),
        "codes": changed(delete(EnrolCode).where(EnrolCode.expires_at < logs)),
        "labels": changed(delete(WalkIn).where(WalkIn.expires_at < now - SESSIONS)),
    }
    if any(gone.values()):
        record("purge", "Desk", changes={what: [n, 0] for what, n in gone.items() if n})
    return gone


def forget_uploads(before: datetime) -> Update:
    """The files go, the list of uploads stays. One that is being committed is still read."""
    return (
        update(SheetImport)
        .where(
            SheetImport.created_at < before,
            SheetImport.body.is_not(None),
            SheetImport.state != "committing",
        )
        .values(body=None)
    )


def forget_sessions(before: datetime) -> Delete:
    return delete(UserSession).where(
        or_(UserSession.ended_at < before, UserSession.seen_at < before)
    )
