"""The agent as a process of its own against a desk that speaks the contract."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from agent import jitter, moments
from tests.agent.desk import Desk, serving
from tests.daemons import DIE_WITH_ME, free_port, unprivileged


def command(folder, *words):
    return [sys.executable, "-m", "agent", "--state", str(folder), *words]


def run(folder, *words):
    done = subprocess.run(command(folder, *words), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@contextmanager
def agent(folder, *before):
    process = subprocess.Popen([*DIE_WITH_ME, *before, *command(folder, "run")])
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0  # a clean end on SIGTERM


@pytest.fixture
def enrolled(desk, tmp_path):
    code, said = run(tmp_path / "agent", "enrol", desk.url, desk.new_code())
    assert code == 0, said
    return tmp_path / "agent"


def test_it_enrols_reports_and_sends_its_facts_once(desk, enrolled):
    with agent(enrolled):
        desk.wait_for(lambda: len(desk.reports) >= 3)
    first, second, third = desk.reports[:3]
    assert first["facts"]["identity"]["name"]
    assert first["facts_sha256"] == second["facts_sha256"]
    assert "facts" not in second
    assert "facts" not in third
    assert [row["seq"] for row in desk.reports[:3]] == [1, 2, 3]
    assert len({row["boot"] for row in desk.reports}) == 1
    assert abs(moments.seconds(first["at"]) - time.time()) < 60
    assert any(row["reaches"] for row in first["beat"]["addresses"])


def test_the_desk_may_ask_for_the_facts_again(desk, enrolled):
    with agent(enrolled):
        desk.wait_for(lambda: len(desk.reports) >= 2)
        desk.answer["facts"] = True
        count = len(desk.reports)
        desk.wait_for(lambda: any("facts" in row for row in desk.reports[count + 1 :]))


def test_what_was_missed_comes_later_with_its_true_times(desk, enrolled):
    with agent(enrolled):
        desk.wait_for(lambda: desk.reports)
        desk.down = True
        began = time.time()
        time.sleep(3.5)
        desk.down, ended = False, time.time()
        late = desk.wait_for(lambda: [row for row in desk.reports if row.get("past")])
    times = [moments.seconds(beat["at"]) for row in late for beat in row["past"]]
    assert len(times) >= 2
    assert times == sorted(times)
    assert began - 1.5 < times[0]
    assert times[-1] < ended + 8
    assert all("accounts" in beat["beat"] for beat in late[0]["past"])
    assert not (enrolled / "past.jsonl").exists()


def test_it_waits_for_a_desk_that_is_not_there_yet(tmp_path):
    desk, port = Desk(), free_port()
    with serving(desk, port=port):
        assert run(tmp_path / "a", "enrol", desk.url, desk.new_code())[0] == 0
    with agent(tmp_path / "a") as process:
        time.sleep(1)
        assert process.poll() is None
        past = tmp_path / "a" / "past.jsonl"
        with desk.changed:
            desk.changed.wait_for(past.exists, 10)
    assert json.loads(past.read_text().splitlines()[0])["beat"]


def test_agents_do_not_knock_together():
    pauses = [jitter.pause(3, 60, 300) for _ in range(200)]
    assert min(pauses) >= 120
    assert max(pauses) <= 240
    assert len({round(pause) for pause in pauses}) > 50
    assert max(jitter.pause(500, 60, 300) for _ in range(50)) <= 300


def test_a_command_comes_at_once_and_so_does_its_result(desk, enrolled):
    desk.longest_wait = 25
    desk.answer["period"] = 600
    with agent(enrolled):
        desk.wait_for(lambda: desk.reports)
        time.sleep(0.5)
        began = time.monotonic()
        result = desk.result(desk.command("list_processes"))
        took = time.monotonic() - began
    assert result["state"] == "done"
    assert any("agent" in row["command"] for row in result["result"]["processes"])
    assert took < 8  # 0.3 s of it measures the processors; a busy machine needs the rest


def test_forged_expired_and_repeated_commands_are_refused(desk, enrolled):
    with agent(enrolled):
        desk.wait_for(lambda: desk.reports)
        forged = desk.command("list_programs", forged=True)
        late = desk.command("list_programs", lasts=-5)
        good = desk.command("list_programs")
        assert desk.result(forged)["state"] == "refused"
        assert desk.result(late)["result"] == {"error": "expired"}
        assert desk.result(good)["state"] == "done"
        desk.command("list_programs", number=good)
        desk.wait_for(lambda: desk.results()[good]["state"] == "refused")


def test_two_of_them_do_not_share_one_identity(desk, enrolled):
    with agent(enrolled):
        desk.wait_for(lambda: desk.reports)
        code, said = run(enrolled, "run")
    assert code == 1
    assert "runs already" in said


def test_it_says_what_to_do_when_it_is_not_enrolled(tmp_path):
    code, said = run(tmp_path, "run")
    assert code == 1
    assert "Get a code from the desk" in said


def test_a_wrong_code_is_refused_in_words(desk, tmp_path):
    code, said = run(tmp_path, "enrol", desk.url, "ABCD-EFGH")
    assert (code, "32 letters" in said) == (1, True)
    code, said = run(tmp_path, "enrol", desk.url, "A" * 32)
    assert (code, "unknown, used, expired or revoked" in said) == (1, True)
    assert "Traceback" not in said


def test_it_shows_what_it_would_tell_and_sends_nothing(tmp_path):
    code, said = run(tmp_path, "once", "--print")
    assert code == 0
    assert set(json.loads(said)) == {"beat", "facts"}


def test_it_needs_less_than_40_mb(desk, enrolled):
    with agent(enrolled) as process:
        desk.wait_for(lambda: len(desk.reports) >= 3)
        running = psutil.Process(process.pid)
        assert running.memory_info().rss < 40 << 20, running.memory_info()


def test_a_standard_account_can_run_it(desk, tmp_path):
    with unprivileged(tmp_path) as (folder, become):
        if subprocess.run([*become, *command(folder, "--version")], check=False).returncode:
            become = []  # this checkout is closed to other accounts
        code = desk.new_code()
        words = [*become, *command(folder / "agent", "enrol", desk.url, code)]
        subprocess.run(words, check=True, capture_output=True)
        process = subprocess.Popen([*become, *command(folder / "agent", "run")])
        desk.wait_for(lambda: desk.reports)
        process.terminate()
        assert process.wait(30) == 0
    facts = desk.reports[0]["facts"]
    assert facts["programs"]
    assert not [word for word in facts["not_permitted"] if "failed" in word]
