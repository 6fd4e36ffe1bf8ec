"""Pushing by a shell, to a double of an AudioCodes phone and to what may stand in its place."""

import threading
import time
from dataclasses import replace

import pytest

from provisioning.resync import ShellStep
from provisioning.transports import push_words as words
from provisioning.transports.push import Peer, ssh_push
from tests.daemons import free_port
from tests.provisioning.transports.push_phones import (
    PASSWORD,
    PATIENT,
    QUICK,
    desk,
    digest,
    phone,
    ways,
)

(WAY,) = ways("audiocodes", "ssh")
URL = "http://192.0.2.10/p/sitekey-is-secret/"
NAME = "0c383e000001.cfg"


def push(to, way=WAY, body=b"", url=URL, times=PATIENT):
    """Push, and check what must hold of every outcome."""
    steps = []
    began = time.monotonic()
    done = ssh_push(
        to, way, body=body, url=url, times=times,
        on_step=lambda message, params: steps.append(message % params),
    )  # fmt: skip
    assert time.monotonic() - began < times.whole + times.connect + 5
    said = "\n".join([*steps, done.message % done.params, repr(done), repr(to)])
    for secret in (PASSWORD, "sitekey-is-secret"):
        assert secret not in said
    assert [one.name for one in threading.enumerate() if "Transport" in type(one).__name__] == []
    return done, steps


def doing(*commands, **more):
    """A way of these commands."""
    return replace(
        WAY, shell=tuple(ShellStep(says="look", command=one, **more) for one in commands)
    )


def test_an_audiocodes_is_told_the_address_restarts_and_fetches_from_there():
    body = b"voip/line/0/id=200\n"
    with desk(body) as url, phone("audiocodes", "--ssh") as audiocodes:
        done, steps = push(audiocodes.shell(), url=url)
        assert (done.success, done.message) == (True, words.TOLD_RESTARTS)
        assert audiocodes.wait("sha256") == digest(body)
        assert audiocodes.wait("fetched") == url + NAME
    assert steps[2:] == [
        "Signing in at the phone",
        "Looking at the phone",
        "Telling the phone where its configuration is",
        "Asking the phone to restart",
        *[words.WENT_AWAY] * (words.WENT_AWAY in steps),
    ]


def test_what_is_no_phone_of_that_model_is_left_alone():
    with phone("audiocodes", "--ssh") as other:
        elsewhere = replace(WAY.shell[0], command="grep system/type= /etc/os-release")
        done, _ = push(other.shell(), replace(WAY, shell=(elsewhere, *WAY.shell[1:])))
        assert (done.success, done.message, done.code) == (False, words.COMMAND_FAILED, 1)
        odd = replace(WAY.shell[0], command="echo something else")
        done, _ = push(other.shell(), replace(WAY, shell=(odd, *WAY.shell[1:])))
        assert (done.success, done.message) == (False, words.COMMAND_ODD)
        assert "restarts" not in str(other.done)


def test_an_optional_command_may_fail():
    fails = replace(WAY.shell[1], command="false")
    with phone("audiocodes", "--ssh") as audiocodes:
        done, steps = push(audiocodes.shell(), replace(WAY, shell=(fails, WAY.shell[2])))
        assert done.success
        assert words.NOT_DONE in steps
        assert audiocodes.wait("restarts")


@pytest.mark.parametrize(
    "url", ["http://a/b c", "http://a/\n", "http://a/\0", "http://a/é", "http://a/\u2028"]
)
def test_an_address_that_no_command_can_carry_is_refused_before_anything_is_sent(url):
    with phone("audiocodes", "--ssh") as audiocodes:
        done, steps = push(audiocodes.shell(), url=url)
        assert (done.success, done.message, steps) == (False, words.UNCARRIABLE, [])


@pytest.mark.parametrize(
    "url",
    [
        "http://a/'$(touch${IFS}x)'",
        'http://a/"`id`"',
        "http://a/;reboot",
        "http://a/&|<>*?#~!\\\\n",
    ],
)
def test_an_address_is_never_a_command(url):
    with phone("audiocodes", "--ssh") as audiocodes:
        assert push(audiocodes.shell(), doing("test {url} = " + shell_word(url)), url=url)[
            0
        ].success


def test_no_phone_is_told_an_address_that_is_not_known():
    with phone("audiocodes", "--ssh") as audiocodes:
        done, steps = push(audiocodes.shell(), url="")
        assert (done.success, done.message, steps) == (False, words.NO_URL, [])


def shell_word(text):
    """Quoted in another way than by the code under test; braces stand for names in commands."""
    return "".join("\\" + c for c in text).replace("{", "{{").replace("}", "}}")


def test_a_file_is_handed_over_unchanged():
    body = bytes(range(256)) * 2000
    with phone("audiocodes", "--ssh") as audiocodes:
        way = doing(f"test $(sha256sum | cut -c1-64) = {digest(body)}", stdin=True)
        done, _ = push(audiocodes.shell(), way, body=body)
        assert (done.success, done.code) == (True, 0)
        assert done.message == words.TAKEN_RESTARTS


# Who it is, and who we are


def test_a_wrong_password_is_told_apart():
    with phone("audiocodes", "--ssh") as audiocodes:
        done, _ = push(audiocodes.shell(password="wrong"))
        assert (done.success, done.message) == (False, words.WRONG_LOGIN)
        assert done.fingerprint.startswith("SHA256:")


def test_without_a_password_nothing_is_sent():
    with phone("audiocodes", "--ssh") as audiocodes:
        done, steps = push(audiocodes.shell(password=""))
        assert (done.success, done.message, steps) == (False, words.NO_LOGIN, [])


def test_another_host_key_gets_neither_name_nor_password():
    with phone("audiocodes", "--ssh", "--changing") as audiocodes:
        first, _ = push(audiocodes.shell(), doing("true"))
        done, _ = push(audiocodes.shell(fingerprint=first.fingerprint), doing("true"))
        assert (done.success, done.changed_identity) == (False, True)
        assert done.message == words.CHANGED_KEY
        assert done.fingerprint not in (None, first.fingerprint)
        time.sleep(0.2)
        assert audiocodes.done == [{"command": "true"}]


# What phones, and others in their place, do wrong


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("mute", words.TIMED_OUT),
        ("garbage", words.NOT_SSH),
        ("banner", words.NOT_SSH),
        ("half", words.BROKEN_OFF),
        ("mute-login", words.TIMED_OUT),
        ("silent-command", words.TIMED_OUT),
        ("endless", words.TOO_LONG),
        ("hangs-up", words.BROKEN_OFF),
        ("no-code", words.BROKEN_OFF),
    ],
)
def test_it_is_an_outcome_in_words(manner, message):
    with phone("audiocodes", "--ssh", "--ssh-manner", manner) as there:
        times = QUICK if message == words.TIMED_OUT else PATIENT
        done, _ = push(there.shell(), doing("true"), times=times)
    assert (done.success, done.message) == (False, message)
    assert done.message % done.params


def test_a_phone_may_go_away_when_it_is_told_to_restart():
    with phone("audiocodes", "--ssh", "--ssh-manner", "hangs-up") as there:
        done, _ = push(there.shell(), doing("reboot", drops=True))
        assert done.success


@pytest.mark.parametrize("manner", ["silent-command", "mute-exec"])
def test_a_phone_may_say_nothing_more_when_it_restarts(manner):
    with phone("audiocodes", "--ssh", "--ssh-manner", manner) as there:
        done, steps = push(there.shell(), doing("true", drops=True), times=QUICK)
        assert done.success
        assert steps[-1] == words.WENT_AWAY


@pytest.mark.parametrize("manner", ["no-exec", "no-channel"])
def test_a_phone_that_refuses_the_command_does_not_restart(manner):
    with phone("audiocodes", "--ssh", "--ssh-manner", manner) as there:
        done, _ = push(there.shell(), doing("reboot", drops=True))
        assert (done.success, done.message) == (False, words.NO_COMMANDS)


def test_a_command_that_does_not_end_is_left():
    with phone("audiocodes", "--ssh") as there:
        done, _ = push(there.shell(), doing("sleep 30"), times=QUICK)
    assert (done.success, done.message) == (False, words.TIMED_OUT)


def test_nobody_at_the_port_is_said():
    peer = Peer("127.0.0.1", "0c383e000001", "audiocodes-405hd", "admin", "x", port=free_port())
    assert push(peer)[0].message == words.NOBODY


def test_a_web_server_is_no_phone_s_shell():
    with phone("fanvil") as fanvil:
        done, _ = push(fanvil.peer(), times=QUICK)
    assert (done.success, done.message) == (False, words.TIMED_OUT)


@pytest.mark.parametrize("address", ["224.0.1.75", "169.254.169.254", "phone.example.net"])
def test_only_the_address_of_one_phone_is_gone_to(address):
    done, steps = push(Peer(address, "0c383e000001", "audiocodes-405hd", "admin", "x"))
    assert (done.success, steps) == (False, [])
