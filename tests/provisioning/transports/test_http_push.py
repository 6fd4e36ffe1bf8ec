"""Pushing by the web pages, to doubles of phones that behave as the vendors' facts say."""

import socket
import threading
import time
from dataclasses import replace

import pytest

from provisioning.resync import read_resync
from provisioning.transports import http_push as http_push_steps
from provisioning.transports import push_words as words
from provisioning.transports.push import Peer, http_push
from tests.daemons import free_port, install, need, running
from tests.provisioning.transports.push_phones import (
    PASSWORD,
    PATIENT,
    QUICK,
    desk,
    digest,
    phone,
    ways,
)

(RESTART,) = ways("fanvil", "http-get")
(FANVIL,) = ways("fanvil", "http-push")
ADDRESS, UPLOAD = ways("audiocodes", "http-push")
URL = "http://192.0.2.10/p/sitekey-is-secret/"
NAME = "0c383e000001.cfg"
CONFIG = b"<sysConf><ap><FlashServerIP>%s</FlashServerIP><FlashFileName>%s</FlashFileName></ap>"


def push(to, way=RESTART, body=b"<sysConf/>", url=URL, times=PATIENT):
    """Push, and check what must hold of every outcome."""
    steps = []
    began = time.monotonic()
    done = http_push(
        to, way, body=body, url=url, times=times,
        on_step=lambda message, params: steps.append(message % params),
    )  # fmt: skip
    # Several waits of connecting may come before the whole time is over, none after it.
    assert time.monotonic() - began < times.whole + times.connect + 5
    said = "\n".join([*steps, done.message % done.params, repr(done), repr(to)])
    for secret in (PASSWORD, "sitekey-is-secret", "c2VjcmV0"):
        assert secret not in said
    return done, steps


# The ways through


def test_a_fanvil_takes_the_file_restarts_and_fetches_what_it_says():
    body = b"<sysConf>the newest revision</sysConf>"
    with desk(body) as url, phone("fanvil", "--tls") as fanvil:
        config = CONFIG % (url.rstrip("/").encode(), NAME.encode())
        done, steps = push(fanvil.peer(), FANVIL, body=config, url=url)
        assert (done.success, done.message) == (True, words.TAKEN_RESTARTS)
        assert fanvil.wait("uploaded") == digest(config)
        assert fanvil.wait("fetched") == url + NAME
        assert fanvil.wait("sha256") == digest(body)
    assert steps[2:] == [
        "Looking at the phone",
        "Signing in at the phone",
        "Signing in at the phone",
        f"Handing over the configuration, {len(config)} bytes",
    ]


def test_an_audiocodes_is_told_the_address_restarts_and_fetches_from_there():
    body = b"system/type=405HD\n"
    with desk(body) as url, phone("audiocodes", "--tls") as audiocodes:
        done, _ = push(audiocodes.peer(), ADDRESS, url=url)
        assert (done.success, done.message) == (True, words.TOLD_RESTARTS)
        assert audiocodes.wait("address") == url + NAME
        assert audiocodes.wait("sha256") == digest(body)


def test_an_audiocodes_takes_the_file_and_fetches_what_it_says():
    body = b"voip/line/0/id=200\n"
    with desk(body) as url, phone("audiocodes", "--tls") as audiocodes:
        config = (
            f"provisioning/method=STATIC\nprovisioning/configuration/url={url}{NAME}\n".encode()
        )
        done, _ = push(audiocodes.peer(), UPLOAD, body=config)
        assert (done.success, done.message) == (True, words.TAKEN_RESTARTS)
        assert audiocodes.wait("uploaded") == digest(config)
        assert audiocodes.wait("sha256") == digest(body)


def test_an_audiocodes_forgets_the_address_when_its_page_was_not_looked_at_before():
    careless = replace(ADDRESS, web=tuple(one for one in ADDRESS.web if one.says != "look"))
    with phone("audiocodes", "--tls") as audiocodes:
        done, _ = push(audiocodes.peer(), careless)
    assert (done.success, done.message, done.code) == (False, words.REFUSED, 301)


@pytest.mark.parametrize("manner", ["ok", "digest", "basic"])
def test_a_phone_restarts_by_one_request_and_fetches(manner):
    way = RESTART
    body = b"<sysConf/>"
    with desk(body) as url:
        options = ("--tls", "--manner", manner, "--provision", url + NAME)
        with phone("fanvil", *options) as fanvil:
            done, _ = push(fanvil.peer(), way if manner == "ok" else strict(way))
            assert (done.success, done.message, done.code) == (True, words.TOLD_RESTARTS, 200)
            if manner == "ok":  # the double's own pages ask for Basic there
                assert fanvil.wait("sha256") == digest(body)


def strict(way):
    """The same request to a page that the double's own check of Basic does not guard."""
    return replace(way, web=(replace(way.web[0], path="/"),))


def test_a_nonce_that_comes_back_empty_is_asked_for_again():
    with phone("fanvil", "--tls", "--empty", 2) as fanvil:
        assert push(fanvil.peer(), FANVIL)[0].success
    with phone("fanvil", "--tls", "--empty", 3) as fanvil:
        done, _ = push(fanvil.peer(), FANVIL)
        assert (done.success, done.message) == (False, words.NOT_UNDERSTOOD)


def test_a_phone_that_goes_away_when_it_restarts_has_taken_its_file():
    with phone("fanvil", "--tls", "--goes-away") as fanvil:
        silent = replace(FANVIL, web=tuple(replace(one, needs="") for one in FANVIL.web))
        assert push(fanvil.peer(), silent)[0].success


def test_it_signs_out_also_when_the_upload_failed():
    broken = tuple(
        replace(one, file=one.file | {"field": "System"}) if one.file else one for one in FANVIL.web
    )
    with phone("fanvil", "--tls") as fanvil:
        done, steps = push(fanvil.peer(), replace(FANVIL, web=broken))
        assert (done.success, done.message) == (False, words.NOT_UNDERSTOOD)
        assert fanvil.wait("signed_out")
    assert steps[-1] == "Signing out"


def test_a_connection_that_was_closed_after_an_answer_is_no_restart():
    """A phone that keeps no connection, and does not say so: each request needs a new one."""
    with phone("audiocodes", "--tls", "--manner", "closes") as audiocodes:
        done = http_push(
            audiocodes.peer(), ADDRESS, body=b"", url=URL,
            on_step=lambda message, params: time.sleep(0.1),  # until the phone's end is here
        )  # fmt: skip
        assert done.success
        assert audiocodes.wait("restarts", 2)


def test_a_file_that_is_no_text_arrives_unchanged():
    body = bytes(range(256)) * 4 + b"\r\n--belldesk\r\n"
    with phone("fanvil", "--tls") as fanvil:
        assert push(fanvil.peer(), FANVIL, body=body)[0].success
        assert fanvil.wait("uploaded") == digest(body)


def test_it_reaches_a_phone_over_ipv6():
    with phone("fanvil", "--tls", "--host", "::1") as fanvil:
        assert push(fanvil.peer(address="::1"), FANVIL)[0].success


# Names and passwords


@pytest.mark.parametrize(
    ("kind", "way", "manner"),
    [
        ("fanvil", FANVIL, "ok"),
        ("audiocodes", ADDRESS, "ok"),
        ("fanvil", RESTART, "basic"),
        ("fanvil", RESTART, "digest"),
    ],
)
def test_a_wrong_password_is_told_apart(kind, way, manner):
    with phone(kind, "--tls", "--manner", manner) as there:
        done, _ = push(there.peer(password="wrong"), way)
    assert (done.success, done.message) == (False, words.WRONG_LOGIN)
    assert done.fingerprint


def test_without_a_password_nothing_is_sent():
    with phone("fanvil", "--tls") as fanvil:
        done, steps = push(fanvil.peer(password=""), FANVIL)
        assert (done.success, done.message, steps) == (False, words.NO_LOGIN, [])
        done, _ = push(fanvil.peer(password=""), RESTART)
        assert (done.success, done.message) == (False, words.NO_LOGIN)


@pytest.mark.parametrize("password", ["a\nb", "a\0b", "\ud800", "a\x1b"])
def test_a_password_that_nobody_can_type_is_refused(password):
    with phone("fanvil", "--tls", "--manner", "basic") as fanvil:
        for way in (FANVIL, RESTART):
            done, _ = push(fanvil.peer(password=password), way)
            assert (done.success, done.message) == (False, words.ODD_LOGIN)
        assert fanvil.done == []


def test_a_password_of_other_alphabets_is_proven():
    word = "пароль €uro “ü”"
    for manner in ("ok", "basic", "digest"):
        with phone("fanvil", "--tls", "--manner", manner, "--password", word) as fanvil:
            assert push(fanvil.peer(password=word), FANVIL)[0].success


def test_a_proof_that_is_not_known_is_said():
    with phone("fanvil", "--tls", "--manner", "strange-proof") as fanvil:
        assert push(fanvil.peer())[0].message == words.UNKNOWN_LOGIN


# Whose certificate


def test_the_certificate_is_pinned_on_first_use():
    with phone("fanvil", "--tls") as fanvil:
        first, steps = push(fanvil.peer())
        assert first.success
        assert first.fingerprint.startswith("sha256:")
        assert len(first.fingerprint) == 71
        assert f"It shows its identity for the first time: {first.fingerprint}" in steps
        again, steps = push(fanvil.peer(fingerprint=first.fingerprint))
        assert again.success
        assert again.fingerprint == first.fingerprint
        assert not any("first time" in step for step in steps)


def test_another_certificate_gets_neither_name_nor_password():
    with phone("fanvil", "--tls") as fanvil:
        old = push(fanvil.peer())[0].fingerprint
        port = fanvil.port
    with phone("fanvil", "--tls", "--port", port) as other:
        done, _ = push(other.peer(fingerprint=old), FANVIL)
        assert (done.success, done.changed_identity) == (False, True)
        assert done.message == words.CHANGED_CERTIFICATE
        assert done.fingerprint not in (None, old)
        time.sleep(0.2)
        assert other.done == []


def test_a_certificate_that_changes_within_a_push_is_refused():
    with phone("audiocodes", "--tls", "--changing") as audiocodes:
        # the phone hangs up after each answer, so that every step is a connection of its own
        done, _ = push(audiocodes.peer(), ADDRESS)
        assert done.success  # one connection is one certificate
    with phone("fanvil", "--tls", "--changing") as fanvil:
        closing = replace(FANVIL, web=(FANVIL.web[3], *FANVIL.web))
        signed = replace(closing, web=(*FANVIL.web[:4], FANVIL.web[0]))
        done, _ = push(fanvil.peer(), signed)
        assert (done.success, done.changed_identity) == (False, True)


def test_plain_http_is_used_where_nothing_speaks_https_and_the_data_allows_it():
    with phone("fanvil") as fanvil:
        done, steps = push(fanvil.peer(), FANVIL, times=PATIENT._replace(connect=1))
        assert done.success
        assert done.fingerprint is None
        assert words.PLAIN in steps


def test_plain_http_is_used_where_the_port_of_https_is_closed(monkeypatch):
    with phone("fanvil") as fanvil:
        ports = {"https": free_port(), "http": fanvil.port}
        monkeypatch.setattr(http_push_steps, "_ports", lambda model: ports)
        done, steps = push(fanvil.peer(port=None), FANVIL)
        assert done.success
        assert words.PLAIN in steps
        done, _ = push(fanvil.peer(port=None, fingerprint="sha256:" + "0" * 64), FANVIL)
        assert (done.success, done.message) == (False, words.NOBODY)
        assert done.params["port"] == ports["https"]


def test_plain_http_is_refused_where_the_data_does_not_allow_it():
    with phone("fanvil") as fanvil:
        done, _ = push(fanvil.peer(), replace(FANVIL, schemes=("https",)), times=QUICK)
        assert (done.success, done.message) == (False, words.TIMED_OUT)
        assert fanvil.done == []


def test_a_phone_whose_certificate_is_pinned_is_never_spoken_to_without_it():
    with phone("fanvil") as fanvil:
        done, _ = push(fanvil.peer(fingerprint="sha256:" + "0" * 64), FANVIL, times=QUICK)
        assert not done.success
        assert fanvil.done == []


def test_old_tls_is_spoken_only_where_the_data_demands_it(tmp_path):
    need("openssl")
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    install(
        *("openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-sha1", "-days", "1"),
        *("-subj", "/CN=phone", "-keyout", key, "-out", certificate),
    )

    def command(port):
        weak = ("-tls1", "-cipher", "DEFAULT:@SECLEVEL=0")
        about = ("-accept", f"127.0.0.1:{port}", "-key", key, "-cert", certificate)
        return ["openssl", "s_server", "-quiet", "-www", *about, *weak]

    def greet(port):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    with running(command, greet, OSError, tmp_path) as port:
        peer = Peer("127.0.0.1", "0c383e000001", "fanvil-x1sg", "admin", PASSWORD, port=port)
        done, _ = push(peer, replace(RESTART, schemes=("https",)))
        assert (done.success, done.message) == (False, words.NO_TLS)
        done, _ = push(peer, replace(RESTART, schemes=("https",), old_tls=True))
        assert done.success, done
        assert done.fingerprint.startswith("sha256:")


# What phones, and others in their place, do wrong


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("hangs", words.TIMED_OUT),
        ("drips", words.TIMED_OUT),
        ("headers", words.NOT_HTTP),
        ("huge", words.TOO_LONG),
        ("garbage", words.NOT_HTTP),
        ("drops", words.BROKEN_OFF),
        ("short", words.BROKEN_OFF),
        ("busy", words.BUSY),
        ("missing", words.REFUSED),
        ("elsewhere", words.ELSEWHERE),
        ("other-port", words.ELSEWHERE),
        ("loops", words.AROUND),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
def test_it_is_an_outcome_in_words(manner, message, tls):
    way = FANVIL if tls else replace(FANVIL, schemes=("http",))
    with phone("fanvil", "--manner", manner, *(["--tls"] if tls else [])) as fanvil:
        times = QUICK if message == words.TIMED_OUT else PATIENT
        done, _ = push(fanvil.peer(), way, times=times)
    assert (done.success, done.message) == (False, message)
    assert done.message % done.params


def test_nobody_at_the_port_is_said():
    peer = Peer("127.0.0.1", "0c383e000001", "fanvil-x1sg", "admin", PASSWORD, port=free_port())
    done, _ = push(peer)
    assert (done.success, done.message) == (False, words.NOBODY)


def test_a_redirect_to_https_on_the_same_address_is_followed():
    with phone("fanvil", "--tls") as secure:
        options = ("--manner", "upgrade", "--upgrade", secure.port)
        with phone("fanvil", *options) as plain:
            done, _ = push(plain.peer(), replace(RESTART, schemes=("http",)))
            assert done.success
            assert done.fingerprint.startswith("sha256:")
            assert secure.wait("key") == "key=Reboot"


@pytest.mark.parametrize(
    "address",
    [
        *("224.0.1.75", "0.0.0.0", "255.255.255.255", "169.254.169.254", "ff02::1", "::"),
        *("::ffff:169.254.169.254", "::ffff:224.0.0.1", "fd00:ec2::254", "240.0.0.1"),
        *("fd00:ec2::254%0", "fd00:ec2::254%lo", "::ffff:169.254.169.254%1", "169.254.170.2"),
        *("100.100.100.200", "168.63.129.16", "fe80::1%eth0\r\nX: y", "fe80::1%<b>", "::1%1"),
        *("phone.example.net", "", "127.0.0.1:80", "http://127.0.0.1", "١٢٧.0.0.1", "127.1"),
    ],
)
def test_only_the_address_of_one_phone_is_gone_to(address):
    done, steps = push(Peer(address, "0c383e000001", "fanvil-x1sg", "admin", PASSWORD))
    assert (done.success, steps) == (False, [])
    assert done.message in (words.NO_ADDRESS, words.NOT_A_PHONE)


def test_no_phone_is_told_an_address_that_is_not_known():
    with phone("audiocodes", "--tls") as audiocodes:
        done, steps = push(audiocodes.peer(), ADDRESS, url="")
        assert (done.success, done.message, steps) == (False, words.NO_URL, [])
        assert push(audiocodes.peer(), UPLOAD, url="")[0].success


def test_a_way_that_is_none_is_said():
    (notify,) = read_resync([{"method": "sip-notify", "event": "check-sync", "reboot": False}])
    with phone("fanvil") as fanvil:
        assert push(fanvil.peer(), notify)[0].message == words.NO_WAY


def test_fifty_at_a_time_leave_no_thread_and_no_connection():
    with phone("fanvil", "--tls") as fanvil:
        found = []
        to = fanvil.peer()

        def one():
            found.append(http_push(to, RESTART, body=b"", url=URL))

        before = threading.active_count()
        threads = [threading.Thread(target=one) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [done.success for done in found] == [True] * 50
        assert threading.active_count() == before


def test_it_ends_when_the_phone_goes_silent_in_the_middle_of_the_file():
    """The phone stops reading: the file is larger than what the kernel keeps for it."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = door.getsockname()[1]
        peer = Peer("127.0.0.1", "0c383e000001", "fanvil-x1sg", "admin", PASSWORD, port=port)
        way = replace(FANVIL, schemes=("http",), web=(FANVIL.web[3],))
        done, _ = push(peer, way, body=b"x" * (32 << 20), times=QUICK)
    assert (done.success, done.message) == (False, words.TIMED_OUT)
