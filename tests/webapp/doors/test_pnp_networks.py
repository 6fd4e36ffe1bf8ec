"""`belldesk pnp` on a real link: the desk, an armed phone, and a thief who knows its MAC."""

import contextlib
import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from provisioning.transports.neighbours import Neighbours
from tests.provisioning.transports.test_sip_networks import (
    DOUBLE,
    ROOT,
    inside,
    ip,
    may_have_networks,
    started,
)
from tests.webapp.doors.cast import MAC, commit
from webapp.extensions import db, utcnow
from webapp.models import Alert, Fetch, Stray

AUDIOCODES = "00908f000001"
HEADER = 'ua-profile;profile-type="application";model="440HD";version="2.2.2"'
LINK = {"phone": MAC, "thief": "020000000001", "other": AUDIOCODES}


@pytest.fixture
def link(door):
    """A switch with the desk at 10.9.0.1 and three devices; yield how to run a phone at each."""
    if not may_have_networks():
        pytest.skip("needs the right to network namespaces")
    config = door.app.extensions["belldesk"]
    environment = os.environ | {
        "BELLDESK_INSTANCE": str(config.instance),
        "BELLDESK_ENV": "test",
        "BELLDESK_KEYS": config.keys[0],
        "BELLDESK_BASE_URL": config.base_url,
    }
    with contextlib.ExitStack() as stack:
        desk = stack.enter_context(started("unshare", "--net", *STAY))
        ip(desk, "link set lo up", "link add switch type bridge", "link set switch up")
        ip(desk, "address add 10.9.0.1/24 dev switch")
        places = {}
        for number, (name, mac) in enumerate(LINK.items(), 2):
            place = places[name] = stack.enter_context(started("unshare", "--net", *STAY))
            ip(desk, f"link add {name} type veth peer name wire netns {place.pid}")
            ip(desk, f"link set {name} master switch", f"link set {name} up")
            ip(place, f"link set wire address {colons(mac)}", "link set wire up")
            ip(place, f"address add 10.9.0.{number}/24 dev wire")
        command = [*inside(desk), sys.executable, "-m", "webapp.cli", "pnp"]
        server = stack.enter_context(
            subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        )
        stack.callback(server.terminate)
        assert "switch" in server.stderr.readline()
        yield lambda name, *options: run(places[name], name, *options)


STAY = ("sh", "-c", "echo ready; exec sleep 120")


def colons(mac):
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2))


def run(place, name, *options):
    host = f"10.9.0.{list(LINK).index(name) + 2}"
    command = [*inside(place), sys.executable, str(DOUBLE), "--host", host, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def found(query, count=1):
    """What a query finds once the other process has written so many."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        db.session.rollback()
        rows = db.session.scalars(query).all()
        if len(rows) >= count:
            return rows
        time.sleep(0.1)
    raise AssertionError("nothing was written")


def test_the_phone_is_told_and_who_fakes_its_mac_is_not(door, link):
    door.phone.new_key()
    door.phone.arm(utcnow() + timedelta(hours=1))
    commit()
    assert link("thief", "--user", f"MAC{MAC}") == {}
    assert link("phone", "--user", f"MAC{MAC}") == {
        "url": f"http://desk.example.net/p/{door.phone.key}/$mac.cfg",
        "from": "10.9.0.1",
    }
    assert [alert.kind for alert in found(select(Alert))] == ["pnp_other_mac"]
    reasons = {row.address: row.reason for row in found(Fetch.newest_first(), 2)}
    assert reasons == {"10.9.0.3": "other_mac", "10.9.0.2": ""}


def test_a_factory_phone_that_says_no_mac_waits_in_adopt(link):
    assert link("other", "--user", "00000001", "--event", HEADER) == {}
    [stray] = found(select(Stray))
    assert (stray.mac, stray.model, stray.transport) == (AUDIOCODES, "audiocodes-440hd", "pnp")
    assert stray.clues == [["pnp", "440HD 2.2.2"], ["arp", "10.9.0.4"]]


@pytest.mark.parametrize(
    ("address", "mac", "near"),
    [
        ("192.0.2.1", "02fc00000005", True),
        ("192.0.2.9", "", True),
        ("198.51.100.1", "", False),
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("10.66.0.1", "", False),
    ],
)
def test_it_reads_the_systems_tables(tmp_path, address, mac, near):
    (tmp_path / "arp").write_text(
        "IP address  HW type  Flags  HW address  Mask  Device\n"
        "192.0.2.1   0x1      0x2    02:FC:00:00:00:05  *  eth0\n"
        "192.0.2.9   0x1      0x0    00:00:00:00:00:00  *  eth0\n"
    )
    (tmp_path / "route").write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n"
        "eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
        "tun0 0000420A 010200C0 0003 0 0 0 0000FFFF 0 0 0\n"
    )
    assert Neighbours(tmp_path).of(address) == (mac, near)


def test_where_the_system_has_no_such_tables_nothing_is_known(tmp_path):
    assert Neighbours(tmp_path / "nothing").of("192.0.2.1") == ("", False)


def test_invented_addresses_make_it_wait_only_so_often(tmp_path, monkeypatch):
    (tmp_path / "arp").write_text("head\n")
    row = "eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    (tmp_path / "route").write_text("head\n" + row)
    slept = []
    monkeypatch.setattr("provisioning.transports.neighbours.time.sleep", slept.append)
    neighbours = Neighbours(tmp_path)
    for last in range(1, 100):
        neighbours.of(f"192.0.2.{last}")
    assert sum(slept) < 3
