"""`belldesk login`, `remote` and `logout`, against a desk that listens on a real port."""

import json
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from werkzeug.serving import make_server

from tests.conftest import PASSWORD
from tests.daemons import free_port
from tests.webapp.test_provision import make_phone
from webapp.cli import main, remote_desk
from webapp.cli import remote as remote_commands
from webapp.extensions import db
from webapp.imports import tasks
from webapp.models import ApiToken, Phone, Run, RunStep, SignIn

SHEET = "mac,ramal,senha,servidor\n0c383e000011,1001,Unmistakable1,pbx\n"


@pytest.fixture
def config(config):
    return replace(config, token_seconds=600)


@contextmanager
def listening(server):
    """Serve beside the test; daemonic, so that a test that breaks cannot hang the run."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def url(app):
    with listening(make_server("127.0.0.1", 0, app)) as address:
        yield address


@pytest.fixture
def belldesk(app, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(remote_commands, "PAUSE", 0.05)
    for name in ("BELLDESK_URL", "BELLDESK_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(*words, **how):
        result = CliRunner().invoke(main, list(words), **how)
        db.session.rollback()
        return result

    return run


@pytest.fixture
def signed_in(belldesk, url):
    """Bob at another machine."""
    done = sign_in(belldesk, url)
    assert done.exit_code == 0, done.output
    return belldesk


def sign_in(belldesk, url, *words, password=PASSWORD):
    words = words or ("--user", "bob", "--password-stdin")
    return belldesk("login", url, *words, input=f"{password}\n")


def tokens():
    return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id)))


def test_the_password_is_asked_for_without_an_echo(belldesk, url):
    done = belldesk("login", url + "/", "--name", "laptop", input=f"bob\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    assert [row.name for row in tokens()] == ["laptop"]
    assert json.loads(belldesk("remote", "me", "--json").output)["name"] == "bob"


def test_the_token_is_for_its_owners_eyes_only(signed_in):
    file = remote_desk.file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert PASSWORD not in file.read_text()
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_others_could_read_is_replaced_by_one_they_cannot(belldesk, url):
    file = remote_desk.file()
    file.parent.mkdir(parents=True)
    file.write_text('{"url": "http://127.0.0.1:1", "token": "x", "user": "bob"}')
    file.chmod(0o644)
    assert sign_in(belldesk, url).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_signing_in_again_revokes_the_token_that_is_replaced(signed_in, url):
    assert sign_in(signed_in, url).exit_code == 0
    assert [row.state for row in tokens()] == ["revoked", "active"]


def test_logout_revokes_the_token_on_the_desk_and_forgets_it(signed_in):
    assert signed_in("logout").exit_code == 0
    assert [row.state for row in tokens()] == ["revoked"]
    assert not remote_desk.file().exists()
    assert signed_in("remote", "me").exit_code == 3
    assert signed_in("logout").exit_code == 3


def test_a_token_that_was_revoked_on_the_desk_is_refused_with_its_words(signed_in):
    [row] = tokens()
    row.revoked_at = row.created_at
    db.session.commit()
    done = signed_in("remote", "phones")
    assert (done.exit_code, done.stderr) == (3, "Error: invalid or expired token\n")
    assert signed_in("logout").exit_code == 0
    assert not remote_desk.file().exists()


def test_in_the_test_environment_a_token_lasts_a_second(app, belldesk, url):
    app.extensions["belldesk"] = replace(app.extensions["belldesk"], token_seconds=0)
    assert sign_in(belldesk, url).exit_code == 0
    assert belldesk("remote", "me").exit_code == 0
    time.sleep(1.1)
    done = belldesk("remote", "me")
    assert (done.exit_code, done.stderr) == (3, "Error: invalid or expired token\n")


def test_a_wrong_password_is_refused_in_words_and_nothing_is_kept(belldesk, url):
    done = sign_in(belldesk, url, password="wrong")
    assert (done.exit_code, done.stderr) == (1, "Error: Wrong user name or password.\n")
    assert not remote_desk.file().exists()
    assert db.session.scalar(SignIn.newest_first()).reason == "wrong_password"


def test_a_desk_that_is_away_has_its_exit_code_and_keeps_the_token(belldesk, url, app):
    sign_in(belldesk, url)
    login = remote_desk.stored()
    remote_desk.keep(replace(login, url=f"http://127.0.0.1:{free_port()}"))
    for words in (("remote", "me"), ("logout",)):
        done = belldesk(*words)
        assert done.exit_code == 4
        assert "cannot be reached" in done.stderr
    assert remote_desk.file().exists()
    assert belldesk("logout", "--force").exit_code == 0
    assert not remote_desk.file().exists()


class Elsewhere(BaseHTTPRequestHandler):
    """Sends everybody to another address, and would note what they bring."""

    seen: list[str] = []

    def do_POST(self):
        self.seen.append(self.path)
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/stolen")
        self.end_headers()

    def log_message(self, *words):
        pass


def test_a_password_does_not_follow_a_redirect(belldesk):
    with listening(HTTPServer(("127.0.0.1", 0), Elsewhere)) as address:
        done = sign_in(belldesk, address)
    assert done.exit_code == 1
    assert "/stolen" in done.stderr
    assert Elsewhere.seen == ["/api/v1/token"]


@pytest.mark.parametrize(
    "address",
    ["desk.example.net", "ftp://desk", "https://", "https://a:b@desk", "file:///etc/passwd",
     "http://[::1", "https://desk/?x=1"],
)  # fmt: skip
def test_what_is_no_address_of_a_desk_is_wrong_use(belldesk, address):
    assert sign_in(belldesk, address).exit_code == 2


def test_a_site_that_is_no_desk_is_told_apart(belldesk, url):
    done = sign_in(belldesk, f"{url}/nothing")
    assert done.exit_code == 4
    assert "does not answer like a desk" in done.stderr


def test_the_environment_names_desk_and_token_for_scripts(belldesk, url, monkeypatch):
    sign_in(belldesk, url)
    login = remote_desk.stored()
    remote_desk.forget()
    monkeypatch.setenv("BELLDESK_URL", url)
    monkeypatch.setenv("BELLDESK_TOKEN", login.token)
    assert belldesk("remote", "me").exit_code == 0


def test_phones_are_listed_page_by_page(signed_in):
    for number in range(3):
        make_phone(f"0c383e00000{number}", label="[bold]Reception")
    assert "[bold]" in signed_in("remote", "phones").output.replace("\n", "")
    rows = json.loads(signed_in("remote", "phones", "--json").output)
    assert [row["mac"][-1] for row in rows] == ["0", "1", "2"]
    assert len(json.loads(signed_in("remote", "phones", "--json", "--limit", "2").output)) == 2
    words = ("--state", "never", "--site", "Lisbon", "--search", "0c383e000002")
    assert len(json.loads(signed_in("remote", "phones", "--json", *words).output)) == 1
    refused = signed_in("remote", "phones", "--site", "Atlantis")
    assert (refused.exit_code, refused.stderr) == (1, "Error: site: “Atlantis” is not known\n")


def test_a_run_is_started_and_its_failures_are_an_exit_code(signed_in, monkeypatch):
    make_phone()

    def work(seconds):
        step = db.session.scalar(select(RunStep))
        step.state, step.message = "failed", "It has no SIP server"
        db.session.get_one(Run, step.run_id).state = "ended"
        db.session.commit()

    monkeypatch.setattr(remote_commands.time, "sleep", work)
    done = signed_in("remote", "run", "--site", "Lisbon", "--watch")
    assert done.exit_code == 1
    assert "0c:38:3e:00:00:01: It has no SIP server" in done.output
    assert signed_in("remote", "run", "--mac", "0c383e0000ff").exit_code == 1
    for words in ((), ("--all", "--site", "Lisbon")):
        assert signed_in("remote", "run", *words).exit_code == 2


def test_a_list_is_imported(signed_in, tmp_path, monkeypatch):
    file = tmp_path / 'li"st é.csv'
    file.write_text(SHEET)
    words = ("remote", "import", str(file), "--model", "X1SG", "--site", "Lisbon")
    done = signed_in(*words, "--dry-run")
    assert (done.exit_code, done.output[:15]) == (0, "Nothing written")
    assert db.session.scalar(select(Phone)) is None

    def work(seconds):
        db.session.rollback()
        tasks.commit(1)

    monkeypatch.setattr(remote_commands.time, "sleep", work)
    found = json.loads(signed_in(*words, "--json").output)
    assert (found["import"]["state"], found["counts"]["added"]) == ("committed", 1)
    assert db.session.scalar(select(Phone)).mac == "0c383e000011"
    file.write_text(SHEET.replace("0c383e000011", "0c383e0000zz"))
    refused = signed_in(*words, "--dry-run")
    assert refused.exit_code == 1
    assert "Row 2" in refused.output
