"""Every write to a model marked `__audited__` leaves a row: it cannot be forgotten.

Bulk statements pass by the session; what uses them calls `record` once for the whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import has_request_context, request
from flask_login import current_user
from sqlalchemy import Connection, event, insert, inspect
from sqlalchemy.orm import Session, UOWTransaction, object_session

from webapp.extensions import Model, db
from webapp.models import AuditEntry

HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    id: int | None = None
    address: str = ""


_acting: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting_as(name: str, user_id: int | None = None) -> Iterator[None]:
    """Name who writes, where no one is signed in: the command line, the worker."""
    token = _acting.set(Actor(name, user_id))
    try:
        yield
    finally:
        _acting.reset(token)


def actor() -> Actor:
    if found := _acting.get():
        return found
    if not has_request_context():
        return Actor("system")
    address = request.remote_addr or ""
    if current_user and current_user.is_authenticated:
        return Actor(current_user.name, current_user.id, address)
    return Actor("anonymous", None, address)


def record(
    action: str,
    entity: str,
    entity_id: int | None = None,
    label: str = "",
    changes: dict[str, Any] | None = None,
) -> None:
    """Add one row for a deed that changes no single object: a reveal, an import."""
    entry = row(action, entity, entity_id, label, changes or {}, actor())
    db.session.execute(insert(AuditEntry), [entry])


def row(
    action: str,
    entity: str,
    entity_id: int | None,
    label: str,
    changes: dict[str, Any],
    who: Actor,
) -> dict[str, Any]:
    return {
        "actor_id": who.id,
        "actor": who.name[:80],
        "address": who.address[:45],
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "label": label[:200],
        "changes": changes,
    }


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def changes_of(instance: Any, action: str) -> dict[str, list[Any]]:
    """Map each changed column to [old, new]; a secret only shows that it changed."""
    state = inspect(instance)
    secret: frozenset[str] = getattr(instance, "__secret__", frozenset())
    silent = getattr(instance, "__unaudited__", frozenset()) | {"id", "created_at"}
    found: dict[str, list[Any]] = {}
    for attribute in state.mapper.column_attrs:
        name = attribute.key
        if name in silent:
            continue
        history = state.attrs[name].history
        if action == "update" and not history.has_changes():
            continue
        old, new = (list(history.deleted) or [None])[0], (list(history.added) or [None])[0]
        if action == "delete":
            old, new = state.dict.get(name), None
        if old == new:
            continue
        hide = [None if value is None else HIDDEN for value in (old, new)]
        found[name] = hide if name in secret else [plain(old), plain(new)]
    return found


@event.listens_for(Session, "before_flush")
def remember_the_actor(session: Session, context: UOWTransaction, instances: object) -> None:
    """Ask now who acts: in the middle of a flush nobody can be loaded any more."""
    session.info["actor"] = actor()


# The mapper's own events see everything: keys that a relationship set, rows that a parent's
# delete-orphan took with it.
@event.listens_for(Model, "after_insert", propagate=True)
def note_the_creation(mapper: Any, connection: Connection, instance: Any) -> None:
    note("create", connection, instance)


@event.listens_for(Model, "after_update", propagate=True)
def note_the_update(mapper: Any, connection: Connection, instance: Any) -> None:
    note("update", connection, instance)


@event.listens_for(Model, "before_delete", propagate=True)
def note_the_deletion(mapper: Any, connection: Connection, instance: Any) -> None:
    note("delete", connection, instance)


def note(action: str, connection: Connection, instance: Any) -> None:
    if not getattr(instance, "__audited__", False):
        return
    changes = changes_of(instance, action)
    if changes or action != "update":
        session = object_session(instance)
        who = session.info["actor"] if session else Actor("system")
        entity, number = type(instance).__name__, getattr(instance, "id", None)
        entry = row(action, entity, number, name_of(instance), changes, who)
        connection.execute(insert(AuditEntry), [entry])


def name_of(instance: Any) -> str:
    """The object's name without asking the database in the middle of a flush."""
    state = inspect(instance)
    loaded = [state.dict.get(name) for name in ("label", "name", "mac", "user", "key")]
    return next((value for value in loaded if isinstance(value, str) and value), "")
