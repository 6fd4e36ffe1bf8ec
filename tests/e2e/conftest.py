from contextlib import closing

import pytest

from tests.daemons import find_program, need
from tests.e2e.desk import running_desk

CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with running_desk(tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    need("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = find_program("chromium")
        with closing(
            playwright.chromium.launch(executable_path=str(program), args=list(CHROMIUM))
        ) as browser:
            yield browser


@pytest.fixture
def page(chromium, desk):
    """A browser page; anything the page itself complains of fails the test."""
    complaints = []
    context = chromium.new_context(
        viewport={"width": 1440, "height": 900}, locale="en-GB", base_url=desk.url
    )
    with closing(context):
        found = context.new_page()
        found.on("pageerror", lambda error: complaints.append(str(error)))
        found.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        yield found
    assert complaints == []
