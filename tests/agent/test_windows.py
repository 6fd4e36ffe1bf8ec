"""Windows, on a real X server: with python-xlib, an xterm, and a program that asks first."""

import os
import re
import subprocess
import sys
import threading
import time

import psutil
import pytest

from agent.verbs import KNOWN, messages, seat, starting, x11
from agent.verbs.errors import RefusedVerbError, VerbError
from tests.daemons import DIE_WITH_ME, need, path_of

STOP = threading.Event()
PATIENCE = 30

# A window that answers a request to close by a question of its own, as an editor does.
STUBBORN = """
from Xlib import X, display
d = display.Display(); root = d.screen().root
def window(title, at):
    w = root.create_window(at, at, 200, 80, 0, d.screen().root_depth, event_mask=X.ExposureMask)
    w.set_wm_name(title); w.set_wm_protocols([d.intern_atom("WM_DELETE_WINDOW")])
    w.change_property(d.intern_atom("_NET_WM_PID"), 6, 32, [__import__("os").getpid()])
    w.map(); d.sync(); return w
window("report.txt - unsaved", 10)
while True:
    event = d.next_event()
    if event.type == X.ClientMessage:
        window("Save changes?", 40)
"""


def do(verb, **params):
    return KNOWN[verb](params, STOP)


@pytest.fixture(scope="module")
def screen():
    need("Xvfb", "xterm")
    read, write = os.pipe()
    server = subprocess.Popen(
        [*DIE_WITH_ME, "Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", "800x600x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture
def display(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    started = []

    def start(*command):
        process = subprocess.Popen([*DIE_WITH_ME, *command], stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def xterm(display):
    display(path_of("xterm"), "-title", "Notes of Jane", "-e", "sleep", "300")
    return appeared("Notes of Jane")


def titles():
    return [row["title"] for row in do("list_windows")["windows"]]


def appeared(title):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for row in do("list_windows")["windows"]:
            if title in row["title"]:
                return row
        time.sleep(0.05)
    raise AssertionError(f"no window “{title}” among {titles()}")


def test_windows_are_listed_with_program_and_account(xterm):
    assert xterm["title"] == "Notes of Jane"
    assert xterm["program"] == "xterm"
    assert xterm["account"] == psutil.Process().username()
    assert xterm["path"].endswith("xterm")


def test_one_is_closed_politely_by_its_number(xterm):
    result = do("close", window=xterm["id"])
    assert (result["closed"], result["why"]) == (True, "")
    assert "Notes of Jane" not in titles()


def test_one_is_closed_by_a_part_of_its_title(xterm):
    assert do("close", title="of jane")["closed"]


@pytest.mark.parametrize("params", [{"window": 1}, {"title": "nothing like it"}, {"title": ""}, {}])
def test_a_window_that_is_not_there_is_said_so(xterm, params):
    with pytest.raises(VerbError, match="no such window"):
        do("close", **params)
    assert "Notes of Jane" in titles()


def test_a_program_that_asks_first_stays_and_its_question_is_told(display):
    process = display(sys.executable, "-c", STUBBORN)
    appeared("unsaved")
    result = do("close", title="unsaved")
    assert not result["closed"]
    assert result["why"] == "It asks first: “Save changes?”"
    assert process.poll() is None


def test_all_are_closed_but_those_excluded_and_those_that_ask(display, xterm, monkeypatch):
    monkeypatch.setattr("agent.verbs.windows.ALL", 2.0)
    display(path_of("xterm"), "-title", "Softphone", "-e", "sleep", "300")
    display(sys.executable, "-c", STUBBORN)
    appeared("Softphone")
    appeared("unsaved")
    result = do("close_all", exclude=["softphone"])
    assert [row["title"] for row in result["closed"]] == ["Notes of Jane"]
    assert result["closed"][0]["path"].endswith("xterm")  # so that it can be opened again
    assert [row["title"] for row in result["excluded"]] == ["Softphone"]
    (stayed,) = result["stayed"]
    assert (stayed["title"], "asks first" in stayed["why"]) == ("report.txt - unsaved", True)


def test_the_countdown_is_waited_for_and_ends_with_the_agent(xterm, monkeypatch):
    said = []
    monkeypatch.setattr(messages, "say", lambda title, words: said.append(words))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(VerbError, match="nothing was closed"):
        KNOWN["close_all"]({"countdown": 60, "message": "Patching at noon"}, stop)
    assert said == ["Patching at noon"]
    assert "Notes of Jane" in titles()


def test_a_program_is_opened_before_whoever_sits_here(display):
    result = do("open", program="xterm", allowed=["xterm"])
    try:
        assert appeared("xterm")["pid"] == result["pid"]
    finally:
        psutil.Process(result["pid"]).kill()


def test_what_is_not_allowed_or_not_there_is_not_opened(display):
    with pytest.raises(RefusedVerbError, match="not among"):
        do("open", program="xterm", allowed=["firefox"])
    for program in ("no-such-program", "xterm -e sleep", "./xterm", "xterm; true"):
        with pytest.raises(VerbError, match="not installed"):
            do("open", program=program)
    with pytest.raises(VerbError, match="no folder"):
        do("open", folder="/no/such")
    with pytest.raises(VerbError, match="Say which"):
        do("open")
    with pytest.raises(VerbError, match="ended at once"):
        do("open", program="false")
    assert titles() == []


def test_a_folder_is_handed_to_the_desktop(display, tmp_path, monkeypatch):
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$*" >{tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    do("open", folder=str(tmp_path))
    assert (tmp_path / "opened").read_text() == str(tmp_path)


def test_a_message_is_shown_as_it_was_written(display, tmp_path, monkeypatch):
    teller = tmp_path / "notify-send"
    teller.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >{tmp_path}/said\n')
    teller.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    said = do("message", title="-Desk", text="$(reboot) <b>&\x07 `x`")
    assert said == {"shown_by": "notify-send"}
    assert (tmp_path / "said").read_text().endswith("--|-Desk|$(reboot) &lt;b>&amp; `x`|")


def test_without_a_program_for_messages_it_says_which_would_do(display, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VerbError, match="zenity"):
        do("message", text="hello")
    with pytest.raises(VerbError, match="empty"):
        do("message", text="")


def test_without_a_screen_or_the_library_it_says_so(monkeypatch):
    monkeypatch.setattr(seat.psutil, "process_iter", lambda *_: [])
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(VerbError, match="Nobody has a graphical session"):
        do("list_windows")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(VerbError, match="Wayland"):
        do("list_windows")
    monkeypatch.setattr(x11, "Display", None)
    with pytest.raises(VerbError, match="python-xlib"):
        do("list_windows")


def test_an_agent_of_the_system_borrows_the_session_and_keeps_its_own_secrets(screen, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    person, become = 4242, ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"]
    if os.geteuid() != 0:  # it finds the session of its own account only
        monkeypatch.setattr(seat, "FIRST_PERSON", 0)
        person, become = os.geteuid(), []
    environment = {"DISPLAY": screen, "PATH": os.environ["PATH"], "HOME": "/", "OTHER": "x"}
    process = subprocess.Popen([*become, "sleep", "300"], env=environment)
    try:
        end = time.monotonic() + PATIENCE
        while psutil.Process(process.pid).uids().real != person and time.monotonic() < end:
            time.sleep(0.02)
        here = seat.find()
        assert here.environment == {k: v for k, v in environment.items() if k != "OTHER"}
        pid = starting.start([path_of("sleep"), "300"], here)
        assert psutil.Process(pid).uids().real == person
        psutil.Process(pid).kill()
    finally:
        process.kill()
        process.wait()


def test_no_verb_runs_a_shell():
    from pathlib import Path

    for path in Path(starting.__file__).parents[1].rglob("*.py"):
        assert not re.search(r"shell=True|os\.system|os\.popen|\beval\(|\bexec\(", path.read_text())
