"""The agents' door: what agents tell becomes what the desk knows, and nothing else gets in."""

import gzip
import json
import secrets
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.webapp.doors.agents_cast import (
    ENROL,
    FACTS,
    IDENTITY,
    REPORT,
    WAIT,
    Desk,
    Pc,
    beat,
    believes,
    on_it,
)
from webapp import create_app
from webapp.computers import enrolling
from webapp.doors import agent_commands, agent_enrol, agent_keys, agent_messages, mount
from webapp.doors.agents import Nonces
from webapp.extensions import db, utcnow
from webapp.models import (
    Account,
    AddressUse,
    Agent,
    Alert,
    AuditEntry,
    Command,
    Company,
    Computer,
    ComputerUse,
    EnrolCode,
    SessionEvent,
    Site,
)

VECTORS = json.loads((Path(__file__).parents[2] / "agent" / "vectors.json").read_text())


@pytest.fixture
def desk(app):
    opened = Desk(app)
    yield opened
    opened.close()


@pytest.fixture
def desk_everywhere(everywhere):
    opened = Desk(everywhere)
    yield opened
    opened.close()


@pytest.fixture
def pc(desk):
    made = Pc(desk)
    assert made.enrol().status_code == 200
    return made


def iso(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refused(answer):
    return (
        answer.status_code == 401
        and answer.data == b'{"error":"refused"}'
        and "Belldesk-Mac" not in answer.headers
    )


def test_keys_and_macs_are_those_of_the_contract():
    code, secret = bytes.fromhex(VECTORS["code_hex"]), bytes.fromhex(VECTORS["secret_hex"])
    assert agent_keys.shown(code) == VECTORS["code"]
    assert EnrolCode.lookup_of(code) == VECTORS["lookup"]
    assert agent_keys.enrol_key(code).hex() == VECTORS["enrol_key_hex"]
    nonces = (agent_keys.from_base64(VECTORS[f"{who}_nonce"]) for who in ("agent", "desk"))
    assert agent_keys.agent_secret(code, *nonces) == secret
    for one in VECTORS["requests"]:
        key, body = bytes.fromhex(one["key_hex"]), one["body"].encode()
        words = (one["method"], one["path"], one["time"], one["nonce"])
        assert agent_keys.request_mac(key, *words, body) == one["mac"]
    for one in VECTORS["answers"]:
        key, body = bytes.fromhex(one["key_hex"]), one["body"].encode()
        assert agent_keys.answer_mac(key, one["nonce"], one["status"], body) == one["mac"]
    for one in VECTORS["commands"]:
        words = (one["id"], one["verb"], one["expires"], one["params"])
        assert agent_keys.command_mac(bytes.fromhex(one["secret_hex"]), *words) == one["mac"]


def test_a_report_becomes_a_computer_with_its_account_address_and_history(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    assert pc.enrol().json["state"] == "active"
    answer = pc.report(on_it(), facts=FACTS, facts_sha256="a" * 64)
    assert (answer.json["period"], answer.json["commands"]) == (60, [])
    pc.report(on_it(), facts_sha256="a" * 64)
    desk.settle()
    computer = desk.one(Computer)
    assert (computer.serial, computer.name, computer.state) == ("CZC1234", "PC-7", "up")
    assert (computer.account_name, computer.address) == ("ACME\\marie", "10.1.2.3")
    assert computer.facts["remote"][0]["tool"] == "rdp"
    assert {"pc-7", "czc1234", "marie", "10.1.2.3", "acme"} <= set(
        computer.search.replace("\\", " ").split()
    )
    use, address = desk.one(ComputerUse), desk.one(AddressUse)
    assert (str(use.account), use.kind, use.until) == ("ACME\\marie", "console", None)
    assert (address.address, address.until) == ("10.1.2.3", None)


def test_facts_are_asked_for_when_they_are_unknown(desk, pc):
    assert pc.report(facts_sha256="b" * 64).json["facts"] is True
    pc.report(facts=FACTS, facts_sha256="b" * 64)
    desk.settle()
    assert pc.report(facts_sha256="b" * 64).json["facts"] is False
    assert desk.one(Computer).os_name == "Windows 11 Pro"


def test_a_renamed_computer_keeps_its_history(desk, pc):
    pc.report(on_it())
    pc.report(on_it(), facts={**FACTS, "identity": {**IDENTITY, "name": "PC-8"}})
    desk.settle()
    assert desk.one(Computer).name == "PC-8"
    assert len(desk.all(ComputerUse)) == 1


def test_one_account_however_it_is_written_and_another_in_another_domain(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    for domain, name in (("ACME", "marie"), ("", "Marie@acme.example"), ("acme", "MARIE")):
        pc.report(on_it(name, domain))
    desk.settle()
    assert [str(one) for one in desk.all(Account)] == ["ACME\\marie"]
    assert len(desk.all(ComputerUse)) == 1
    pc.report(on_it("marie", "OTHER"))
    desk.settle()
    assert [str(one) for one in desk.all(Account)] == ["ACME\\marie", "OTHER\\marie"]
    first, second = desk.all(ComputerUse)
    assert first.until is not None
    assert second.until is None
    assert desk.one(Computer).account_name == "OTHER\\marie"


def test_who_left_is_no_longer_on_it(desk, pc):
    pc.report(on_it())
    pc.report()
    desk.settle()
    assert desk.one(ComputerUse).until is not None
    computer = desk.one(Computer)
    assert (computer.account_id, computer.account_name) == (None, "")


def test_the_one_before_the_screen_is_shown_first(desk, pc):
    pc.report(on_it("remi", kind="remote"), on_it())
    desk.settle()
    assert desk.one(Computer).account_name == "ACME\\marie"
    assert len(desk.all(ComputerUse)) == 2


def test_the_past_is_filled_in_with_its_true_times(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    now = utcnow()
    minutes = [now - timedelta(minutes=minute) for minute in range(90, 30, -1)]
    pc.report(on_it())
    desk.settle()
    past = [{"at": iso(at), "beat": beat(on_it("joao"), address="10.9.9.9")} for at in minutes]
    pc.report(on_it(), past=past)
    desk.settle()
    joao = next(use for use in desk.all(ComputerUse) if use.account.name == "joao")
    assert abs(joao.since - minutes[0]) < timedelta(seconds=1)
    assert abs(joao.until - minutes[-1]) < timedelta(seconds=1)
    old = next(one for one in desk.all(AddressUse) if one.address == "10.9.9.9")
    assert abs(old.until - minutes[-1]) < timedelta(seconds=1)
    computer = desk.one(Computer)
    assert (computer.account_name, computer.address) == ("ACME\\marie", "10.1.2.3")


def test_a_line_of_the_session_log_is_kept_once(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    at = (utcnow() - timedelta(seconds=2)).replace(microsecond=250_000)
    lines = [
        {"uid": f"s{n}", "at": iso(at - timedelta(minutes=n)), "id": 21, "source": "windows",
         "account": "ACME\\marie", "session": "1", "address": "LOCAL", "message": "one\ntwo"}
        for n in range(300)
    ]  # fmt: skip
    pc.report(events=lines)
    pc.report(events=lines[:50])
    desk.settle()
    pc.report(events=lines)
    desk.settle()
    assert db.session.scalar(select(func.count()).select_from(SessionEvent)) == 300
    assert {event.message for event in desk.all(SessionEvent)} == {"one two"}
    assert pc.report().json["events_since"] == iso(at)


def test_a_computer_whose_serial_is_that_of_thousands_is_known_by_its_uuid(desk):
    uuid = "4c4c4544-0035-3510-8052-b4c04f4e3732"
    for name in ("A", "B"):
        same = {**IDENTITY, "serial": "To be filled by O.E.M.", "name": name}
        Pc(desk, identity={**same, "uuid": uuid if name == "B" else ""}).enrol()
    assert [one.serial for one in desk.all(Computer)] == [None, None]
    again = Pc(desk, identity={**IDENTITY, "serial": "None", "uuid": uuid.upper()})
    assert again.enrol().json["state"] == "review"
    assert len(desk.all(Computer)) == 2


def test_a_known_computer_that_enrols_again_waits_for_a_person(desk, pc):
    pc.report(on_it())
    other = Pc(desk)
    assert other.enrol().json["state"] == "review"
    answer = other.report(on_it("eve"))
    assert (answer.status_code, answer.json["commands"]) == (200, [])
    desk.settle()
    assert desk.one(Computer).account_name == "ACME\\marie"
    enrolling.accept(other.agent())
    db.session.commit()
    assert refused(pc.report(on_it()))
    other.report(on_it("eve"))
    desk.settle()
    assert desk.one(Computer).account_name == "ACME\\eve"


def test_a_computer_whose_agent_was_revoked_comes_in_again_at_once(desk, pc):
    enrolling.revoke(pc.agent())
    db.session.commit()
    assert refused(pc.report())
    assert Pc(desk).enrol().json["state"] == "active"
    assert len(desk.all(Computer)) == 1


def test_a_computer_of_another_company_is_not_taken_over_by_its_serial(desk, pc):
    enrolling.revoke(pc.agent())
    there = Site(company=Company(name="Other"), name="There")
    there.new_key()
    db.session.add(there)
    db.session.commit()
    desk.site = there
    assert Pc(desk).enrol().json["state"] == "review"
    assert desk.one(Computer).site.name == "Lisbon"


def test_a_code_works_once_and_a_second_use_alarms(desk, pc):
    again = Pc(desk, code=pc.code)
    assert refused(again.enrol())
    assert refused(again.enrol())
    alert = desk.one(Alert)
    assert (alert.kind, alert.times, alert.site_id) == ("code_twice", 2, desk.site.id)
    assert len(desk.all(Agent)) == 1


def test_two_that_use_a_code_in_the_same_moment_are_one_agent(desk):
    code = desk.code()
    known = desk.door.lookup.code(EnrolCode.lookup_of(code))
    said = agent_messages.Enrolment(
        agent_keys.to_base64(secrets.token_bytes(32)),
        agent_messages.identity(IDENTITY),
        agent_messages.system({}),
        "0.1.0",
    )
    agent_enrol.enrol(desk.app, known, code, said, "127.0.0.1")
    with pytest.raises(agent_enrol.RefusedError):
        agent_enrol.enrol(desk.app, known, code, said, "127.0.0.1")
    assert len(desk.all(Agent)) == 1


def test_a_code_that_has_expired_opens_nothing(desk):
    code = desk.code()
    desk.one(EnrolCode).expires_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    assert refused(Pc(desk, code=code).enrol())
    assert desk.all(Computer) == desk.all(Alert) == []


def test_a_code_from_another_network_opens_nothing_and_is_not_used_up(desk):
    code = desk.code(network="10.1.0.0/16")
    assert refused(Pc(desk, code=code, address="10.2.0.1").enrol())
    assert desk.one(Alert).kind == "code_elsewhere"
    assert Pc(desk, code=code, address="10.1.0.1").enrol().status_code == 200


def test_a_code_and_its_secret_are_nowhere_in_clear(desk, pc, config):
    pc.report(on_it())
    desk.settle()
    stored = b"".join(file.read_bytes() for file in config.instance.glob("belldesk.sqlite3*"))
    for secret in (pc.code, pc.code.hex().encode(), agent_keys.shown(pc.code).encode()):
        assert secret not in stored
    assert pc.key not in stored
    assert pc.key.hex().encode() not in stored
    assert "•••" in str([row.changes for row in desk.all(AuditEntry) if row.entity == "Agent"])


def test_what_was_sent_once_is_refused_the_second_time(desk, pc):
    body = json.dumps({"v": 1, "seq": 1, "boot": "b", "beat": beat(on_it())}).encode()
    headers = pc.signed(REPORT, body)
    assert pc.send(REPORT, body, headers).status_code == 200
    assert refused(pc.send(REPORT, body, headers))


def test_another_process_takes_nothing_from_what_it_has_heard_already(desk, pc):
    """Its memory of nonces is its own; the number of the message is in the database."""
    pc.report(on_it())
    desk.settle()
    pc.seq -= 1
    queue(pc, "message", {"text": "hello"})
    assert pc.report(on_it("eve")).json["commands"] == []
    desk.settle()
    assert desk.one(Computer).account_name == "ACME\\marie"
    assert desk.one(Command).state == "queued"


@pytest.mark.parametrize("change", ["body", "mac", "time", "nonce", "path", "agent", "no mac"])
def test_a_message_that_was_touched_is_refused(desk, pc, change):
    other = Pc(desk, identity={**IDENTITY, "serial": "OTHER1"})
    other.enrol()
    body = json.dumps({"v": 1, "seq": 1, "boot": "b", "beat": beat()}).encode()
    path, headers = REPORT, pc.signed(REPORT, body)
    if change == "body":
        body = body.replace(b"10.1.2.3", b"10.1.2.4")
    elif change == "path":
        path = WAIT
    elif change == "agent":
        headers["Belldesk-Agent"] = other.name
    elif change == "no mac":
        del headers["Belldesk-Mac"]
    else:
        name = f"Belldesk-{change.title()}"
        headers[name] = ("0" if headers[name][-1] != "0" else "1").join((headers[name][:-1], ""))
    assert refused(pc.send(path, body, headers))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Belldesk-Agent", "x"),
        ("Belldesk-Agent", "A" * 26),
        ("Belldesk-Agent", "' OR 1=1 --" + "A" * 20),
        ("Belldesk-Time", "nan"),
        ("Belldesk-Time", "1e9"),
        ("Belldesk-Nonce", "zz"),
        ("Belldesk-Mac", "é" * 64),
    ],
)
def test_odd_headers_are_refused_alike(desk, pc, name, value):
    body = b'{"v":1}'
    headers = pc.signed(WAIT, body) | {name: value.encode().decode("latin-1")}
    assert refused(pc.send(WAIT, body, headers))


def test_the_methods_and_addresses_that_are_none_are_refused_alike(desk, pc):
    for method, path in (
        ("GET", REPORT),
        ("PUT", REPORT),
        ("POST", "/agent/v1/x"),
        ("GET", "/agent/"),
    ):
        assert refused(desk.client.open(path, method=method))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_whoever_has_the_key_is_told_that_its_clock_is_wrong(desk, pc, minutes):
    nonce = secrets.token_hex(16)
    answer = pc.post(REPORT, {"v": 1}, at=time.time() + minutes * 60, nonce=nonce)
    assert (answer.status_code, answer.json["error"]) == (401, "clock")
    assert believes(pc, answer, nonce)
    told = datetime.fromisoformat(answer.json["now"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)
    stranger = Pc(desk)
    stranger.name = pc.name
    assert refused(stranger.post(REPORT, {"v": 1}, at=time.time() + minutes * 60))


def test_every_answer_proves_that_the_desk_has_the_key(desk, pc):
    nonce = secrets.token_hex(16)
    good = {"v": 1, "seq": 9, "boot": "b", "beat": beat()}
    assert believes(pc, pc.post(REPORT, good, nonce=nonce), nonce)
    nonce = secrets.token_hex(16)
    bad = pc.post(REPORT, b"{", nonce=nonce)
    assert bad.status_code == 400
    assert believes(pc, bad, nonce)


def test_gzip_is_understood_and_a_bomb_is_not_unpacked(desk, pc):
    good = {"v": 1, "seq": 9, "boot": "b", "beat": beat(on_it())}
    assert pc.post(REPORT, good, pack=True).status_code == 200
    bomb = gzip.compress(b"0" * (64 << 20), 9)
    assert len(bomb) < agent_messages.LONGEST
    headers = {"Content-Encoding": "gzip"} | pc.signed(REPORT, bomb)
    started = time.monotonic()
    answer = pc.send(REPORT, bomb, headers)
    assert (answer.status_code, "larger" in answer.json["error"]) == (400, True)
    assert time.monotonic() - started < 2
    for body in (b"no gzip", gzip.compress(b"{}")[:-5], gzip.compress(b"{}") + b"more"):
        headers = {"Content-Encoding": "gzip"} | pc.signed(REPORT, body)
        assert pc.send(REPORT, body, headers).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b"{}",
        b'{"v":2}',
        b'{"v":1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"v":1,"seq":NaN,"boot":"b"}',
        b'{"v":1,"seq":' + b"9" * 5000 + b',"boot":"b"}',
        b'{"v":1,"seq":99999999999,"boot":"b"}',
        b'{"v":1,"seq":true,"boot":"b"}',
        b"\xff\xfe",
    ],
    ids=lambda body: body[:12],
)
def test_what_is_no_message_is_a_400_and_breaks_nothing(desk, pc, body):
    assert pc.post(REPORT, body).status_code == 400
    assert pc.report().status_code == 200


def test_a_body_that_is_too_long_is_not_read(desk, pc):
    body = b" " * (agent_messages.LONGEST + 1)
    assert refused(pc.send(REPORT, body, pc.signed(REPORT, body)))


STRANGE = [
    None, 1, "x", [], {}, [[]], [None], [{}], {"a": 1}, "\x00", "\ud800", 10**30, -1, 1.5, True,
    "9999-99-99", [{"address": "x"}], [{"name": "\x00\ud800"}], [{"uid": "u", "id": 2**40}],
    [{"domain": 1, "name": ["x"], "kind": 7, "since": "x"}],
    [{"name": "n" * 5000, "domain": "d" * 5000}], [{"address": "a" * 5000, "reaches": "yes"}],
]  # fmt: skip


def test_odd_values_inside_a_message_are_left_out_in_every_database(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk, identity=dict.fromkeys(IDENTITY, "\x00�" + "x" * 500))
    assert pc.enrol().status_code == 200
    for odd in STRANGE:
        names = ("addresses", "accounts", "booted_at", "locked")
        answer = pc.report(
            beat=dict.fromkeys(names, odd), facts=odd, facts_sha256=odd, past=odd, events=odd,
            results=odd,
        )  # fmt: skip
        assert answer.status_code == 200, odd
        pc.report(facts={"identity": odd, "os": odd, "more": {"\x00": odd}}, facts_sha256="c" * 64)
        pc.report(events=[dict.fromkeys(("uid", "at", "id", "source", "message"), odd)])
    pc.report(on_it())
    desk.settle()
    assert desk.door.log.dropped == 0
    assert pc.computer().account_name == "ACME\\marie"


def test_two_machines_with_one_identity_are_flagged(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    first, second = "1" * 16, "2" * 16
    pc.boot = first
    pc.report()
    pc.boot = second
    pc.report()
    desk.settle()
    assert pc.agent().clone_at is None  # it was started again
    pc.boot = first
    pc.report()
    desk.settle()
    assert pc.agent().clone_at is not None
    alert = desk.one(Alert)
    assert (alert.kind, alert.params["name"]) == ("clone", "PC-7")


def test_an_agent_that_is_often_started_again_is_no_clone(desk, pc):
    for number in range(8):
        pc.boot = f"{number:016x}"[::-1]
        pc.report()
        pc.report()
    desk.settle()
    assert pc.agent().clone_at is None
    assert desk.all(Alert) == []


def queue(pc, verb, params, seconds=60):
    command = Command(
        number=secrets.token_hex(8), computer_id=pc.agent().computer_id, verb=verb, params=params,
        expires_at=utcnow() + timedelta(seconds=seconds),
    )  # fmt: skip
    db.session.add(command)
    db.session.commit()
    return command.number


def test_a_command_goes_out_once_signed_and_its_result_comes_back(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    number = queue(pc, "message", {"title": "Bonjour", "text": "é"})
    queue(pc, "open", {"program": "calc"}, seconds=-1)
    (told,) = pc.report().json["commands"]
    words = (told["id"], told["verb"], told["expires"], told["params"])
    assert agent_keys.command_mac(pc.key, *words) == told["mac"]
    assert (told["id"], told["params"]["text"]) == (number, "é")
    assert pc.report().json["commands"] == []
    pc.report(results=[{"command": number, "state": "done", "result": {"shown": True}}])
    desk.settle()
    first, expired = desk.all(Command)
    assert (first.state, first.result, expired.state) == ("done", {"shown": True}, "expired")
    pc.report(results=[{"command": number, "state": "failed", "result": {}}])
    desk.settle()
    assert desk.all(Command)[0].state == "done"


def test_a_computer_cannot_end_the_command_of_another(desk, pc):
    other = Pc(desk, identity={**IDENTITY, "serial": "OTHER1"})
    other.enrol()
    number = queue(pc, "message", {})
    other.report(results=[{"command": number, "state": "done", "result": {}}])
    desk.settle()
    assert desk.one(Command).state == "queued"


def test_waiting_ends_as_soon_as_there_is_a_command(desk, pc):
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(pc.post(WAIT, {"v": 1})))
    started = time.monotonic()
    waiting.start()
    time.sleep(0.5)
    assert answers == []
    queue(pc, "message", {})
    waiting.join(10)
    assert [len(answer.json["commands"]) for answer in answers] == [1]
    assert time.monotonic() - started < 5


def test_who_finds_no_place_to_wait_is_answered_at_once(desk, pc, monkeypatch):
    monkeypatch.setattr("webapp.doors.agents.HOLD", 1.0)
    desk.door.waiting = agent_commands.Waiting(desk.door.lookup, 1)
    held = threading.Thread(target=lambda: pc.post(WAIT, {"v": 1}))
    held.start()
    time.sleep(0.3)
    started = time.monotonic()
    answer = pc.post(WAIT, {"v": 1})
    assert (answer.json["commands"], answer.json["retry"]) == ([], 5)
    assert time.monotonic() - started < 0.5
    held.join(10)
    assert pc.post(WAIT, {"v": 1}).json.get("retry") is None


def test_a_nonce_is_remembered_as_long_as_its_time_is_believed():
    now = [0.0]
    nonces = Nonces(300, lambda: now[0])
    assert nonces.is_new("a", "n")
    now[0] = 599.0
    assert not nonces.is_new("a", "n")
    assert nonces.is_new("b", "n")
    now[0] = 1600.0
    assert nonces.is_new("a", "n")


def test_what_cannot_be_opened_is_answered_with_later_and_not_with_why(desk, pc):
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE agents SET secret = x'00'")
    answer = pc.report()
    assert (answer.status_code, answer.data) == (503, b"")


def test_the_door_is_closed_where_it_is_not_opened(config):
    app = mount(create_app(replace(config, doors=frozenset({"people"}))))
    assert app.test_client().post(ENROL, data=b"{}").status_code in (404, 422)


def test_titles_are_never_stored_where_the_company_hides_them(desk_everywhere):
    desk = desk_everywhere
    pc = Pc(desk)
    pc.enrol()
    window = {"id": 1, "title": "Letter to Ann", "program": "writer"}
    stayed = {**window, "why": "It asks first: “Save Letter to Ann?”"}
    told = {"closed": [window], "stayed": [stayed]}
    numbers = []
    for hides in (True, False):
        pc.computer().site.company.hide_titles = hides
        db.session.commit()
        numbers.append(queue(pc, "close_all", {}))
        pc.report()
        pc.report(results=[{"command": numbers[-1], "state": "done", "result": told}])
        desk.settle()
    hidden, shown = desk.all(Command)
    assert "Ann" not in str(hidden.result)
    assert hidden.result["stayed"][0]["why"] == "It asks first."
    assert shown.result == told
