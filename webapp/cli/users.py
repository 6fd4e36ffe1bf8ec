"""`belldesk users …` and `belldesk departments …`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import select

from webapp import names
from webapp.admin import services
from webapp.admin.services import Account, RefusedError
from webapp.cli import application
from webapp.extensions import db
from webapp.models import Department, User
from webapp.passwords import hash_password, weakness


@click.group("users")
def group() -> None:
    """People who may sign in."""


@click.group()
def departments() -> None:
    """Departments and the rights they hold."""


@contextmanager
def desk() -> Iterator[None]:
    """The application; what a rule refuses ends the command with code 1 and its words."""
    with application() as app, app.test_request_context():
        try:
            yield
        except RefusedError as error:
            raise click.ClickException(str(error)) from error


def found(name: str) -> User:
    user: User | None = db.session.scalar(User.named(names.normal(name)))
    if user is None:
        raise click.ClickException(f"There is no user named “{name}”")
    return user


def department_named(name: str) -> Department | None:
    if not name:
        return None
    department = db.session.scalar(select(Department).where(Department.name == name))
    if department is None:
        raise click.ClickException(f"There is no department named “{name}”")
    return department


@group.command("add")
@click.argument("name")
@click.option("--full-name", default="", help="As others see it.")
@click.option("--department", default="", help="Its rights; without one the user has none.")
@click.option("--admin", is_flag=True, help="Every right, and making other administrators.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the input instead of making one for a first sign-in.",
)
def add(name: str, full_name: str, department: str, admin: bool, password_stdin: bool) -> None:
    """Create a user and print a password that must be replaced at the first sign-in."""
    with desk():
        name = names.normal(name)
        if reason := names.weakness(name):
            raise click.ClickException(reason)
        if db.session.scalar(User.called(name).limit(1)):
            raise click.ClickException(f"There already is a user named “{name}”")
        account = Account(name, full_name[:100], department_named(department), admin)
        password = sys.stdin.readline().rstrip("\n") if password_stdin else ""
        create(account, password)


def create(account: Account, given: str) -> None:
    if given and (reason := weakness(given, account.name)):
        raise click.ClickException(reason)
    password = given or services.temporary_password()
    user = services.create_user(account, password)
    user.must_change_password = not given
    db.session.commit()
    click.echo(f"{account.name} may sign in" if given else password)


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_users(as_json: bool) -> None:
    """Every user with department and state."""
    with desk():
        rows = [row(user) for user in db.session.scalars(User.by_name())]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for one in rows:
        state = "" if one["active"] else "disabled"
        role = "administrator" if one["admin"] else one["department"]
        click.echo(f"{one['name']:<24} {role or '-':<20} {state}".rstrip())


def row(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "department": user.department.name if user.department else "",
        "admin": user.is_admin,
        "active": user.active,
        "must_change_password": user.must_change_password,
    }


@group.command("reset")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the new password from the input.")
def reset(name: str, password_stdin: bool) -> None:
    """Give a user a new password and end all sessions."""
    with desk():
        user = found(name)
        password = services.reset_password(user)
        if password_stdin:
            given = sys.stdin.readline().rstrip("\n")
            if reason := weakness(given, user.name):
                raise click.ClickException(reason)
            user.password_hash = hash_password(given)
            user.must_change_password = False
        db.session.commit()
    click.echo(f"{name} has the new password" if password_stdin else password)


@group.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Keep a user out and end all sessions; the last administrator stays."""
    with desk():
        services.disable(found(name))
        db.session.commit()
    click.echo(f"{name} is disabled")


@group.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled user in again."""
    with desk():
        services.enable(found(name))
        db.session.commit()
    click.echo(f"{name} may sign in")


@departments.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_departments(as_json: bool) -> None:
    """Every department with its people and rights."""
    with desk():
        rows = [
            {"name": one.name, "people": people, "rights": sorted(one.permissions)}
            for one, people in db.session.execute(Department.with_people())
        ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for one in rows:
        click.echo(f"{one['name']:<24} {one['people']:>4}  {' '.join(one['rights']) or '-'}")
