"""The worker's process: takes calls, does the work, and every so often looks what lies around."""

import logging
import signal
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import FrameType

from flask import Flask

from webapp.extensions import db
from webapp.jobs import leases, periodic, runs
from webapp.jobs.outgoing import outgoing
from webapp.jobs.queue import LOST, TASKS, receive

log = logging.getLogger("belldesk.jobs")
IDLE = 0.2
TICK = 0.4  # seconds between two looks at what reaches out to phones
LAST_PUSHES = 5.0  # seconds that pushes at hand get when the worker is told to stop


class Worker:
    def __init__(self, app: Flask) -> None:
        self.app = app
        self.stopping = False
        self.next_tick = 0.0

    def run(self, once: bool = False) -> None:
        """Work until told to stop, or, with `once`, until nothing is left to do."""
        with self.app.app_context():
            load_tasks(self.app)
            leases.release_dead()
            periodic.repair(quiet_seconds=0)
            clock = periodic.Clock()
            while not self.stopping:
                if not once:
                    survive(clock.tick)
                if time.monotonic() >= self.next_tick or once:
                    survive(runs.tick)
                    self.next_tick = time.monotonic() + TICK
                if not self.next() and once and not outgoing().is_busy:
                    return
            survive(lambda: outgoing().stop(LAST_PUSHES))

    def next(self) -> bool:
        """Do what the oldest call asks for; False when there is none."""
        try:
            call = receive()
        except LOST as error:
            log.warning("the queue does not answer: %s", error)
            time.sleep(1)
            return False
        if call is None:
            time.sleep(IDLE)
            return False
        perform(*call)
        return True

    def stop_on_signals(self) -> None:
        """Finish the batch at hand, then leave."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        self.stopping = True


def load_tasks(app: Flask) -> None:
    """A feature's tasks lie in its tasks.py and register themselves."""
    from webapp import FEATURES

    for feature in FEATURES:
        if find_spec(f"webapp.{feature}.tasks"):
            import_module(f"webapp.{feature}.tasks")


def perform(name: str, number: int) -> None:
    task = TASKS.get(name)
    if task is None:
        log.error("no task is called %s", name)
        return
    survive(lambda: task.perform(number))


def survive(deed: Callable[[], None]) -> None:
    """A worker outlives whatever its work runs into; the reaper calls for that work again."""
    try:
        deed()
    except Exception:  # a task may be anything
        log.exception("a task failed")
        time.sleep(IDLE)
    finally:
        db.session.rollback()
        db.session.remove()
