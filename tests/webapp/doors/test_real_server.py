"""The phones' door in a real gunicorn, asked by real clients."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from tests.conftest import KEY, make_config
from tests.daemons import need, running
from tests.servers import ROOT
from tests.webapp.doors.cast import BODY, MAC, add_phone, add_site
from webapp import create_app
from webapp.extensions import db
from webapp.models import Site

PORT = {"BELLDESK_ENV": "prod", "BELLDESK_DOORS": "phones", "BELLDESK_KEYS": KEY}


class Server:
    def __init__(self, folder, port, key, other_key):
        self.folder, self.port, self.key, self.other_key = folder, port, key, other_key

    def url(self, file, key=None):
        return f"http://127.0.0.1:{self.port}/p/{key or self.key}/{file}"

    def curl(self, *words):
        done = subprocess.run(
            ["curl", "--silent", "--include", "--path-as-is", *words],
            capture_output=True,
            check=True,
            timeout=60,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return lines[0], [line for line in lines[1:] if not line.startswith("Date:")], body

    def send(self, text):
        with socket.create_connection(("127.0.0.1", self.port), 20) as client:
            client.sendall(text.encode("latin-1"))
            return b"".join(iter(lambda: client.recv(65536), b""))

    def rows(self, query):
        with sqlite3.connect(self.folder / "belldesk.sqlite3") as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    def wait_for_rows(self, query, count):
        deadline = time.monotonic() + 20
        while len(self.rows(query)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.rows(query)


@contextmanager
def gunicorn(folder, template, environment):
    shutil.copy(template, folder / "belldesk.sqlite3")
    app = create_app(make_config(folder))
    with app.app_context():
        site = db.session.scalar(select(Site))
        add_phone(site)
        other = add_site()
        add_phone(other, "0c383e0000aa")
        keys = site.key, other.key
        db.session.remove()
        db.engine.dispose()

    def command(port):
        words = ["-k", "gthread", "-w", "2", "--threads", "4", "--no-control-socket"]
        settings = [f"{name}={value}" for name, value in environment.items()]
        settings += [f"BELLDESK_INSTANCE={folder}"]
        python = [sys.executable, "-m", "gunicorn", "wsgi:app", "--chdir", str(ROOT)]
        return ["env", *settings, *python, *words, "-b", f"127.0.0.1:{port}"]

    def greet(port):
        socket.create_connection(("127.0.0.1", port), 1).close()

    with running(command, greet, OSError, folder) as port:
        yield Server(folder, port, *keys)


@pytest.fixture(scope="module")
def server(tmp_path_factory, template_database):
    need("curl")
    with gunicorn(tmp_path_factory.mktemp("door"), template_database, PORT) as running_server:
        yield running_server


def test_curl_fetches_the_file(server):
    status, headers, body = server.curl(server.url(f"{MAC}.cfg"))
    assert (status, body) == ("HTTP/1.1 200 OK", BODY)
    assert f"Content-Length: {len(BODY)}" in headers
    assert not [line for line in headers if line.startswith("Transfer-Encoding")]


def test_curl_takes_it_only_once(server, tmp_path):
    tag = tmp_path / "etag"
    server.curl("--etag-save", str(tag), server.url(f"{MAC.upper()}.cfg"))
    status, _, body = server.curl("--etag-compare", str(tag), server.url(f"{MAC}.cfg"))
    assert (status, body) == ("HTTP/1.1 304 Not Modified", b"")


def test_head_has_the_same_head(server):
    _, headers, _ = server.curl(server.url(f"{MAC}.cfg"))
    status, head, body = server.curl("--head", server.url(f"{MAC}.cfg"))
    assert (status, head, body) == ("HTTP/1.1 200 OK", headers, b"")


def test_an_old_phone_without_a_host_is_served(server):
    answer = server.send(f"GET /p/{server.key}/{MAC}.cfg HTTP/1.0\r\n\r\n")
    assert answer.startswith((b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert answer.endswith(b"\r\n\r\n" + BODY)


def test_a_whole_address_in_the_request_line_is_served(server):
    path = f"http://desk.example.net/p/{server.key}/{MAC}.cfg"
    answer = server.send(f"GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
    assert answer.endswith(BODY)


def test_the_next_phone_on_the_same_connection_is_served(server):
    one, two = server.url("nothing.cfg"), server.url(f"{MAC}.cfg")
    done = subprocess.run(["curl", "-s", one, two], capture_output=True, check=True, timeout=60)
    assert done.stdout.endswith(BODY)


def test_whatever_is_refused_is_refused_alike(server):
    asked = [
        [server.url("ffffffffffff.cfg")],
        [server.url(f"{MAC}.cfg", "wrong")],
        [server.url(f"{MAC}.cfg", server.other_key)],
        [server.url("0c383e0000aa.cfg")],
        [server.url(f"{MAC}.xml")],
        [server.url("../../../etc/passwd")],
        [server.url("%2e%2e/%2e%2e/etc/passwd")],
        [server.url(f"..%2f{MAC}.cfg")],
        [server.url("")],
        [server.url("?")],
        ["-X", "PUT", "-d", "x" * 20_000, server.url("boot.log")],
        ["-X", "POST", "-d", "x", server.url(f"{MAC}.cfg")],
        ["-X", "DELETE", server.url(f"{MAC}.cfg")],
        *([server.url(f"0c383e0000{last:02x}.cfg", server.other_key)] for last in range(2, 10)),
    ]
    answers = {
        (status, tuple(headers), body) for status, headers, body in map(_curl(server), asked)
    }
    assert len(answers) == 1
    assert answers.pop()[0] == "HTTP/1.1 404 Not Found"


def _curl(server):
    return lambda words: server.curl(*words)


def test_it_logs_by_itself(server):
    server.curl("-A", "the logged one", server.url(f"{MAC}.cfg"))
    query = "SELECT status, address, sent FROM fetches WHERE user_agent = 'the logged one'"
    assert server.wait_for_rows(query, 1) == [(200, "127.0.0.1", len(BODY))]


def test_it_believes_no_forwarded_address_without_a_proxy(server):
    server.curl("-A", "liar", "-H", "X-Forwarded-For: 10.9.9.9", server.url(f"{MAC}.cfg"))
    query = "SELECT address FROM fetches WHERE user_agent = 'liar'"
    assert server.wait_for_rows(query, 1) == [("127.0.0.1",)]


def test_behind_a_proxy_it_logs_the_phones_address_and_at_the_end_the_rest(
    tmp_path, template_database
):
    need("curl")
    with gunicorn(tmp_path, template_database, PORT | {"BELLDESK_TRUSTED_PROXIES": "1"}) as server:
        forwarded = "X-Forwarded-For: 10.6.6.6, 10.9.9.9"
        assert server.curl("-H", forwarded, server.url(f"{MAC}.cfg"))[2] == BODY
    assert server.rows("SELECT address, status FROM fetches") == [("10.9.9.9", 200)]


def test_without_the_database_a_phone_is_asked_to_come_again(tmp_path, template_database):
    need("curl")
    with gunicorn(tmp_path, template_database, PORT) as server:
        os.rename(tmp_path / "belldesk.sqlite3", tmp_path / "away")
        status, headers, body = server.curl(server.url(f"{MAC}.cfg"))
        assert (status, body) == ("HTTP/1.1 503 Service Unavailable", b"")
        assert "Retry-After: 30" in headers
        os.rename(tmp_path / "away", tmp_path / "belldesk.sqlite3")
        assert server.curl(server.url(f"{MAC}.cfg"))[2] == BODY
