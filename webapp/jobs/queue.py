"""The wake-up calls of the workers: which task, which id, nothing else.

huey's storage carries them: a SQLite file in the instance folder, or Redis for several machines. It
has no acknowledgements (a killed worker loses the message it had taken), hence it is never the
truth: the tables say what is unfinished, and `webapp.jobs.periodic` sends such work again. We use
the storage alone, without huey's pickled tasks: whoever could write to the queue could run code.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from huey.storage import RedisStorage, SqliteStorage
from redis.exceptions import RedisError

from webapp.config import Config

log = logging.getLogger("belldesk.jobs")
LOST = (RedisError, sqlite3.Error)

Handler = Callable[[int], None]
Unfinished = Callable[[datetime], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Task:
    """`unfinished` names the ids on which nothing has happened since the moment it is given."""

    name: str
    perform: Handler
    unfinished: Unfinished


TASKS: dict[str, Task] = {}


def task(name: str, unfinished: Unfinished) -> Callable[[Handler], Handler]:
    """Register what a worker does for `enqueue(name, id)`. It commits, and may be called twice.

    Modules `webapp/<feature>/tasks.py` are found by the worker.
    """

    def register(perform: Handler) -> Handler:
        TASKS[name] = Task(name, perform, unfinished)
        return perform

    return register


def enqueue(name: str, number: int) -> None:
    """Wake a worker; call it after the commit. A queue that is down only costs time."""
    try:
        storage().enqueue(json.dumps([name, number]).encode())
    except LOST as error:
        log.warning("%s %d waits for the next round: %s", name, number, error)


def receive() -> tuple[str, int] | None:
    """Take the oldest call; over Redis it waits a second for one, over SQLite it does not."""
    data = storage().dequeue()
    if data is None:
        return None
    name, number = json.loads(bytes(data))
    return str(name), int(number)


def storage() -> Any:
    return current_app.extensions.get("queue") or connect(current_app)


def connect(app: Flask) -> Any:
    config: Config = app.extensions["belldesk"]
    if config.redis_url:
        app.extensions["queue"] = RedisStorage("belldesk", url=config.redis_url)
    else:
        file = config.instance / "queue.sqlite3"
        app.extensions["queue"] = SqliteStorage("belldesk", filename=str(file), timeout=15)
    return app.extensions["queue"]
