"""The phones' door over TFTP, asked by the clients that technicians use."""

import socket
import subprocess
import threading
import time

import pytest
from sqlalchemy import select

from tests.daemons import need
from tests.webapp.doors.cast import BODY, MAC, add_phone, add_site, commit
from tests.webapp.doors.conftest import Door
from webapp import create_app
from webapp.config import Config
from webapp.doors.tftp import tftp_server
from webapp.models import Fetch, Phone, Stray

NOT_FOUND = b"\0\5\0\1"
RUBBISH = (
    *(b"", b"\0", b"\0\1", b"\0\1" + b"x" * 600),
    b"\0\1a\0octet\0blksize\0" + b"9" * 400 + b"\0",
)


@pytest.fixture
def tftp(config):
    """The door of a Belldesk whose TFTP runs in a thread, on a port of its own."""
    values = {**vars(config), "tftp_host": "127.0.0.1", "tftp_port": 0}
    app = create_app(Config(**values))
    with app.app_context():
        door = Door(app)
        server = tftp_server(app)
        door.port = server.port
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield door
        server.stop()
        thread.join(20)
        door.close()


def ask_raw(port, packet):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(packet, ("127.0.0.1", port))
        return client.recvfrom(70000)[0]


def served(tftp):
    """The transfers that were begun; the client may be gone before the server has heard its ACK."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = [row for row in tftp.logged(Fetch.newest_first()) if not row.reason]
        if rows:
            return rows
        time.sleep(0.02)
    raise AssertionError("no transfer was logged")


def rrq(file):
    return b"\0\1" + file.encode() + b"\0octet\0"


def test_tftp_hpa_fetches_the_file(tftp, tmp_path):
    need("tftp")
    to = tmp_path / "got"
    command = ["tftp", "-m", "binary", "127.0.0.1", str(tftp.port), "-c", "get"]
    subprocess.run([*command, f"{MAC.upper()}.cfg", str(to)], timeout=30, check=True)
    assert to.read_bytes() == BODY
    (fetch,) = served(tftp)
    assert (fetch.transport, fetch.status, fetch.sent) == ("tftp", 200, len(BODY))
    assert tftp.logged(Phone.with_mac(MAC))[0].state == "current"


def test_atftp_fetches_the_file_with_options(tftp, tmp_path):
    need("atftp")
    to = tmp_path / "got"
    options = ["--option", "blksize 1428", "--option", "tsize 0"]
    command = ["atftp", *options, "-g", "-r", f"{MAC}.cfg", "-l", str(to), "127.0.0.1"]
    subprocess.run([*command, str(tftp.port)], timeout=30, check=True)
    assert to.read_bytes() == BODY


@pytest.mark.parametrize("file", [f"{MAC}.cfg", f"/{MAC}.CFG", "0C-38-3E-00-00-01.cfg"])
def test_it_knows_the_file_in_every_notation(tftp, file):
    assert ask_raw(tftp.port, rrq(file))[:4] == b"\0\3\0\1"


def test_whatever_is_refused_is_refused_alike(tftp):
    other = add_site(networks="10.77.0.0/16")
    add_phone(other, "0c383e0000aa")
    add_phone(tftp.site, "0c383e000002", body=None)
    files = ["0c383e0000aa.cfg", "0c383e000002.cfg", "0c383e0000ee.cfg", f"{MAC}.xml"]
    files += ["../../etc/passwd", f"../{MAC}.cfg", f"sub/{MAC}.cfg", "", "x" * 400]
    files += [f"0c383e0001{last:02x}.cfg" for last in range(20)]
    answers = {ask_raw(tftp.port, rrq(file)) for file in files}
    assert len(answers) == 1
    assert answers.pop()[:4] == NOT_FOUND
    reasons = {fetch.file: fetch.reason for fetch in tftp.logged(Fetch.newest_first())}
    assert reasons["0c383e0000aa.cfg"] == "not_allowed"
    assert reasons["0c383e000002.cfg"] == "no_revision"
    assert reasons["0c383e0000ee.cfg"] == "unknown_phone"
    assert reasons[f"{MAC}.xml"] == "unknown_file"


def test_an_unknown_phone_waits_at_the_site_with_the_narrowest_network(tftp):
    near = add_site(networks="127.0.0.1/32")
    ask_raw(tftp.port, rrq("0c383e0000ee.cfg"))
    (stray,) = tftp.logged(select(Stray))
    assert (stray.mac, stray.site_id, stray.transport) == ("0c383e0000ee", near.id, "tftp")


def test_it_waits_at_no_site_when_two_claim_the_network(tftp):
    add_site()
    ask_raw(tftp.port, rrq("0c383e0000ee.cfg"))
    assert tftp.logged(select(Stray))[0].site_id is None


def test_a_stranger_outside_every_network_does_not_wait(tftp):
    tftp.site.networks = "10.0.0.0/8"
    commit()
    ask_raw(tftp.port, rrq("0c383e0000ee.cfg"))
    assert tftp.logged(select(Stray)) == []
    assert ask_raw(tftp.port, rrq(f"{MAC}.cfg"))[:4] == NOT_FOUND


def test_a_phone_that_goes_away_has_not_fetched(tftp):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(rrq(f"{MAC}.cfg"), ("127.0.0.1", tftp.port))
        _, transfer = client.recvfrom(70000)
        client.sendto(b"\0\5\0\0no more\0", transfer)
        client.sendto(rrq("0c383e0000ee.cfg"), ("127.0.0.1", tftp.port))
        client.recvfrom(70000)
    rows = served(tftp)
    assert rows[0].status == 499
    assert tftp.logged(Phone.with_mac(MAC))[0].state == "never"


def test_it_lives_on_after_what_is_no_request(tftp):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for packet in RUBBISH:
            client.sendto(packet, ("127.0.0.1", tftp.port))
    assert ask_raw(tftp.port, rrq(f"{MAC}.cfg"))[:4] == b"\0\3\0\1"
