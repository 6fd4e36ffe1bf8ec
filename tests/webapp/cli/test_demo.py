"""The demonstration: an invented company, and phones that really fetch from real servers."""

import os
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import urlopen

import pytest
from sqlalchemy import func, select

from provisioning.identify import identify
from provisioning.registry import registry
from provisioning.transports import tftp_client
from tests.conftest import KEY
from tests.daemons import free_port, running
from tests.provisioning.transports.tftp_server import serving
from tests.webapp.jobs.processes import ROOT
from webapp.audit import acting_as
from webapp.cli.company import SPARE, populate
from webapp.cli.handset import FIRMWARE, AskError, Handset, played, stranger
from webapp.cli.simulator import Network, Pace, simulate
from webapp.extensions import db
from webapp.models import Company, Fetch, Phone, Revision, Run, Site, Stray, User

QUICK = Pace(fast=0.01, slow=0.02, look=0.5, oddity=3, strangers=3, stranger_every=0.5)


@pytest.fixture
def company(app):
    """An empty database with the demo's company in it."""
    db.session.execute(db.delete(Site))
    db.session.execute(db.delete(Company))
    with acting_as("demo"):
        db.session.commit()
        return populate(80)


def test_it_invents_phones_of_all_models_and_provisions_them(company):
    assert company.is_over
    used = set(db.session.scalars(select(Phone.model)))
    assert used == {model.key for model in played()}
    assert db.session.scalar(select(func.count(Phone.id))) == 80
    assert not db.session.scalars(select(Phone.id).where(Phone.revision_id.is_(None))).all()
    assert db.session.scalar(select(func.count(Revision.id))) == 80


def test_it_is_invented_once(company):
    with acting_as("demo"):
        assert populate(80) is None
    assert db.session.scalar(select(func.count(Run.id))) == 1


def test_nobody_gets_a_password_and_no_two_phones_the_same(company):
    names = set(db.session.scalars(select(User.name)))
    assert names == {"alice", "bob", "carol", "dave"}
    everyone = db.session.scalars(select(Phone)).all()
    assert len({phone.admin_password for phone in everyone}) == 80
    passwords = [line.password for phone in everyone for line in phone.lines]
    assert len(set(passwords)) == len(passwords)


def test_its_hosts_exist_nowhere(company):
    hosts = {
        line.sip_server.host for phone in db.session.scalars(select(Phone)) for line in phone.lines
    }
    assert all(host.endswith(".example.net") for host in hosts)


@pytest.mark.parametrize("model", played(), ids=lambda model: model.key)
def test_a_phone_speaks_as_its_vendor_does(model):
    seen = set()
    for number in range(40):
        phone = Handset(f"{model.vendor.ouis[0]}{number:06x}", model, "key")
        clues = identify(phone.own_file(), phone.user_agent)
        assert (clues.vendor, clues.mac) == (model.vendor.key, phone.mac)
        assert clues.model == model.key.removesuffix("-sbc").removesuffix("-account")
        assert clues.firmware == phone.firmware
        seen.add((phone.own_file() == phone.own_file().lower(), phone.firmware))
    assert len({firmware for _, firmware in seen}) == len(FIRMWARE[model.vendor.key])


def test_some_ask_in_upper_case_and_some_over_tftp():
    model = registry().model("audiocodes-405hd")
    asking = [Handset(f"00908f{number:06x}", model, "key") for number in range(60)]
    assert {phone.own_file().isupper() for phone in asking} == {False}
    assert {phone.own_file()[:12].isupper() for phone in asking if "f" in phone.mac} == {
        True,
        False,
    }
    assert 5 < sum(phone.over_tftp for phone in asking) < 30


def test_strangers_are_of_several_vendors():
    vendors = {stranger(number, "key", "").model.vendor.key for number in range(12)}
    assert len(vendors) >= 2


@pytest.mark.parametrize("size", [0, 1, 512, 1428, 1429, 100_000])
def test_its_tftp_client_reads_whole_files(size):
    body = os.urandom(size)
    with serving({"a.cfg": body}) as server:
        assert tftp_client.read(("127.0.0.1", server.port), "a.cfg") == body
        assert tftp_client.read(("127.0.0.1", server.port), "other.cfg") is None


def test_a_door_that_is_closed_is_no_end(company):
    phone = Handset("0c383e000001", registry().model("fanvil-x1sg"), "key")
    with pytest.raises(AskError, match="HTTP"):
        phone.over_http("x.cfg", free_port())
    network = Network(free_port(), free_port(socket.SOCK_DGRAM), QUICK)
    network.look()
    ask = next(x for x in network.waiting if not x.over_tftp)
    network.ask(ask, ask.own_file())
    assert network.failed == 1


def test_a_phone_comes_back_to_the_address_that_its_file_told_it():
    model, own, asked = registry().model("fanvil-x1sg"), "k" * 32, []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = b"<FlashServerIP>http://desk/p/%s</FlashServerIP>" % own.encode()
            self.send_response(404 if len(asked) == 3 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    phone = Handset("0c383e000001", model, "sites")
    with HTTPServer(("127.0.0.1", 0), Door) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        for _ in range(4):
            phone.over_http(phone.own_file(), door.server_port)
        door.shutdown()
    assert [path.split("/")[2] for path in asked] == ["sites", own, own, "sites"]


def environment(folder):
    words = {
        "BELLDESK_INSTANCE": str(folder),
        "BELLDESK_ENV": "test",
        "BELLDESK_KEYS": KEY,
        "BELLDESK_SECRET_KEY": "for tests only",
        "BELLDESK_HOST": "127.0.0.1",
        "BELLDESK_TFTP_HOST": "127.0.0.1",
        "BELLDESK_WEB_WORKERS": "1",
    }
    return ["env", f"--chdir={ROOT}", *(f"{name}={value}" for name, value in words.items())]


def web(folder):
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "wsgi:app"]
    return lambda port: [*environment(folder), f"BELLDESK_PORT={port}", *gunicorn]


def tftp(folder):
    command = [sys.executable, "-m", "webapp.cli", "tftp"]
    return lambda port: [*environment(folder), f"BELLDESK_TFTP_PORT={port}", *command]


def greet_web(port):
    urlopen(f"http://127.0.0.1:{port}/login", timeout=5).close()


def greet_tftp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.sendto(b"\0\1hello\0octet\0", ("127.0.0.1", port))
        client.recv(600)


def test_the_phones_fetch_and_become_current(company, app, tmp_path):
    with ExitStack() as servers:
        folder = app.instance_path
        port = servers.enter_context(running(web(folder), greet_web, OSError, tmp_path / "web"))
        tftp_port = servers.enter_context(
            running(tftp(folder), greet_tftp, OSError, tmp_path / "tftp")
        )
        network = Network(port, tftp_port, QUICK)
        simulate(network, Enough(network))
    db.session.expire_all()
    states = Counter(
        phone.state for phone in db.session.scalars(select(Phone).where(Phone.label != SPARE))
    )
    assert set(states) == {"current"}
    transports = Counter(db.session.scalars(select(Fetch.transport).where(Fetch.reason == "")))
    assert min(transports["http"], transports["tftp"]) > 3
    assert db.session.scalar(select(func.count(Stray.id))) == 3
    assert len(set(db.session.scalars(select(Phone.firmware)))) > 3


class Enough(threading.Event):
    """Set when every phone is current and the strangers are there, or after a minute."""

    def __init__(self, network):
        super().__init__()
        self.network, self.deadline = network, time.monotonic() + 60

    def wait(self, timeout=None):
        time.sleep(timeout)
        if time.monotonic() > self.deadline or (not self.network.waiting and done()):
            self.set()
        return self.is_set()


def done():
    living = select(Phone.id).where(Phone.label != SPARE, ~Phone.is_in_state("current"))
    found = db.session.scalars(living.limit(1)).first() is None
    strays = db.session.scalar(select(func.count(Stray.id)))
    db.session.rollback()
    return found and strays == 3
