"""One file to carry: built by the command, run as a process of its own."""

import hashlib
import json
import plistlib
import subprocess
import sys
import zipfile
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from agent import service
from agent.state import State
from tests.agent.desk import Desk, serving
from tests.daemons import DIE_WITH_ME, need
from webapp import agent_file
from webapp.cli import main

REQUEST = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]


def build(output, *words):
    return CliRunner().invoke(main, ["agent", "build", "--output", str(output), *words])


def run(file, *words, program=sys.executable):
    return subprocess.run(
        [program, str(file), *words], capture_output=True, text=True, check=False, cwd="/"
    )


@contextmanager
def running(file, folder):
    words = [*DIE_WITH_ME, sys.executable, str(file), "--state", str(folder), "run"]
    process = subprocess.Popen(words, cwd="/")
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_file_knows_its_desk(desk, tmp_path):
    file, folder = tmp_path / "agent.pyz", tmp_path / "state"
    done = build(file, "--url", desk.url)
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(file.read_bytes()).hexdigest() in done.output
    said = run(file, "--state", str(folder), "enrol", desk.new_code())
    assert said.returncode == 0, said.stderr
    with running(file, folder):
        desk.wait_for(lambda: len(desk.reports) >= 2)
        result = desk.result(desk.command("list_processes"))
    assert result["state"] == "done"


def test_the_file_takes_the_pinned_certificate_alone(tmp_path):
    need("openssl")
    for name in ("desk", "other"):
        names = ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*REQUEST, *names], cwd=tmp_path, check=True, capture_output=True)
    file = tmp_path / "agent.pyz"
    with serving(Desk(), tls=(tmp_path / "desk.pem", tmp_path / "desk.key")) as desk:
        for name, code in (("desk", 0), ("other", 1)):
            pem = str(tmp_path / f"{name}.pem")
            assert build(file, "--url", desk.url, "--pin-certificate", pem).exit_code == 0
            words = ("--state", str(tmp_path / name), "enrol", desk.new_code())
            said = run(file, *words)
            assert said.returncode == code, said.stderr
    assert "another certificate" in said.stderr


def test_the_same_input_gives_the_same_bytes_and_nothing_of_the_server(tmp_path):
    one, two = (agent_file.build("https://desk.example.net") for _ in range(2))
    assert one == two
    file = tmp_path / "agent.pyz"
    file.write_bytes(one)
    names = zipfile.ZipFile(file).namelist()
    assert {name.partition("/")[0] for name in names} == {"__main__.py", "agent"}
    assert all(name.endswith((".py", "built.json")) for name in names)
    assert len(one) < 100_000


@pytest.mark.parametrize(
    "url", ["desk", "ftp://desk", "https://desk/sub", "https://u@desk", "https://", "http://h:x"]
)
def test_an_address_that_no_pc_could_reach_is_not_built_in(url, tmp_path):
    done = build(tmp_path / "agent.pyz", "--url", url)
    assert done.exit_code == 1
    assert "no address of a desk" in done.output
    assert not (tmp_path / "agent.pyz").exists()


def test_what_is_no_certificate_is_refused(tmp_path):
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    pinned = ("--pin-certificate", str(tmp_path / "key.pem"))
    done = build(tmp_path / "agent.pyz", "--url", "https://desk", *pinned)
    assert "no certificate" in done.output
    with pytest.raises(agent_file.AgentFileError):
        agent_file.build("http://desk", "x")


def test_without_psutil_it_says_where_to_get_it(tmp_path):
    file = tmp_path / "agent.pyz"
    file.write_bytes(agent_file.build("https://desk.example.net"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(file), "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "python3-psutil" in done.stderr


def test_it_prints_the_unit_of_this_computer(tmp_path):
    file = tmp_path / "my agent.pyz"
    file.write_bytes(agent_file.build("https://desk.example.net"))
    said = run(file, "--state", str(tmp_path / "s"), "service").stdout
    assert f'ExecStart={sys.executable} "{file}" --state {tmp_path}/s run' in said
    assert "WantedBy=multi-user.target" in said
    user = run(file, "--state", str(tmp_path / "s"), "service", "--user").stdout
    assert "~/.config/systemd/user/belldesk-agent.service" in user
    assert "WantedBy=default.target" in user


def test_systemd_takes_the_unit(tmp_path):
    need("systemd-analyze")
    unit = tmp_path / "belldesk-agent.service"
    unit.write_text(service.systemd([sys.executable, "/opt/100% agent.pyz", "run"], False))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "belldesk-agent.service" not in done.stderr, done.stderr


def test_the_mac_s_plist_can_be_read():
    text = service.text("darwin", "/usr/bin/python3", ["/opt/A & B.pyz", "run"], True)
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"] == ["/usr/bin/python3", "/opt/A & B.pyz", "run"]
    assert "launchctl bootstrap" in text


def test_the_windows_task_opens_no_window_and_does_not_stop_on_battery():
    program, words = "C:\\Python 3\\python.exe", ["C:\\O'Hara\\belldesk-agent.pyz", "run"]
    text = service.text("win32", program, words, False)
    assert "'C:\\Python 3\\pythonw.exe'" in text
    assert "'\"C:\\O''Hara\\belldesk-agent.pyz\" \"run\"'" in text
    assert "-AllowStartIfOnBatteries" in text
    assert "-Principal $who" in text
    assert "-User $env:USERNAME" in service.text("win32", program, words, True)


def test_the_state_of_a_built_agent_holds_what_it_needs(desk, tmp_path):
    file, folder = tmp_path / "agent.pyz", tmp_path / "state"
    build(file, "--url", desk.url)
    run(file, "--state", str(folder), "enrol", desk.new_code())
    kept = State(folder).agent()
    assert set(kept) == {"url", "certificate", "agent", "secret"}
    assert kept["url"] == desk.url
    json.dumps(kept)
