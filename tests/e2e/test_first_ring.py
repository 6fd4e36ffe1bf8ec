"""The main job as its users do it: from the list to a phone that has its configuration."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.daemons import need

NAME, PASSWORD = "ada", "a long sentence is easy"
# As the predecessors' users have them: three TABs after each line, mixed case, no final line end.
SHEET = (
    "mac,ramal,senha,servidor\n"
    "0C383E0A1B01,1001,p&w<1>\"',10.0.0.5\t\t\t\n"
    "0c383e0A1B02,1002,s3cret-2,10.0.0.5\t\t\t\n"
    "0C383E0A1B03,1003,s3cret-3,10.0.0.5\t\t\t\n"
    "not-a-mac,1004,s3cret-4,10.0.0.5\t\t\t"
)
MAC = "0c383e0a1b01"


@pytest.fixture(scope="module")
def provisioned(desk, chromium):
    """The whole way through the browser, once for the tests that look at its end."""
    context = chromium.new_context(base_url=desk.url, locale="en-GB")
    page = context.new_page()
    create_the_administrator(page, desk)
    create_the_site(page)
    upload_and_provision(page)
    yield page
    context.close()


def create_the_administrator(page, desk):
    page.goto(desk.setup_address())
    page.get_by_label("User name").fill(NAME)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=again]").fill(PASSWORD)
    page.get_by_role("button", name="Create the administrator").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def create_the_site(page):
    page.goto("/sites/new")
    page.get_by_label("Name of the new company").fill("Acme")
    page.get_by_label("Name of the site").fill("Lisbon")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lisbon")


def upload_and_provision(page):
    page.goto("/imports/")
    page.set_input_files(
        "input[name=sheet]",
        {"name": "phones.txt", "mimeType": "text/plain", "buffer": SHEET.encode()},
    )
    expect(page.get_by_text("phones.txt ·")).to_be_visible()
    page.get_by_label("Model").select_option("fanvil-x1sg")
    page.get_by_label("Site", exact=True).select_option(label="Acme / Lisbon")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_text("3 phones will be written in one go.")).to_be_visible()
    expect(page.get_by_text("not a MAC address")).to_be_visible()
    page.get_by_role("button", name="Write these phones").click()
    page.get_by_role("button", name="Provision these phones").click(timeout=20_000)
    modal = page.locator("#modal")
    expect(modal.get_by_text("3 of 3")).to_be_visible(timeout=30_000)
    expect(modal.get_by_text("Done", exact=False).last).to_be_visible()


def site_key(desk):
    found = desk.command("sites", "show", "Acme / Lisbon", "--key", "--json")
    return re.search(r"/p/([^/\"]+)/", found)[1]


def line_one(body):
    line = ElementTree.fromstring(body).find("sip/line[@index='1']")
    return [line.findtext(tag) for tag in ("PhoneNumber", "RegisterPswd", "RegisterAddr")]


CREDENTIALS = ["1001", "p&w<1>\"'", "10.0.0.5"]


def test_curl_fetches_the_phones_file(provisioned, desk):
    need("curl")
    address = f"{desk.url}/p/{site_key(desk)}/{MAC.upper()}.cfg"
    body = subprocess.run(["curl", "-fsS", address], capture_output=True, check=True).stdout
    assert line_one(body) == CREDENTIALS


def test_tftp_hpa_fetches_the_phones_file(provisioned, desk, tmp_path):
    need("tftp")
    target = tmp_path / "phone.cfg"
    command = ["tftp", "-m", "binary", "127.0.0.1", str(desk.tftp_port)]
    subprocess.run([*command, "-c", "get", f"{MAC}.cfg", target], check=True, timeout=20)
    assert line_one(target.read_bytes()) == CREDENTIALS


def test_atftp_fetches_the_phones_file(provisioned, desk, tmp_path):
    need("atftp")
    target = tmp_path / "phone.cfg"
    words = ["atftp", "--option", "blksize 1428", "-g", "-r", f"{MAC}.cfg", "-l", str(target)]
    subprocess.run([*words, "127.0.0.1", str(desk.tftp_port)], check=True, timeout=20)
    assert line_one(target.read_bytes()) == CREDENTIALS


def test_the_phone_is_current_once_it_fetched(provisioned, desk):
    agent = {"User-Agent": f"Fanvil X1SG 2.4.12.3 {MAC}"}
    with urlopen(Request(f"{desk.url}/p/{site_key(desk)}/{MAC}.cfg", headers=agent)) as answer:
        assert answer.status == 200
    page = provisioned
    row = page.get_by_role("row").filter(has_text="1001")
    for _ in range(50):  # the log is written in batches
        page.goto("/phones/?q=1001")
        if "2.4.12.3" in row.text_content():
            break
    expect(row).to_contain_text("2.4.12.3")
    expect(row.get_by_text("current", exact=True)).to_be_visible()
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "p&w" not in page.content()
    assert "p&amp;w" not in page.content()


def test_neighbours_wrong_keys_and_paths_get_one_and_the_same_refusal(provisioned, desk):
    key = site_key(desk)
    refused = set()
    for path in (
        f"{key}/0c383e0a1b99.cfg",
        f"{key}x/{MAC}.cfg",
        f"wrong/{MAC}.cfg",
        f"{key}/../../etc/passwd",
        f"{key}/..%2f..%2fetc%2fpasswd",
        f"{key}/{MAC}.xml",
        f"{key}/",
        "",
    ):
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{desk.url}/p/{path}")
        with caught.value as answer:
            headers = {name: value for name, value in answer.headers.items() if name != "Date"}
            refused.add((answer.code, answer.read(), str(sorted(headers.items()))))
    assert len(refused) == 1
    assert next(iter(refused))[0] == 404


def test_an_unknown_phone_waits_in_adopt(provisioned, desk):
    agent = {"User-Agent": "Fanvil X3U 2.4.12 0c383e0a1bff"}
    address = f"{desk.url}/p/{site_key(desk)}/0c383e0a1bff.cfg"
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(address, headers=agent))
    caught.value.close()
    page = provisioned
    page.goto("/adopt/")
    expect(page.get_by_text("0c:38:3e:0a:1b:ff").first).to_be_visible(timeout=10_000)


def test_the_command_line_does_the_same(provisioned, desk, tmp_path):
    sheet = tmp_path / "more.csv"
    sheet.write_text("mac;extension;password;server\n00908F000001;2001;cli-secret;10.0.0.5\n")
    desk.command("sites", "add", "Acme", "Porto")
    words = ["phones", "import", str(sheet), "--model", "405HD", "--site", "Porto"]
    assert '"added": 1' in desk.command(*words, "--dry-run", "--json")
    assert '"added": 1' in desk.command(*words, "--json")
    assert '"unchanged": 1' in desk.command(*words, "--json")
    run = desk.command("runs", "start", "--site", "Porto", "--json")
    number = re.search(r'"(?:id|run)": (\d+)', run)[1]
    desk.command("runs", "watch", number)
    shown = desk.command("phones", "fetch", "00908f000001", "--via", "tftp")
    assert "voip/line/0/auth_password=cli-secret" in shown
    assert "cli-secret" not in desk.command("phones", "show", "00908f000001", "--json")
    assert "00:90:8f:00:00:01" in desk.command("phones", "list", "--json")


def test_a_signed_out_browser_sees_nothing(page):
    page.goto("/phones/")
    expect(page).to_have_url(re.compile(r"/login\?next="))
