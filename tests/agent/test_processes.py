"""Processes, ended by number, start and name: on real ones."""

import os
import subprocess
import sys
import threading

import psutil
import pytest

from agent import moments
from agent.verbs import KNOWN
from agent.verbs.errors import RefusedVerbError, VerbError
from agent.verbs.processes import PROTECTED, without_secrets
from tests.daemons import DIE_WITH_ME

STOP = threading.Event()


def do(verb, **params):
    return KNOWN[verb](params, STOP)


@pytest.fixture
def victim():
    process = subprocess.Popen([*DIE_WITH_ME, "sleep", "300"])
    found = psutil.Process(process.pid)
    while found.name() != "sleep":
        pass
    yield found
    process.kill()
    process.wait()


def names(process, **changes):
    started = moments.iso(process.create_time())
    return {"pid": process.pid, "started": started, "name": process.name(), **changes}


def test_processes_are_listed_with_all_that_tells_them_apart(victim):
    rows = {row["pid"]: row for row in do("list_processes")["processes"]}
    row = rows[victim.pid]
    assert row["name"] == "sleep"
    assert row["command"] == "sleep 300"
    assert row["account"] == victim.username()
    assert row["started"] == moments.iso(victim.create_time())
    assert row["memory"] > 0
    assert row["cpu"] is not None
    assert os.getpid() in rows


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("mysql --password=abc -u x", "mysql --password=… -u x"),
        ("tool --api-key abc", "tool --api-key …"),
        ("xfreerdp /v:pc", "xfreerdp /v:pc"),
    ],
)
def test_a_password_in_a_command_line_stays_on_the_computer(command, shown):
    assert without_secrets(command) == shown


def test_a_listed_process_is_ended(victim):
    assert do("terminate", **names(victim))["how"] == "terminated"
    assert not psutil.pid_exists(victim.pid) or victim.status() == psutil.STATUS_ZOMBIE


def test_one_that_will_not_go_is_killed():
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('!', flush=True); input()"
    process = subprocess.Popen(
        [*DIE_WITH_ME, sys.executable, "-c", deaf], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.read(1)
    assert do("terminate", **names(psutil.Process(process.pid)))["how"] == "killed"
    process.communicate()


@pytest.mark.parametrize(
    "changes", [{"started": "2026-01-01T00:00:00.000Z"}, {"name": "slee"}, {"name": "bash"}]
)
def test_a_number_that_another_process_was_given_is_refused(victim, changes):
    with pytest.raises(RefusedVerbError, match="another process"):
        do("terminate", **names(victim, **changes))
    assert victim.is_running()


@pytest.mark.parametrize("changes", [{"started": "soon"}, {"pid": "7"}, {"pid": -1}, {"pid": 1.5}])
def test_a_process_that_is_not_named_fully_is_not_ended(victim, changes):
    with pytest.raises(VerbError):
        do("terminate", **names(victim, **changes))
    assert victim.is_running()


def test_one_that_has_ended_is_said_to_have(victim):
    gone = names(victim)
    victim.kill()
    victim.wait()
    with pytest.raises(VerbError, match=r"has ended|another process"):
        do("terminate", **gone)


def test_the_agent_its_parents_and_the_system_are_protected():
    for process in (psutil.Process(), psutil.Process().parent(), psutil.Process(1)):
        with pytest.raises(RefusedVerbError, match="protected"):
            do("terminate", **names(process))


def test_a_desk_may_protect_more(victim):
    with pytest.raises(RefusedVerbError, match="protected"):
        do("terminate", **names(victim), protected=["Sleep"])
    assert victim.is_running()


@pytest.mark.parametrize(
    "name",
    [
        *("systemd", "systemd-logind", "dbus-daemon", "Xorg", "gnome-shell", "WindowServer"),
        *("csrss.exe", "lsass.exe", "LsaIso.exe", "svchost.exe", "winlogon.exe", "System"),
    ],
)
def test_what_a_session_stands_on_is_protected(name):
    assert PROTECTED.fullmatch(name)


@pytest.mark.parametrize("name", ["notepad.exe", "firefox", "loginpage", "Systematic.exe"])
def test_what_people_use_is_not(name):
    assert not PROTECTED.fullmatch(name)


def test_programs_and_ways_to_connect_are_told():
    assert do("list_programs")["programs"]
    assert all("answers" in row for row in do("probe", tools=["ssh"])["tools"])
    with pytest.raises(VerbError, match="tools"):
        do("probe", tools="ssh")
