import hashlib
import json
import ssl
import subprocess
import time

import pytest

from agent.client import Client, split
from agent.enrol import enrol
from agent.errors import (
    AgentError,
    NotBelievedError,
    RefusedError,
    UnreachableError,
)
from tests.agent.desk import Desk, serving
from tests.daemons import free_port, need

REQUEST = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
FACTS = {"identity": {"name": "PC-17", "serial": "S1"}, "os": {"system": "Linux"}}


def client_of(desk, certificate=""):
    name, secret = desk.new_agent()
    return Client(desk.url, name, secret, certificate)


def test_a_signed_message_gets_a_signed_answer(desk):
    answer = client_of(desk).post("/agent/v1/report", {"v": 1, "beat": {}})
    assert answer["period"] == 1
    assert desk.reports == [{"v": 1, "beat": {}}]


def test_a_long_message_travels_packed(desk):
    client_of(desk).post("/agent/v1/report", {"v": 1, "text": "x" * 100_000})
    assert len(desk.reports[0]["text"]) == 100_000


def test_an_answer_that_nobody_signed_is_not_believed(desk):
    desk.lie = True
    with pytest.raises(NotBelievedError):
        client_of(desk).post("/agent/v1/report", {"v": 1})


def test_an_answer_changed_on_the_way_is_not_believed(desk, monkeypatch):
    client = client_of(desk)
    send = client._send

    def change(*arguments):
        status, mac, body = send(*arguments)
        return status, mac, body.replace(b'"period": 1', b'"period": 9')

    monkeypatch.setattr(client, "_send", change)
    with pytest.raises(NotBelievedError):
        client.post("/agent/v1/report", {"v": 1})


def test_a_stranger_is_refused_and_told_so(desk):
    with pytest.raises(RefusedError, match="unknown, used, expired or revoked"):
        Client(desk.url, "C" * 26, bytes(32)).post("/agent/v1/report", {"v": 1})


def test_a_desk_that_is_down_or_absent_is_unreachable(desk):
    client = client_of(desk)
    desk.down = True
    with pytest.raises(UnreachableError, match="503"):
        client.post("/agent/v1/report", {"v": 1})
    with pytest.raises(UnreachableError):
        Client(f"http://127.0.0.1:{free_port()}", "A" * 26, bytes(32)).post("/x", {})


def test_a_wrong_clock_is_put_right_by_the_desk_s_word(desk):
    desk.behind = 7200
    client = client_of(desk)
    client.post("/agent/v1/report", {"v": 1})
    assert len(desk.reports) == 1
    assert abs(client.now() - (time.time() - 7200)) < 5


def test_an_unsigned_word_does_not_move_the_clock(desk, monkeypatch):
    client = client_of(desk)
    body = json.dumps({"error": "clock", "now": "2031-01-01T00:00:00.000Z"}).encode()
    monkeypatch.setattr(client, "_send", lambda *_: (401, "", body))
    with pytest.raises(RefusedError):
        client.post("/agent/v1/report", {"v": 1})
    assert client.offset == 0


@pytest.mark.parametrize(
    "url", ["desk.example.net", "ftp://desk", "https://desk/path", "http://a:b@desk", "http://h:x"]
)
def test_an_address_that_cannot_be_is_refused(url):
    with pytest.raises(AgentError, match=r"address|host and"):
        split(url)


def test_a_certificate_is_pinned_over_tls_only():
    with pytest.raises(AgentError, match="https"):
        Client("http://desk", "A", b"", "ab" * 32)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    need("openssl")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("desk", "other"):
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
                "-keyout",
                f"{name}.key",
                "-out",
                f"{name}.pem",
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    return folder


def fingerprint(path):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


def test_the_pinned_certificate_is_enough_and_no_other_will_do(certificates):
    pair = [str(certificates / name) for name in ("desk.pem", "desk.key")]
    with serving(Desk(), tls=pair) as desk:
        client = client_of(desk, fingerprint(certificates / "desk.pem"))
        client.post("/agent/v1/report", {"v": 1})
        client.certificate = fingerprint(certificates / "other.pem")
        with pytest.raises(NotBelievedError, match="another certificate"):
            client.post("/agent/v1/report", {"v": 1})
        with pytest.raises(UnreachableError):  # nothing pinned: a certificate of one's own is none
            client_of(desk).post("/agent/v1/report", {"v": 1})
        assert len(desk.reports) == 1


def test_enrolling_keeps_a_secret_that_never_travelled(desk, state):
    assert enrol(state, desk.url, desk.new_code(), "", FACTS) == "active"
    kept = state.agent()
    client = Client(desk.url, kept["agent"], desk.agents[kept["agent"]])
    client.post("/agent/v1/report", {"v": 1})
    assert desk.enrolled["identity"] == FACTS["identity"]
    assert kept["secret"] not in json.dumps(desk.enrolled)
    assert (state.folder / "agent.json").stat().st_mode & 0o777 == 0o600


def test_a_code_works_once(desk, state, tmp_path):
    code = desk.new_code()
    enrol(state, desk.url, code, "", FACTS)
    with pytest.raises(RefusedError):
        enrol(state, desk.url, code, "", FACTS, again=True)
    assert state.agent()["agent"] in desk.agents


def test_an_enrolled_computer_is_enrolled_again_only_on_purpose(desk, state):
    enrol(state, desk.url, desk.new_code(), "", FACTS)
    with pytest.raises(AgentError, match="--again"):
        enrol(state, desk.url, desk.new_code(), "", FACTS)
