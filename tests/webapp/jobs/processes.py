"""Real workers as processes of their own."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import KEY
from tests.daemons import DIE_WITH_ME

ROOT = Path(__file__).parents[3]
PATIENCE = 120


def environment(folder, **more):
    return os.environ | {
        "BELLDESK_INSTANCE": str(folder),
        "BELLDESK_ENV": "test",
        "BELLDESK_KEYS": KEY,
        "BELLDESK_SECRET_KEY": "for tests only",
        "BELLDESK_BASE_URL": "http://desk.example.net",
        **more,
    }


@contextmanager
def worker(folder, *arguments, **more):
    """A `belldesk worker`, killed at the end if it still lives."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [*DIE_WITH_ME, sys.executable, "-m", "webapp.cli", "worker", *arguments],
            cwd=ROOT,
            env=environment(folder, **more),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition, folder):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError((folder / "worker.log").read_text(errors="replace")[-3000:])
        time.sleep(0.02)
