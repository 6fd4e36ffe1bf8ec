"""The self-test against real doors: a WSGI server and a TFTP server, on sockets."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from tests.webapp.test_provision import make_phone
from webapp import create_app
from webapp.audit import acting_as
from webapp.cli import main
from webapp.doors import mount
from webapp.doors.tftp import tftp_server
from webapp.extensions import db, utcnow
from webapp.jobs.queue import TASKS
from webapp.models import Alert, AuditEntry, Ban, Fetch, Phone, SelfTest, Site, Stray
from webapp.selftest import attacks, services, settings
from webapp.selftest.checks import CHECKS, score
from webapp.selftest.decoys import LABEL, LOCAL, decoys
from webapp.selftest.doors import DoorError, Doors


class Quiet(WSGIRequestHandler):
    def log_message(self, *words):
        pass


@contextmanager
def web(wsgi):
    server = make_server("127.0.0.1", 0, wsgi, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(app):
    """Both doors of this installation: the address of the one, host and port of the other."""
    config = app.extensions["belldesk"]
    app.extensions["belldesk"] = replace(config, tftp_host="127.0.0.1", tftp_port=0)
    stop, tftp = threading.Event(), tftp_server(app)
    thread = threading.Thread(target=tftp.serve, args=(stop,), daemon=True)
    thread.start()
    with web(mount(app)) as url:
        yield url, f"127.0.0.1:{tftp.port}"
    stop.set()
    thread.join(10)
    app.extensions["belldesk"] = config


@pytest.fixture
def attacked(app):
    def attack(policy="armed", networks=None):
        site = db.session.scalar(select(Site))
        site.policy, site.networks = policy, networks or site.networks
        with acting_as("tests"):
            db.session.commit()
            with opened(app) as (url, tftp):
                test = services.create(url, tftp)
                services.run(test)
        return test, {row["key"]: row for row in test.findings}

    return attack


def test_the_usual_policy_gives_nothing_away(attacked):
    test, found = attacked()
    told = {key: row["message"] % row["params"] for key, row in found.items() if not row["passed"]}
    assert test.state == "done"
    assert told.keys() <= {"encrypted", "cookies", "timing"}, told
    assert "bootstrap" not in found and found["neighbours"]["params"]["tries"] == 64


def test_what_a_policy_opens_is_found_and_named(attacked):
    _, found = attacked("lan")
    for key in ("closed_window", "over_tftp"):
        assert found[key]["passed"] is False and "policy" in found[key]["remedy"]
    assert found["other_phones_key"]["passed"] and found["path_tricks"]["passed"]


def test_a_strict_sites_open_window_holds_no_secret(attacked):
    _, found = attacked("strict")
    assert found["bootstrap"]["passed"] is True and found["closed_window"]["passed"] is True
    short = select(func.count(Fetch.id)).where(Fetch.status == 200, Fetch.revision_id.is_(None))
    assert db.session.scalar(short) == 1, "the window stood open, or it proved nothing"


def test_a_site_that_is_open_to_the_internet_is_named(attacked):
    _, found = attacked(networks="0.0.0.0/0")
    assert found["networks"]["params"]["sites"] == "Acme / Lisbon"


def test_a_site_whose_phones_certificates_never_arrive_is_named(attacked, app):
    db.session.scalar(select(Site)).certificate_required = True
    test, found = attacked()
    assert test.state == "done" and found["decoys"]["passed"] is None
    row = found["certificates"]
    assert (row["passed"], row["params"]) == (False, {"sites": "Acme / Lisbon"})
    header = {"client_cert_header": "X-Cert", "trusted_proxies": 1}
    app.extensions["belldesk"] = replace(app.extensions["belldesk"], **header)
    assert [row["passed"] for row in settings.sites() if row["key"] == "certificates"] == [True]


def test_phones_that_wait_for_whoever_comes_first_are_counted(attacked):
    for number in range(12):
        phone = make_phone(f"0c383e0000{number:02x}", pinned_network="10.0.0.0/24")
        phone.armed_until = utcnow() + timedelta(hours=1)
    db.session.commit()
    assert attacked()[1]["windows"]["passed"] is True
    db.session.execute(update(Phone).values(pinned_network=None))
    assert attacked()[1]["windows"]["params"] == {"armed": 12, "total": 12}


def test_the_walk_raises_an_alarm_and_leaves_neither_alert_nor_ban(attacked):
    _, found = attacked()
    assert found["alarm"]["passed"] is True
    assert db.session.scalar(Alert.waiting()) == 0
    assert db.session.scalar(select(func.count(Ban.id))) == 0


def test_an_alert_about_a_decoy_that_is_written_late_is_closed_too(app, monkeypatch):
    def raised():
        db.session.add(Alert(kind="closed_window", source=pair[0].mac, message="its window"))
        db.session.commit()

    site, late = db.session.scalar(select(Site)), [raised]
    monkeypatch.setattr(services.time, "sleep", lambda _: late.pop()() if late else None)
    with acting_as("tests"), decoys(site) as pair:
        started = utcnow()
        raised()
        services.clean_up(pair, started)
    assert not late
    assert db.session.scalar(Alert.waiting()) == 0


def test_nothing_is_left_of_it_but_the_log(attacked):
    attacked()
    assert db.session.scalar(select(func.count(Phone.id))) == 0
    assert db.session.scalar(Stray.waiting()) == 0
    text = " ".join(str(entry.changes) for entry in db.session.scalars(select(AuditEntry)))
    assert "password" not in text or "•••" in text


def test_a_door_that_leaks_loses_points(app):
    """A cache that ignores keys, an error page of its own, a file server beside it."""
    door = mount(app)
    kept = {}

    def leaky(environ, start_response):
        name = environ["PATH_INFO"].rsplit("/", 1)[-1]
        if name in kept:
            start_response("200 OK", [("Content-Type", "text/xml")])
            return [kept[name]]
        said = []

        def remember(status, headers, *rest):
            said.append(status)
            start_response(status, headers)

        body = b"".join(door(environ, remember))
        if said[0].startswith("200") and environ["PATH_INFO"].startswith("/p/"):
            kept[name] = body
        return [body]

    site = db.session.scalar(select(Site))
    with acting_as("tests"), web(leaky) as url:
        test = services.create(url, "")
        test.tftp = ""
        services.run(test)
    found = {row["key"]: row for row in test.findings}
    assert found["other_phones_key"]["passed"] is False, site
    assert found["over_tftp"]["passed"] is None and test.score < 90


def test_a_door_that_is_not_there_cannot_be_tested(app):
    with acting_as("tests"):
        test = services.create("http://127.0.0.1:9", "127.0.0.1:9")
        services.run(test)
    assert (test.state, test.score) == ("failed", None)
    assert db.session.scalar(select(func.count(Phone.id))) == 0


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://", "file:///etc/passwd"])
def test_only_an_address_of_a_web_server_is_attacked(url):
    with pytest.raises(DoorError):
        Doors(url, None)


def test_decoys_go_though_the_attack_ends_in_an_error_and_those_of_a_killed_one_too(everywhere):
    site = db.session.scalar(select(Site))
    with acting_as("tests"):
        with pytest.raises(RuntimeError), decoys(site) as (one, two):
            assert one.mac.startswith(LOCAL) and one.mac != two.mac and one.key != one.old_key
            raise RuntimeError
        db.session.add(
            Phone(mac="06aabbccddee", model="fanvil-x1sg", site=site, label=LABEL,
                  admin_password="a", user_password="b", menu_pin="1")
        )  # fmt: skip
        db.session.commit()
        with decoys(site):
            assert db.session.scalar(Phone.with_mac("06aabbccddee")) is None
    assert db.session.scalar(select(func.count(Phone.id))) == 0


def test_a_real_phone_is_never_taken_for_a_decoy(app):
    site = db.session.scalar(select(Site))
    with acting_as("tests"):
        db.session.add(
            Phone(mac="0c383e000001", model="fanvil-x1sg", site=site, label=LABEL,
                  admin_password="a", user_password="b", menu_pin="1")
        )  # fmt: skip
        db.session.commit()
        with decoys(site):
            pass
    assert db.session.scalar(Phone.with_mac("0c383e000001")) is not None


def test_each_check_counts_once_with_its_worst_site():
    def row(key, passed, weight=10):
        return {"key": key, "passed": passed, "weight": weight}

    assert score([row("a", True), row("a", False), row("b", True)]) == 50
    assert score([row("a", True), row("b", None)]) == 100
    assert score([row("a", None)]) == 0 and score([]) == 0
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_refusals_that_differ_are_told_apart():
    class Saying:
        def __init__(self, *statuses):
            self.statuses = iter(statuses)

        def get(self, path):
            return attacks.Reply(next(self.statuses), (), b"", 0.0)

    decoy = type("D", (), {"mac": "06aabbccddee", "file": "06aabbccddee.cfg", "site_key": "s",
                           "key": "k", "old_key": "o"})()  # fmt: skip
    alike = attacks.equality(Saying(404, 404, 404, 404, 404, 404), decoy, decoy)
    differing = attacks.equality(Saying(404, 403, 404, 200, 404, 404), decoy, decoy)
    assert (alike.leaks, differing.leaks) == (0, 1)
    assert differing.told == {"causes": "wrong key"}


def test_a_door_that_cannot_be_tested_is_no_clean_sheet(alice):
    db.session.add(SelfTest(url="http://x", state="failed", message="refused", findings=[]))
    with acting_as("tests"):
        db.session.commit()
    page = alice.get("/selftest/").text
    assert "BELLDESK_BASE_URL" in page
    assert "To change" not in page


def test_the_page_starts_one_and_shows_it(alice, app):
    assert "Attack your own doors" in alice.get("/selftest/").text
    assert alice.post("/selftest/").status_code == 303
    test = db.session.scalar(SelfTest.newest_first())
    assert (test.state, test.user.name) == ("queued", "alice")
    assert "attacks made so far" in alice.get("/selftest/").text
    alice.post("/selftest/")
    assert db.session.scalar(select(func.count(SelfTest.id))) == 1
    with opened(app) as (url, tftp):
        test.url, test.tftp = url, tftp
        db.session.commit()
        TASKS["selftest"].perform(test.id)
    text = alice.get("/selftest/").text
    assert "of 100" in text and "BELLDESK_BASE_URL" in text
    TASKS["selftest"].perform(test.id)  # called again it does nothing
    assert "held" in text and "every 1s" not in text


def test_a_test_whose_worker_died_is_taken_up_again(app):
    with acting_as("tests"):
        test = services.create("http://127.0.0.1:9", "")
        test.state = "running"
        db.session.commit()
    assert list(TASKS["selftest"].unfinished(utcnow())) == [test.id]


def test_who_may_not_change_settings_may_look_but_not_attack(carol, bob):
    assert carol.get("/selftest/").status_code == 403
    assert bob.get("/selftest/").status_code == 200
    assert carol.post("/selftest/").status_code == 403


def test_the_command_prints_a_score_and_fails_below_the_wanted_one(tmp_path, monkeypatch, config):
    app = create_app(config)
    monkeypatch.setenv("BELLDESK_INSTANCE", str(config.instance))
    monkeypatch.setenv("BELLDESK_KEYS", config.keys[0])
    monkeypatch.setenv("BELLDESK_ENV", "test")
    with opened(app) as (url, tftp):
        words = ["selftest", "--url", url, "--tftp", tftp]
        good = CliRunner().invoke(main, [*words, "--fail-under", "50", "--json"])
        bad = CliRunner().invoke(main, words)
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["score"] >= 50
    assert bad.exit_code == 1 and "Score:" in bad.output
    broken = CliRunner().invoke(main, ["selftest", "--url", "http://127.0.0.1:9", "--tftp", ""])
    assert broken.exit_code == 2
