from datetime import timedelta

import pytest
from sqlalchemy import select

from webapp.extensions import db, utcnow
from webapp.models import (
    Account,
    AddressUse,
    Computer,
    ComputerUse,
    Department,
    SessionEvent,
    Site,
)

REMOTE = [
    {"tool": "rdp", "id": "", "port": 3389, "running": True},
    {"tool": "ssh", "id": "", "port": 22, "running": False},
    {"tool": "rustdesk", "id": "123 456 789", "port": None, "running": True},
    {"tool": "anydesk", "id": '"><script>', "port": None, "running": True},
]


def minutes_ago(number):
    return utcnow() - timedelta(minutes=number)


def add_computer(name="PC-7", serial="CZC1234", minutes=1, **more):
    computer = Computer(
        name=name, serial=serial, site=db.session.scalar(select(Site)), address="10.1.2.3",
        reported_at=minutes_ago(minutes), os_name="Windows 11 Pro", facts={"remote": REMOTE},
        search=f"{name} {serial} 10.1.2.3".lower(),
    )  # fmt: skip
    for field, value in more.items():
        setattr(computer, field, value)
    db.session.add(computer)
    db.session.commit()
    return computer


def add_use(computer, name, since, until=None, kind="console"):
    """From so many minutes ago until so many."""
    account = db.session.scalar(Account.called("ACME", name))
    account = account or Account(domain="ACME", name=name, search=f"acme\\{name}")
    db.session.add(account)
    db.session.flush()
    end = None if until is None else minutes_ago(until)
    db.session.add(
        ComputerUse(
            computer=computer, account=account, kind=kind, since=minutes_ago(since), until=end,
            seen_at=end or utcnow(),
        )
    )  # fmt: skip
    if until is None:
        computer.account_id, computer.account_name = account.id, str(account)
        computer.account_since, computer.account_kind = minutes_ago(since), kind
        computer.search += f" {account}".lower()
    db.session.commit()
    return account


def add_address(computer, address, since, until=None):
    end = None if until is None else minutes_ago(until)
    db.session.add(
        AddressUse(
            computer=computer, address=address, since=minutes_ago(since), until=end,
            seen_at=end or utcnow(),
        )
    )  # fmt: skip
    db.session.commit()


def add_event(computer, number, uid, minutes=1, account="ACME\\marie", message=""):
    db.session.add(
        SessionEvent(
            computer_id=computer.id, uid=uid, source="windows", at=minutes_ago(minutes),
            event_id=number, account=account, address="LOCAL", session="1", message=message,
        )
    )  # fmt: skip
    db.session.commit()


@pytest.fixture
def computer(app):
    return add_computer()


@pytest.fixture
def bob_reads(app):
    """Bob's department may read computers, and not write them."""
    department = db.session.scalar(select(Department).where(Department.name == "technicians"))
    department.permissions = department.permissions | {"computers.read"}
    db.session.commit()
