"""Who is told what by SIP PnP, and what is left of it in the log, in Adopt and in the alerts."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from provisioning.transports.neighbours import Neighbour
from provisioning.transports.sip_pnp import PnpRequest, Responder
from tests.daemons import free_port
from tests.provisioning.transports.test_sip_sipp import SUBSCRIBE, sipp
from tests.webapp.doors.cast import MAC, add_site, commit
from webapp.door_keys import door_address
from webapp.doors import strays
from webapp.doors.pnp import PnpDoor
from webapp.extensions import db, utcnow
from webapp.models import Alert, Ban, Fetch, Stray

ROOT = Path(__file__).parents[3]
DOUBLE = ROOT / "tests/doubles/pnp_phone.py"
NEW = "0c383e0000ee"
HERE = "127.0.0.1"
AUDIOCODES = "00908f000001"


class Link:
    """An ARP table: which MAC each address of our own link has."""

    def __init__(self):
        self.known = {}

    def of(self, address):
        mac = self.known.get(address)
        return Neighbour() if mac is None else Neighbour(mac, near=True)


class Pnp:
    def __init__(self, door):
        self.door, self.link = door, Link()
        self.pnp = self.restarted()

    def restarted(self):
        address = door_address()
        return PnpDoor(db.engine, address, self.door.door.fetch_log, self.link)

    def ask(self, mac=MAC, address=HERE, vendor="Fanvil", model="", firmware="", user="", agent=""):
        return self.pnp.answer(PnpRequest(mac, vendor, model, firmware, address, user, agent))

    def arm(self, hours=1, **changes):
        phone = self.door.phone
        phone.new_key()
        phone.arm(utcnow() + timedelta(hours=hours))
        for name, value in changes.items():
            setattr(phone, name, value)
        commit()
        return phone

    def rows(self):
        return [(row.mac, row.reason) for row in self.door.logged(Fetch.newest_first())]

    def reasons(self):
        return [reason for _, reason in self.rows()]

    def strays(self):
        return self.door.logged(select(Stray).order_by(Stray.id))

    def alerts(self):
        return self.door.logged(select(Alert).order_by(Alert.id))


@pytest.fixture
def pnp(door):
    return Pnp(door)


@pytest.fixture
def pnp_everywhere(door_everywhere):
    return Pnp(door_everywhere)


def test_an_armed_phone_is_told_its_own_address_and_no_other(pnp):
    key = pnp.arm().key
    url = pnp.ask()
    assert url == f"http://desk.example.net/p/{key}/$mac.cfg"
    assert pnp.door.key not in url
    [row] = pnp.door.logged(Fetch.newest_first())
    assert (row.transport, row.status, row.reason, row.phone_id) == (
        *("pnp", 200, ""),
        pnp.door.phone.id,
    )
    assert key not in f"{row.file}{row.user_agent}"


def test_it_is_answered_on_every_database(pnp_everywhere):
    pnp = pnp_everywhere
    assert pnp.arm().key in pnp.ask()
    assert pnp.ask(NEW, vendor="Fanvil", model="X1SG") is None
    [stray] = pnp.strays()
    assert (stray.mac, stray.model, stray.clues) == (NEW, "fanvil-x1sg", [["pnp", "Fanvil X1SG"]])
    pnp.arm(hours=-1)
    assert pnp.ask() is None
    [alert] = pnp.alerts()
    assert alert.phone_id == pnp.door.phone.id


def test_being_told_is_not_having_fetched(pnp):
    pnp.arm()
    pnp.ask()
    pnp.rows()
    assert pnp.door.phone.state == "never"


def test_a_phone_whose_window_is_closed_gets_silence_and_a_trace(pnp):
    pnp.arm(hours=-1)
    assert pnp.ask() is None
    assert pnp.rows() == [(MAC, "closed_window")]
    [alert] = pnp.alerts()
    assert (alert.kind, alert.source, alert.phone_id) == ("pnp_closed", MAC, pnp.door.phone.id)


def test_one_that_works_and_asks_every_hour_alarms_nobody_and_is_not_banned(pnp):
    pnp.arm(hours=-1, fetched_at=utcnow())
    for _ in range(50):
        pnp.pnp = pnp.restarted()
        assert pnp.ask() is None
    assert pnp.alerts() == []
    assert pnp.door.logged(select(Ban)) == []


def test_a_thief_elsewhere_gets_nothing_once_the_phone_has_fetched(pnp):
    pnp.arm(pinned_network="10.1.2.0/24")
    assert pnp.ask(address="10.9.9.9") is None
    assert pnp.ask(address="10.1.2.9") is not None
    assert pnp.reasons() == ["", "other_network"]


def test_who_claims_another_mac_than_the_link_shows_gets_nothing_and_is_reported(pnp):
    pnp.arm()
    pnp.link.known[HERE] = "020000000001"
    assert pnp.ask() is None
    assert pnp.ask(NEW) is None
    assert sorted(pnp.rows()) == [(MAC, "other_mac"), (NEW, "other_mac")]
    assert pnp.strays() == []
    [alert] = pnp.alerts()
    assert alert.kind == "pnp_other_mac"
    assert "02:00:00:00:00:01" in alert.message % alert.params


def test_the_phone_that_the_link_shows_is_answered(pnp):
    pnp.arm()
    pnp.link.known[HERE] = MAC
    assert pnp.ask() is not None


def test_an_address_at_which_nobody_is_gets_nothing(pnp):
    pnp.arm()
    pnp.link.known[HERE] = ""
    assert pnp.ask() is None
    assert pnp.reasons() == ["unreachable"]


def test_two_addresses_that_ask_as_one_phone_are_reported(pnp):
    pnp.arm()
    assert pnp.ask(address="10.1.2.3")
    assert pnp.ask(address="10.1.2.3")
    assert pnp.ask(address="10.1.2.4")
    [alert] = pnp.alerts()
    assert alert.kind == "pnp_two_addresses"
    words = alert.message % alert.params
    assert "10.1.2.3" in words
    assert "10.1.2.4" in words


def test_a_phone_without_a_key_is_not_given_the_sites(pnp):
    pnp.arm(key=None, key_digest=None)
    assert pnp.ask() is None
    assert pnp.reasons() == ["no_key"]


@pytest.mark.parametrize("networks", ["10.0.0.0/8", "127.0.0.0/8"])
def test_nobody_is_answered_where_the_site_does_not_want_it(pnp, networks):
    pnp.arm()
    pnp.door.site.networks = networks
    pnp.door.site.pnp = networks == "10.0.0.0/8"
    commit()
    assert pnp.ask() is None
    assert pnp.ask(NEW) is None
    assert set(pnp.reasons()) == {"not_allowed"}
    assert pnp.strays() == []


def test_the_narrowest_network_decides(pnp):
    pnp.arm()
    near = add_site(networks="127.0.0.1/32")
    assert pnp.ask() is None
    assert pnp.ask(NEW) is None
    assert [stray.site_id for stray in pnp.strays()] == [near.id]
    near.pnp = False
    commit()
    pnp.pnp = pnp.restarted()
    assert pnp.ask("0c383e0000ef") is None
    assert len(pnp.strays()) == 1


def test_of_two_sites_with_the_same_network_none_is_guessed(pnp):
    pnp.arm()
    add_site()
    assert pnp.ask() is not None  # of a known phone the site is known
    assert pnp.ask(NEW) is None
    assert [stray.site_id for stray in pnp.strays()] == [None]


def test_an_audiocodes_phone_on_our_link_is_known_by_the_link(pnp):
    pnp.link.known["127.0.0.7"] = AUDIOCODES
    assert pnp.ask("", "127.0.0.7", "", "440HD", "2.2.2", "00000001", "AUDC-IPPhone/2.2.2") is None
    [stray] = pnp.strays()
    assert (stray.mac, stray.vendor, stray.model) == (AUDIOCODES, "audiocodes", "audiocodes-440hd")
    assert stray.clues == [["pnp", "440HD 2.2.2"], ["arp", "127.0.0.7"]]


def test_elsewhere_its_mac_is_not_guessed(pnp):
    assert pnp.ask("", HERE, "", "440HD", "2.2.2", "00000001", "AUDC-IPPhone/2.2.2") is None
    assert pnp.strays() == []
    assert pnp.rows() == [("", "no_mac")]
    [alert] = pnp.alerts()
    assert "440HD" in alert.message % alert.params


def test_a_router_is_not_taken_for_the_phone_behind_it(pnp):
    pnp.link.known[HERE] = "020000000001"
    assert pnp.ask("", HERE, "", "440HD", "2.2.2", "00000001") is None
    assert pnp.rows() == [("", "no_mac")]


@pytest.mark.parametrize("mac", ["000000000000", "ffffffffffff", "01005e000001"])
def test_what_is_no_phones_address_is_none(pnp, mac):
    assert pnp.ask(mac) is None
    assert pnp.strays() == []


def test_the_mac_wins_over_a_header_that_lies(pnp):
    pnp.ask(NEW, vendor="Yealink", model="T46S")
    [stray] = pnp.strays()
    assert (stray.vendor, stray.model) == ("fanvil", "")


def test_a_phone_that_repeats_itself_is_one_row_and_one_alert(pnp):
    pnp.arm(hours=-1)
    for _ in range(20):
        pnp.ask()
        pnp.ask(NEW)
    assert sorted(pnp.rows()) == [(MAC, "closed_window"), (NEW, "unknown_phone")]
    assert [stray.times for stray in pnp.strays()] == [20]
    [alert] = pnp.alerts()
    assert alert.times == 1


def test_an_alert_that_is_open_is_counted(pnp):
    pnp.arm(hours=-1)
    pnp.ask()
    assert len(pnp.alerts()) == 1
    pnp.pnp = pnp.restarted()
    pnp.ask()
    [alert] = pnp.alerts()
    assert alert.times == 2


def test_a_flood_of_invented_phones_fills_neither_queue_nor_alerts(pnp, monkeypatch, caplog):
    monkeypatch.setattr(strays, "PER_SITE", 10)
    monkeypatch.setattr(strays, "FULL", strays.FullQueues())
    with caplog.at_level(logging.WARNING, "belldesk.phones"):
        for number in range(300):
            pnp.ask(f"0c383e{number:06x}", f"127.0.{number % 9}.1")
            pnp.ask("", f"127.1.{number % 256}.{number // 256}", user="x")
            if number % 100 == 99:
                pnp.rows()
    assert len(pnp.strays()) <= 10
    assert len(pnp.alerts()) <= 60
    assert sum("queue" in record.message for record in caplog.records) == 1


def test_it_is_silent_while_the_database_is_away(pnp, monkeypatch, caplog):
    pnp.arm()
    monkeypatch.setattr(pnp.pnp, "_engine", create_engine("sqlite:////nonexistent/database"))
    assert pnp.ask() is None
    assert "cannot be answered" in caplog.text


def test_a_phone_on_the_wire_gets_its_address(pnp):
    key = pnp.arm().key
    with responding(pnp) as port:
        got = phone("--group", HERE, "--group-port", str(port))
    assert got["url"] == f"http://desk.example.net/p/{key}/$mac.cfg"


def test_sipp_gets_it_too(pnp, tmp_path):
    key = pnp.arm().key
    scenario = SUBSCRIBE.replace("MAC001565abcdef", f"MAC{MAC}")
    scenario = scenario.replace("http://10.0.0.5/p/key/001565abcdef.cfg", f"/p/{key}/[$]mac[.]cfg")
    with responding(pnp) as port:
        options = ["-p", str(free_port(socket.SOCK_DGRAM)), "-m", "3", "-r", "5", "-l", "3"]
        with sipp(tmp_path, scenario, *options, f"{HERE}:{port}"):
            pass


@contextmanager
def responding(pnp):
    """Answer real packets; yield the port."""
    app = pnp.door.app

    def answer(request):
        with app.app_context():
            return pnp.pnp.answer(request)

    responder = Responder(answer, host=HERE, ports=(0,))
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        yield responder.ports[0]
    finally:
        responder.stop()
        thread.join(10)


def phone(*options, mac=MAC):
    command = [sys.executable, str(DOUBLE), "--user", f"MAC{mac}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


@contextmanager
def process(config, **more):
    """`belldesk pnp` as a process of its own, on this machine's loopback."""
    environment = os.environ | {
        "BELLDESK_INSTANCE": str(config.instance),
        "BELLDESK_ENV": "test",
        "BELLDESK_KEYS": config.keys[0],
        "BELLDESK_BASE_URL": config.base_url,
        "PYTHONUNBUFFERED": "1",
        **more,
    }
    command = [sys.executable, "-m", "webapp.cli", "pnp"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as found:
        try:
            yield found
        finally:
            found.terminate()
            assert found.wait(30) == 0


def test_the_process_answers_and_says_where(pnp, config):
    key = pnp.arm().key
    port = str(free_port(socket.SOCK_DGRAM))
    with process(config, BELLDESK_PNP_GROUP="127.0.0.1", BELLDESK_PNP_PORT=port) as found:
        assert "SIP PnP for phones on" in found.stderr.readline()
        assert key in phone("--group", "127.0.0.1", "--group-port", port)["url"]
    assert pnp.reasons() == [""]


def test_a_taken_port_is_said_in_words_and_does_not_end_it(config):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("", 0))
        port = str(pbx.getsockname()[1])
        with process(config, BELLDESK_PNP_PORT=port) as found:
            assert "tell the PBX on this host" in found.stderr.readline()
            assert found.poll() is None
