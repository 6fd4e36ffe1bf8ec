import secrets

import pytest
from sqlalchemy import select

from webapp.extensions import db, utcnow
from webapp.models import Agent, AuditEntry, Command, Computer, Department, Site

PROCESS = {
    "pid": 4711, "name": "notepad.exe", "status": "running", "started": "2026-11-22T08:00:00.250Z",
    "account": "ACME\\marie", "cpu": 1.5, "memory": 20_000_000, "command": "notepad a.txt",
}  # fmt: skip
WINDOW = {
    "id": 77, "title": "Letter to Ann - Writer", "pid": 4711, "program": "notepad.exe",
    "path": "C:\\Windows\\notepad.exe", "account": "ACME\\marie",
}  # fmt: skip


def add_computer(name="PC-7", state="active", **more):
    computer = Computer(
        name=name, serial=name, site=db.session.scalar(select(Site)), reported_at=utcnow(),
        account_name="ACME\\marie", **more,
    )  # fmt: skip
    db.session.add(computer)
    db.session.flush()
    if state:
        key = secrets.token_hex(13)
        db.session.add(Agent(key=key, secret="00", computer=computer, state=state))
    db.session.commit()
    return computer


def commands(**wanted):
    db.session.rollback()
    return db.session.scalars(select(Command).filter_by(**wanted).order_by(Command.id)).all()


def the_command(**wanted):
    found = commands(**wanted)
    assert len(found) == 1
    return found[0]


def answer(command, state="done", **result):
    """What the door stores when an agent answers."""
    command.state, command.result, command.ended_at = state, result, utcnow()
    db.session.commit()


def audited(entity="Command"):
    db.session.rollback()
    return db.session.scalars(select(AuditEntry).filter_by(entity=entity)).all()


def allow(*lines, **more):
    company = db.session.scalar(select(Site)).company
    company.programs = "\n".join(lines)
    for field, value in more.items():
        setattr(company, field, value)
    db.session.commit()
    return company


@pytest.fixture
def computer(app):
    return add_computer()


@pytest.fixture
def bob_controls(app, bob):
    department = db.session.scalar(select(Department).where(Department.name == "technicians"))
    department.permissions = department.permissions | {"computers.read", "computers.control"}
    db.session.commit()
    return bob
