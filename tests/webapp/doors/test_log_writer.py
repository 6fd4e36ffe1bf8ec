"""`belldesk tftp` and the child that writes its log: nothing is lost or doubled, whoever stops."""

import marshal
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from provisioning.identify import Clues
from tests.conftest import KEY, make_config
from tests.daemons import free_port
from tests.servers import ROOT
from tests.webapp.doors.cast import BODY, MAC, add_phone
from webapp import create_app
from webapp.doors.entry import Entry
from webapp.doors.log_writer import LogWriter, packed, unpacked
from webapp.extensions import db
from webapp.models import Site

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the log is a thread's elsewhere")

PATIENCE = 20
ENTRY = Entry(
    datetime(2026, 11, 22, 9, 59, 59, 123457, UTC),
    *("tftp", "GET", f"{MAC}.cfg", "10.0.0.9", "agent", 404, "unknown_phone", 0),
    Clues(MAC, "fanvil", "fanvil-x1sg", "2.12", f"{MAC}.cfg"),
    *("", 1, 2, None, None),
    evidence=(("serial", "7"),),
)


class Tftp:
    """A `belldesk tftp` with one phone."""

    def __init__(self, folder, template):
        self.folder, self.port = folder, free_port(socket.SOCK_DGRAM)
        shutil.copy(template, folder / "belldesk.sqlite3")
        app = create_app(make_config(folder))
        with app.app_context():
            add_phone(db.session.scalar(select(Site)))
            db.session.remove()
            db.engine.dispose()
        environment = {
            "BELLDESK_INSTANCE": str(folder),
            "BELLDESK_KEYS": KEY,
            "BELLDESK_DOORS": "phones",
            "BELLDESK_TFTP_HOST": "127.0.0.1",
            "BELLDESK_TFTP_PORT": str(self.port),
        }
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp.cli", "tftp"],
                cwd=ROOT,
                env=os.environ | environment,
                stderr=said,
            )
        try:
            wait_for(lambda: b"TFTP for phones" in self.said.read_bytes())
        except AssertionError:
            self.stop(signal.SIGKILL)
            raise AssertionError(self.said.read_text()) from None

    @property
    def writer(self):
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])

    def fetch(self, times=1):
        for _ in range(times):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                request = f"\0\1{MAC}.cfg\0octet\0blksize\08192\0".encode()
                client.sendto(request, ("127.0.0.1", self.port))
                _, tid = client.recvfrom(9000)
                client.sendto(b"\0\4\0\0", tid)
                assert client.recv(9000) == b"\0\3\0\1" + BODY
                client.sendto(b"\0\4\0\1", tid)

    def logged(self):
        with sqlite3.connect(self.folder / "belldesk.sqlite3", timeout=PATIENCE) as connection:
            rows = connection.execute("SELECT status FROM fetches").fetchall()
        connection.close()
        return len(rows)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(PATIENCE)


@pytest.fixture
def tftp(tmp_path, template_database):
    started = Tftp(tmp_path, template_database)
    yield started
    if started.process.poll() is None:
        started.stop(signal.SIGKILL)


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_the_rows_come_by_themselves(tftp):
    tftp.fetch(3)
    wait_for(lambda: tftp.logged() == 3)


def test_a_clean_end_writes_each_row_once(tftp):
    writer = tftp.writer
    tftp.fetch(150)
    tftp.stop()
    assert tftp.process.returncode == 0
    assert gone(writer)
    assert tftp.logged() == 150


def test_who_stops_both_at_once_loses_nothing_either(tftp):
    """As systemd does it, and Ctrl-C in a terminal."""
    tftp.fetch(20)
    os.kill(tftp.writer, signal.SIGTERM)
    os.kill(tftp.writer, signal.SIGINT)
    tftp.stop()
    assert tftp.logged() == 20


def test_the_writer_outlives_a_killed_server_until_all_is_written(tftp):
    writer = tftp.writer
    tftp.fetch(5)
    time.sleep(0.5)  # handed on, and perhaps not written
    tftp.stop(signal.SIGKILL)
    wait_for(lambda: gone(writer))
    assert tftp.logged() == 5


def test_the_server_outlives_a_killed_writer_and_writes_by_itself(tftp):
    tftp.fetch(2)
    wait_for(lambda: tftp.logged() == 2)
    os.kill(tftp.writer, signal.SIGKILL)
    tftp.fetch(3)
    wait_for(lambda: tftp.logged() == 5)
    assert b"from now on a thread writes" in tftp.said.read_bytes()
    tftp.fetch(1)
    tftp.stop()
    assert tftp.logged() == 6


def test_an_entry_arrives_as_it_left():
    assert unpacked(packed(ENTRY)) == ENTRY
    assert all(type(value) is not Clues for value in packed(ENTRY))


class Kept:
    """A fetch log that only remembers."""

    def __init__(self):
        self.entries = []

    def add(self, entry):
        self.entries.append(entry)

    def close(self):
        pass


def test_a_writer_that_is_behind_gets_the_rest_later():
    ours, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = Kept()
    with childs:
        writer = LogWriter(ours, os.getpid(), kept)
        for number in range(5_000):
            writer.add(ENTRY._replace(sent=number))
        arrived = []
        while len(arrived) < 5_000:
            writer.flush()
            arrived += receive(childs)
        assert [entry.sent for entry in arrived] == list(range(5_000))
    writer.add(ENTRY)
    writer.flush()
    assert kept.entries == [ENTRY]
    ours.close()


def receive(sock):
    return [unpacked(values) for values in marshal.loads(sock.recv(1 << 20))]
