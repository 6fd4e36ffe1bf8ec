import gzip
import socket
import struct
from pathlib import Path

import pytest

from agent import session_log
from agent.session_log import SessionLog, journal, windows, wtmp

SAMPLES = Path(__file__).with_name("samples")
AT = 1795334400
LAYOUTS = {"x86-64": "<hhi32s4s32s256shhiii16s20x", "aarch64": "<hhi32s4s32s256shhqqq16s20x4x"}


def record(layout, kind, line=b"", user=b"", host=b"", at=AT, pid=100, address=bytes(16)):
    values = (kind, 0, pid, line, b"", user, host, 0, 0, 0, at, 500_000, address)
    return struct.pack(LAYOUTS[layout], *values)


def working_day(layout):
    far = socket.inet_aton("10.1.2.3") + bytes(12)
    return b"".join(
        [
            record(layout, 2, b"~", b"reboot", b"6.1.0-28-amd64", AT),
            record(layout, 6, b"tty1", b"LOGIN", b"", AT + 1),
            record(layout, 7, b"tty2", b"jane", b"", AT + 60),
            record(layout, 7, b"pts/0", b"root", b"10.1.2.3", AT + 120, 4711, far),
            record(layout, 8, b"pts/0", b"", b"", AT + 180, 4711),
            record(layout, 8, b"pts/9", b"", b"", AT + 190),
            record(layout, 1, b"~", b"shutdown", b"6.1.0-28-amd64", AT + 3600),
        ]
    )


def test_records_have_the_size_that_each_processor_writes():
    assert (wtmp.SMALL.size, wtmp.LARGE.size) == (384, 400)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_wtmp_tells_who_came_and_went(layout):
    found = wtmp.events(wtmp.parse(working_day(layout)))
    assert [(row["id"], row["account"], row["session"]) for row in found] == [
        (12, "", ""),
        (21, "jane", "tty2"),
        (21, "root", "pts/0"),
        (23, "root", "pts/0"),
        (54, "", ""),
    ]
    assert found[2] == {
        "uid": "2026-11-22T08:02:00.500Z/21/pts/0/4711",
        "at": "2026-11-22T08:02:00.500Z",
        "id": 21,
        "source": "linux",
        "account": "root",
        "session": "pts/0",
        "address": "10.1.2.3",
        "message": "root signed in at pts/0 from 10.1.2.3",
    }
    assert found[3]["address"] == "10.1.2.3"


def test_rotated_and_packed_files_are_one_log(tmp_path):
    day = working_day("x86-64")
    (tmp_path / "wtmp.2.gz").write_bytes(gzip.compress(day[: 3 * 384]))
    (tmp_path / "wtmp.1").write_bytes(day[3 * 384 : 4 * 384])
    (tmp_path / "wtmp").write_bytes(day[4 * 384 :])
    found = wtmp.read(str(tmp_path / "wtmp*"))
    assert [row["id"] for row in found] == [12, 21, 21, 23, 54]
    assert found[3]["account"] == "root"  # who came in one file and went in another


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\xff" * 4000, bytes(384 * 3)])
def test_a_broken_wtmp_tells_nothing(data):
    assert wtmp.events(wtmp.parse(data)) == []


def test_ipv6_is_told_from_ipv4():
    assert wtmp.address_of(socket.inet_pton(socket.AF_INET6, "2001:db8::1")) == "2001:db8::1"
    assert wtmp.address_of(bytes(16)) == ""


def test_windows_events_are_read_in_any_language():
    found = windows.parse((SAMPLES / "session-log-de.xml").read_text("utf-8"))
    assert [(row["id"], row["session"], row["address"]) for row in found] == [
        (21, "1", ""),
        (25, "3", "10.1.2.3"),
        (40, "3", ""),
        (39, "3", ""),
        (54, "", ""),
    ]
    assert found[0] == {
        "uid": "2026-11-20T06:58:12.123Z/812",
        "at": "2026-11-20T06:58:12.123Z",
        "id": 21,
        "source": "windows",
        "account": "CORP\\jane.müller",
        "session": "1",
        "address": "",
        "message": "Session logon succeeded: User CORP\\jane.müller, SessionID 1, Address LOKAL",
    }


def test_windows_is_asked_for_what_is_new_only():
    assert "SystemTime>='2026-11-20T06:58:12.123Z'" in windows.query("2026-11-20T06:58:12.123Z/812")
    assert "SystemTime" not in windows.query(None)


def test_the_journal_is_read_where_there_is_no_wtmp():
    found = list(journal.parse((SAMPLES / "journal-logind.jsonl").read_text()))
    assert [(row["id"], row["account"], row["session"]) for row in found] == [
        (21, "jane", "5"),
        (23, "jane", "5"),
    ]
    assert found[0]["uid"] == "2026-11-22T08:00:00.125Z/21/5/4711"


@pytest.fixture
def log(monkeypatch, tmp_path):
    path = tmp_path / "wtmp"
    path.write_bytes(working_day("x86-64"))
    monkeypatch.setattr(wtmp.stamp, "__defaults__", (str(path),))
    monkeypatch.setattr(wtmp.read, "__defaults__", (str(path),))
    return path


def test_only_what_the_desk_lacks_is_sent_however_it_says_so(log):
    reader = SessionLog()
    everything = reader.after(None, 99)
    assert len(everything) == 5
    uid, at = everything[2]["uid"], everything[2]["at"]
    assert [row["id"] for row in reader.after(uid, 99)] == [23, 54]
    assert [row["id"] for row in reader.after(at, 99)] == [21, 23, 54]
    assert len(reader.after("nonsense'] or *", 99)) == 5


def test_the_last_line_is_told_once_to_a_desk_that_remembers_times(log):
    reader = SessionLog()
    told = reader.after(None, 99)
    reader.told(told)
    assert reader.after(told[-1]["at"], 99) == []
    with log.open("ab") as file:  # in the same millisecond
        file.write(record("x86-64", 7, b"tty3", b"bob", b"", AT + 3600))
    assert [row["account"] for row in reader.after(told[-1]["at"], 99)] == ["bob"]


def test_a_long_log_goes_in_pieces(log):
    reader = SessionLog()
    first = reader.after(None, 3)
    assert (len(first), reader.has_more) == (3, True)
    assert (len(reader.after(first[-1]["uid"], 3)), reader.has_more) == (2, False)


def test_an_unchanged_log_is_not_read_again(log, monkeypatch):
    reader, last = SessionLog(), SessionLog().after(None, 99)[-1]["uid"]
    assert reader.after(last, 9) == []
    monkeypatch.setattr(session_log, "read", lambda _: pytest.fail("read again"))
    assert reader.after(last, 9) == []


def test_a_changed_log_is_read_again(log):
    reader, last = SessionLog(), SessionLog().after(None, 99)[-1]["uid"]
    assert reader.after(last, 9) == []
    with log.open("ab") as file:
        file.write(record("x86-64", 7, b"tty3", b"bob", b"", AT + 9999))
    assert [row["account"] for row in reader.after(last, 9)] == ["bob"]
