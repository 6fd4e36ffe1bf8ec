"""A roll-out in the browser: it halts when a phone fails, and a click takes it back."""

import http.client

import pytest
from playwright.sync_api import expect

from tests.e2e.test_first_ring import create_the_administrator, create_the_site, site_key
from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import SIP, at

COUNT = 12
MACS = [f"0c383e0b00{number:02x}" for number in range(1, COUNT + 1)]
ADDRESSES = [at(number) for number in range(1, COUNT + 1)]
CANARY = 0  # the phone that was seen last


def sheet(password):
    rows = (f"{mac};{1000 + number};{password};10.0.0.5" for number, mac in enumerate(MACS))
    return "\n".join(["mac;extension;password;server", *rows])


def upload(desk, folder, password):
    file = folder / f"{password}.csv"
    file.write_text(sheet(password), encoding="utf-8")
    desk.command("phones", "import", str(file), "--model", "X1SG", "--site", "Lisbon")


def fetch(desk, number):
    """The phone asks for its file, from its own address."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", desk.port, 10, source_address=(ADDRESSES[number], 0)
    )
    connection.request("GET", f"/p/{site_key(desk)}/{MACS[number]}.cfg")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status == 200
    return body


@pytest.fixture(scope="module")
def fleet(chromium, desk, tmp_path_factory):
    """Phones that have their files and whose passwords were changed since."""
    tmp_path = tmp_path_factory.mktemp("sheets")
    context = chromium.new_context(base_url=desk.url, locale="en-GB")
    page = context.new_page()
    create_the_administrator(page, desk)
    create_the_site(page)
    upload(desk, tmp_path, "first-secret")
    desk.command("runs", "start", "--all", "--watch")
    for number in reversed(range(COUNT)):
        assert "first-secret" in fetch(desk, number)
    upload(desk, tmp_path, "second-secret")
    yield page
    context.close()


def start(page):
    page.goto("/phones/?state=current")
    expect(page.get_by_role("row")).to_have_count(COUNT + 1, timeout=20_000)
    page.get_by_label("Select all rows").check()
    page.get_by_role("button", name="Roll out").click()
    modal = page.locator("#modal")
    expect(modal.get_by_text("12 phones get their new files")).to_be_visible()
    modal.get_by_role("button", name="Start with one phone").click()
    return modal


def test_a_failed_stage_halts_the_roll_out_and_a_click_takes_it_back(fleet, desk):
    page, others = fleet, ADDRESSES[1:]
    with doubles("ok", "--hosts", ADDRESSES[CANARY], *SIP) as canary:
        with doubles("unknown", "--hosts", *others, *SIP):
            modal = start(page)
            assert canary.header("Event").startswith("check-sync")
            expect(modal.get_by_text("takes the NOTIFY (200)")).to_be_visible()
            assert "second-secret" in fetch(desk, CANARY)
            expect(modal.get_by_text("Halted itself", exact=True)).to_be_visible(timeout=60_000)
        expect(modal.get_by_text("1 of 1 phones of stage 2 did not come back")).to_be_visible()
        [failed] = [n for n in range(1, COUNT) if "second-secret" in fetch(desk, n)]
        with doubles("ok", "--hosts", *others, *SIP) as again:
            modal.get_by_role("button", name="Roll back").click()
            page.locator("#confirm [data-confirm-yes]").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("Roll-back")
            expect(page.get_by_text("2 of 2")).to_be_visible(timeout=30_000)
            assert again.header("Event").startswith("check-sync")
    assert "first-secret" in fetch(desk, CANARY)
    assert "first-secret" in fetch(desk, failed)
    page.goto("/runs/")
    expect(page.get_by_role("row").filter(has_text="Roll-out")).to_contain_text("Stopped")
    expect(page.get_by_role("row").filter(has_text="Roll-back")).to_contain_text("Done")


def test_ticked_phones_are_told_by_a_click(fleet, desk):
    page = fleet
    page.goto("/phones/")
    with doubles("ok", "--hosts", ADDRESSES[0], ADDRESSES[1], *SIP) as heard:
        for number in (0, 1):
            page.locator("[data-bulk-item]").nth(number).check()
        page.get_by_role("button", name="Deliver").click()
        modal = page.locator("#modal")
        expect(modal.get_by_role("heading", level=2)).to_contain_text("Delivery")
        expect(modal.get_by_text("2 of 2")).to_be_visible(timeout=30_000)
        heard.wait(2)
    assert len({text.split()[1] for text in heard.heard}) == 2
