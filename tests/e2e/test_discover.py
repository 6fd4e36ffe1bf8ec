"""A phone that is plugged in shows itself, and one with a label is let in by a mobile."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.e2e.test_first_ring import (
    MAC,
    create_the_administrator,
    create_the_site,
    upload_and_provision,
)

DOUBLE = Path(__file__).parents[1] / "doubles/pnp_phone.py"
HEADER = 'ua-profile;profile-type="device";vendor="Fanvil";model="X1SG";version="2.12.18"'


@pytest.fixture(scope="module")
def at_the_desk(desk, chromium):
    context = chromium.new_context(base_url=desk.url, locale="en-GB")
    page = context.new_page()
    create_the_administrator(page, desk)
    create_the_site(page)
    upload_and_provision(page)
    yield page
    context.close()


def plugged_in(desk, mac):
    command = [sys.executable, str(DOUBLE), "--group", "127.0.0.1", "--event", HEADER]
    command += ["--group-port", str(desk.pnp_port), "--user", f"MAC{mac}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def test_a_factory_phone_appears_in_adopt_by_itself_and_is_taken(at_the_desk, desk):
    page = at_the_desk
    page.goto("/adopt/")
    expect(page.get_by_text("No unknown phone has asked")).to_be_visible()
    assert plugged_in(desk, "0c383e0a1bff") == {}
    row = page.locator("tr", has_text="0c:38:3e:0a:1b:ff")
    expect(row).to_contain_text("says “Fanvil X1SG 2.12.18”", timeout=20_000)
    row.get_by_role("button", name="Take").click()
    expect(page.get_by_text("1 phone adopted.")).to_be_visible()
    expect(page.get_by_text("No unknown phone has asked")).to_be_visible()


def test_who_scans_a_label_sees_the_phone_arrive(at_the_desk, desk, chromium):
    page = at_the_desk
    page.goto(f"/phones/mac/{MAC}")
    page.get_by_role("button", name="Close").click()
    page.goto(f"/phones/mac/{MAC}")
    assert plugged_in(desk, MAC) == {}  # its window is closed
    page.get_by_role("button", name="Make a label").click()
    code = page.locator(".bd-label code").inner_text()
    context = chromium.new_context(
        base_url=desk.url, viewport={"width": 390, "height": 844}, is_mobile=True
    )
    mobile = context.new_page()
    mobile.goto(f"/w/{code}")
    expect(mobile.get_by_text("1b01")).to_be_visible()
    mobile.get_by_role("button", name="let it in").click()
    expect(mobile.get_by_text("Waiting for the phone")).to_be_visible()
    with urlopen(plugged_in(desk, MAC)["url"].replace("$mac", MAC), timeout=30) as answer:
        assert b"1001" in answer.read()
    expect(mobile.get_by_text("It is here")).to_be_visible(timeout=20_000)
    mobile.goto(f"/w/{code}")
    expect(mobile.get_by_text("This code opens nothing")).to_be_visible()
    context.close()
