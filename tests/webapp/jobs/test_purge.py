"""What is old goes, what is young stays."""

from datetime import timedelta

from sqlalchemy import func, select

from webapp.extensions import db, utcnow
from webapp.jobs import periodic
from webapp.jobs.purge import purge
from webapp.models import (
    Alert,
    ApiToken,
    AuditEntry,
    Ban,
    Fetch,
    SelfTest,
    SheetImport,
    Stray,
    User,
    UserSession,
)


def fill():
    now = utcnow()
    bob = db.session.scalar(User.named("bob"))
    for name, hours in (("old", 49), ("young", 47)):
        at = now - timedelta(hours=hours)
        for state in ("draft", "committing"):
            db.session.add(
                SheetImport(name=f"{name} {state}", filename="x", state=state, body=b"x",
                            created_at=at)
            )  # fmt: skip
    for days in (91, 89):
        at = now - timedelta(days=days)
        db.session.add(Fetch(at=at, transport="http", file="x", address="10.0.0.1", status=200))
        db.session.add(
            Stray(mac=f"0c383e0000{days}", address="10.0.0.1", transport="http", last_seen=at)
        )
        db.session.add(Alert(kind="walk", message="x", closed_at=at))
        db.session.add(SelfTest(url="http://x", created_at=at))
    db.session.add(Alert(kind="walk", message="open", last_at=now - timedelta(days=91)))
    for days in (8, 6):
        db.session.add(Ban(source=f"10.0.0.{days}", until=now - timedelta(days=days)))
    for days in (31, 29):
        at = now - timedelta(days=days)
        db.session.add(UserSession(digest=str(days), user=bob, ended_at=at))
        db.session.add(ApiToken(jti=str(days), user=bob, expires_at=at))
    db.session.commit()


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_it_removes_the_old_and_keeps_the_young(everywhere):
    fill()
    gone = purge()
    db.session.commit()
    young = dict.fromkeys(("files", "deliveries", "labels", "uses", "addresses"), 0)
    young |= dict.fromkeys(("session_events", "connections", "codes", "commands"), 0)
    one = ("uploads", "fetches", "strays", "sessions", "tokens", "alerts", "bans", "self_tests")
    assert gone == young | dict.fromkeys(one, 1)
    assert (count(SheetImport), count(Fetch), count(Stray), count(UserSession)) == (4, 1, 1, 1)
    assert (count(ApiToken), count(Alert), count(Ban)) == (1, 2, 1)
    db.session.expire_all()
    kept = {row.name for row in db.session.scalars(select(SheetImport)) if row.body}
    assert kept == {"old committing", "young draft", "young committing"}
    assert db.session.scalar(select(AuditEntry).where(AuditEntry.action == "purge"))


def test_only_one_worker_at_a_time_is_alone(everywhere):
    with periodic.alone() as first, periodic.alone() as second:
        assert (first, second) == (True, False)
    with periodic.alone() as again:
        assert again
