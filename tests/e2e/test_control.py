"""Control as its users do it: the real agent, a real process and a real window, from the page."""

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import expect

from tests.agent.test_windows import screen  # noqa: F401 - a fixture
from tests.daemons import DIE_WITH_ME, path_of
from tests.e2e.test_first_ring import create_the_administrator

PATIENCE = 20_000  # a busy machine


@pytest.fixture(scope="module")
def admin(desk, chromium):
    with closing(chromium.new_context(base_url=desk.url, locale="en-GB")) as context:
        page = context.new_page()
        create_the_administrator(page, desk)
        yield page


@pytest.fixture(scope="module")
def computer(admin, desk, screen, tmp_path_factory):  # noqa: F811
    """Its number on the desk, with its agent running in a session of its own."""
    desk.command("sites", "add", "Acme", "Lisbon")
    made = json.loads(desk.command("computers", "add-code", "--site", "Lisbon", "--json"))
    agent = [sys.executable, "-m", "agent", "--state", str(tmp_path_factory.mktemp("agent"))]
    environment = desk.environment | {"DISPLAY": screen}
    subprocess.run([*agent, "enrol", desk.url, made[0]["code"]], check=True, env=environment)
    process = subprocess.Popen([*DIE_WITH_ME, *agent, "run"], env=environment)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end and "up" not in desk.command("computers", "list"):
            time.sleep(0.5)
        admin.goto("/computers/")
        link = admin.locator("#rows a[href*='/computers/']").first.get_attribute("href")
        yield re.search(r"/computers/\d+", link)[0]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def running(*command, **more):
    process = subprocess.Popen([*DIE_WITH_ME, *command], **more)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_process_is_found_ended_and_told_of(admin, computer):
    with running("sleep", "4242") as victim:
        reaper = threading.Thread(target=victim.wait)  # or it would stay as a zombie of ours
        reaper.start()
        admin.goto(f"{computer}/processes?q=4242")
        admin.get_by_role("button", name="Refresh").click()
        row = admin.locator(f"#p-{victim.pid}")
        expect(row).to_be_visible(timeout=PATIENCE)
        row.get_by_role("button", name="End").click()
        admin.locator("[data-confirm-yes]").click()
        expect(admin.get_by_text("terminated")).to_be_visible(timeout=PATIENCE)
        reaper.join(10)
        assert victim.returncode != 0
    admin.goto(f"{computer}/activity")
    expect(admin.get_by_text(f"sleep ({victim.pid})")).to_be_visible()


def test_a_window_is_listed_and_closed(admin, computer, screen):  # noqa: F811
    xterm = (path_of("xterm"), "-display", screen, "-title", "Notes of Jane", "-e", "sleep", "300")
    with running(*xterm) as window:
        time.sleep(1)
        admin.goto(f"{computer}/windows")
        admin.get_by_role("button", name="Refresh").click()
        row = admin.locator("#live tr", has_text="Notes of Jane")
        expect(row).to_be_visible(timeout=PATIENCE)
        row.get_by_role("button", name="Close").click()
        admin.locator("[data-confirm-yes]").click()
        expect(admin.get_by_text("“Notes of Jane” closed")).to_be_visible(timeout=PATIENCE)
        window.wait(10)


def test_a_title_that_fits_no_window_is_said_so(admin, computer):
    admin.goto(f"{computer}/windows")
    admin.get_by_label("Part of the title").fill("nothing like it")
    admin.locator("form[action$='/close']", has_text="Part of").get_by_role("button").click()

    expect(admin.get_by_text("no such window")).to_be_visible(timeout=PATIENCE)
