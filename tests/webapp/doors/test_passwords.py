"""A password besides the key: who is asked for one, and what opens."""

import hashlib
import re
import subprocess
import threading
from datetime import timedelta

import pytest
from werkzeug.serving import make_server

from provisioning.answer import Request
from tests.daemons import need
from tests.webapp.doors.cast import BODY, MAC, add_phone, add_site, commit
from tests.webapp.doors.test_windows import (
    SHORT,
    add_bootstrap,
    ask,
    change,
    close,
    give_own_key,
    pinned,
)
from webapp.doors import nonces, passwords, reread
from webapp.doors.failures import GUESSES
from webapp.doors.trace import fetch_as
from webapp.extensions import utcnow
from webapp.models import Alert, Fetch

WORD, OLD_WORD = "f00dcafe", "0ldf00d"


def protect(door, scheme, **more):
    """After its window, where it is pinned: the password is asked for."""
    values = {"door_auth": scheme, "door_password": WORD, "pinned_network": "203.0.113.0/24"}
    change(door, **values | {"armed_until": utcnow() - timedelta(seconds=1)} | more)


def with_basic(door, word=WORD, user=MAC, **more):
    return ask(door, auth=(user, word), **more)


def answer_to(challenge, path, word=WORD, user=MAC, method="GET", **changes):
    """What a phone says to a challenge, by RFC 7616."""
    values = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    name = values["algorithm"]
    hashed = {"MD5": hashlib.md5}.get(name, hashlib.sha256)

    def hexed(*parts):
        return hashed(":".join(parts).encode()).hexdigest()

    said = {"nonce": values["nonce"], "uri": path, "nc": "00000001", "cnonce": "abc", "qop": "auth"}
    said |= {"username": user, "realm": values["realm"], "algorithm": name} | changes
    first, second = hexed(user, said["realm"], word), hexed(method, said["uri"])
    rest = (said["nonce"], said["nc"], said["cnonce"], said["qop"], second)
    said.setdefault("response", hexed(first, *rest))
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in said.items())


def challenges(answer):
    assert answer.status_code == 401
    return answer.headers.getlist("WWW-Authenticate")


def with_digest(door, by="SHA-256", path=None, **changes):
    found = [one for one in challenges(ask(door)) if f"algorithm={by}," in one]
    path = path or f"/p/{door.key}/{MAC}.cfg"
    return ask(door, headers={"Authorization": answer_to(found[0], path, **changes)})


def test_basic_opens_with_the_right_password_on_every_database(door_everywhere):
    door = door_everywhere
    protect(door, "basic")
    assert challenges(ask(door)) == ['Basic realm="phones", charset="UTF-8"']
    assert with_basic(door).data == BODY
    assert with_basic(door, user="0C-38-3E-00-00-01").data == BODY
    assert challenges(with_basic(door, "wrong"))
    assert challenges(with_basic(door, user="0c383e000002"))


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_digest_opens_with_the_right_password(door, algorithm):
    protect(door, "digest")
    assert with_digest(door, algorithm).data == BODY
    assert challenges(with_digest(door, algorithm, word="wrong"))
    assert challenges(with_digest(door, algorithm, user="0c383e000002"))


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "655f0000-0123456789abcdef0123456789abcdef"},
        {"nonce": "x"},
        {"nonce": ""},
        {"nonce": "ünknown-nonce"},
        {"qop": "auth-int"},
        {"qop": ""},
        {"realm": "other"},
        {"algorithm": "SHA-512"},
        {"uri": "/p/another/0c383e000001.cfg"},
        {"uri": "http://[x"},
        {"cnonce": ""},
        {"response": ""},
    ],
    ids=str,
)
def test_a_digest_that_does_not_fit_is_asked_again(door, changes):
    protect(door, "digest")
    assert challenges(with_digest(door, **changes))
    assert door.logged(Fetch.newest_first())[0].reason == "wrong_password"


@pytest.mark.parametrize(
    "header", ["Basic", "Basic x", "Basic ///", "Digest", "Bearer x", "Di\xffg"]
)
@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_rubbish_is_asked_again(door, header, scheme):
    protect(door, scheme)
    assert challenges(ask(door, headers={"Authorization": header}))


def test_digest_sites_do_not_take_the_password_in_clear(door):
    protect(door, "digest")
    assert challenges(with_basic(door))


def test_a_nonce_ends_after_five_minutes_and_the_phone_gets_a_new_one(door, monkeypatch):
    protect(door, "digest")
    challenge = challenges(ask(door))[0]
    said = {"Authorization": answer_to(challenge, f"/p/{door.key}/{MAC}.cfg")}
    now = nonces.time.time()
    monkeypatch.setattr(nonces.time, "time", lambda: now + passwords.FRESH + 2)
    again = challenges(ask(door, headers=said))
    assert all("stale=true" in one for one in again)
    said = {"Authorization": answer_to(again[0], f"/p/{door.key}/{MAC}.cfg")}
    assert ask(door, headers=said).data == BODY


def test_two_passwords_are_good_while_they_change(door):
    until = utcnow() + timedelta(hours=1)
    more = {"previous_door_password": OLD_WORD, "previous_door_password_until": until}
    protect(door, "basic", **more)
    assert with_basic(door, OLD_WORD).data == BODY
    assert with_basic(door).data == BODY
    change(door, previous_door_password_until=utcnow() - timedelta(seconds=1))
    assert challenges(with_basic(door, OLD_WORD))


def test_a_phone_without_a_password_gets_nothing(door):
    protect(door, "basic", door_password=None)
    assert challenges(with_basic(door, ""))
    assert challenges(with_basic(door, "0" * 24))


def test_its_own_key_needs_the_password_too(door):
    key = give_own_key(door)
    protect(door, "basic")
    assert challenges(ask(door, key=key))
    assert with_basic(door, key=key).data == BODY


def test_the_password_opens_neither_a_closed_window_nor_another_network(door):
    protect(door, "basic", pinned_network=None)
    assert challenges(ask(door))
    assert with_basic(door).status_code == 404
    change(door, pinned_network="10.1.1.0/24")
    assert with_basic(door).status_code == 404


def test_in_its_window_a_phone_learns_its_password_and_is_asked_afterwards(door):
    until = utcnow() + timedelta(hours=1)
    protect(door, "basic", armed_until=until, pinned_network=None)
    assert ask(door).data == BODY
    assert pinned(door) == "203.0.113.0/24"
    close(door)
    assert challenges(ask(door))
    assert with_basic(door).data == BODY


def test_to_be_asked_is_no_failure_a_wrong_password_is_one(door):
    protect(door, "basic")
    for _ in range(GUESSES + 1):
        ask(door)
    assert door.logged(Alert.open()) == []
    for _ in range(GUESSES):
        with_basic(door, "wrong")
    assert [alert.kind for alert in door.logged(Alert.open())] == ["ban"]


def shape(answer):
    """All of an answer but what no two answers share."""
    text = re.sub('nonce="[^"]*"', "nonce", str(answer.headers))
    return answer.status_code, text, answer.data


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_who_has_the_sites_key_learns_of_no_phone_whether_it_is_there(door, scheme):
    protect(door, scheme)
    add_phone(door.site, "0c383e000002").disarm()
    add_phone(door.site, "0c383e000003", body=None)
    add_phone(add_site(), "0c383e0000aa")
    commit()
    door.door.judge._schemes.look_again()
    files = [f"0c383e0000{last}.cfg" for last in ("01", "02", "03", "aa", "ee")]
    files += ["nothing.cfg", f"{MAC}.xml", ""]
    said = [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "rubbish"}]
    seen = {shape(ask(door, file=file, headers=more)) for file in files for more in said}
    assert len(seen) == 1
    assert seen.pop()[0] == 401


def test_who_has_no_key_is_refused_as_ever(door):
    protect(door, "basic")
    door.door.judge._schemes.look_again()
    for file in (f"{MAC}.cfg", "0c383e0000ee.cfg"):
        assert ask(door, file=file, key="wrong").status_code == 404
        assert with_basic(door, file=file, key="wrong").status_code == 404


def test_a_strict_site_asks_for_the_password_with_a_phones_own_key_only(door):
    key = give_own_key(door)
    add_bootstrap(door.phone)
    protect(door, "digest", policy="strict", armed_until=utcnow() + timedelta(hours=1))
    assert ask(door).data == SHORT
    assert ask(door, key=key).data == BODY
    close(door)
    for file in (f"{MAC}.cfg", "0c383e0000ee.cfg"):
        assert ask(door, file=file).status_code == 404
    found = challenges(ask(door, key=key))[0]
    said = {"Authorization": answer_to(found, f"/p/{key}/{MAC}.cfg")}
    assert ask(door, key=key, headers=said).data == BODY


def test_tftp_which_carries_no_password_gives_nothing(door):
    protect(door, "basic", pinned_network="10.0.0.0/24")
    assert fetch_as(MAC, via="tftp", address="10.0.0.1").reason == "no_password"


def test_to_look_as_a_phone_needs_no_password(door):
    protect(door, "digest")
    assert fetch_as(MAC, address="203.0.113.1").served


def test_another_process_knows_a_sites_password_within_seconds(door, monkeypatch):
    assert ask(door, file="0c383e0000ee.cfg").status_code == 404
    protect(door, "basic")
    now = reread.time.monotonic() + reread.READ_EVERY
    monkeypatch.setattr(reread.time, "monotonic", lambda: now)
    assert ask(door, file="0c383e0000ee.cfg").status_code == 401


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_curl_gets_in(door, scheme):
    need("curl")
    protect(door, scheme, pinned_network="127.0.0.0/24")
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.port}/p/{door.key}/{MAC}.cfg?boot=1"
        command = ["curl", "-s", f"--{scheme}", "--user"]
        good = subprocess.run([*command, f"{MAC}:{WORD}", url], capture_output=True, timeout=30)
        bad = subprocess.run([*command, f"{MAC}:no", url], capture_output=True, timeout=30)
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
    assert (good.stdout, bad.stdout) == (BODY, b"Not found\n")


def test_a_request_that_was_overheard_opens_nothing_and_the_phone_counts_on(door):
    protect(door, "digest")
    challenge, path = challenges(ask(door))[0], f"/p/{door.key}/{MAC}.cfg"

    def use(count):
        return ask(door, headers={"Authorization": answer_to(challenge, path, nc=count)})

    assert use("00000001").data == BODY
    assert "stale=true" in challenges(use("00000001"))[0]
    assert use("0000000a").data == BODY
    for count in ("00000009", "0000000A", "-0000001", "1", "000000xb"):
        assert challenges(use(count))
    assert use("0000000b").data == BODY
    assert door.logged(Alert.open()) == []


def test_a_phone_that_never_counts_comes_in_with_a_new_nonce(door):
    protect(door, "digest")
    assert [with_digest(door).data for _ in range(3)] == [BODY] * 3
    assert challenges(ask(door)) != challenges(ask(door))


def test_what_is_remembered_of_nonces_is_bounded(monkeypatch):
    monkeypatch.setattr(nonces, "MOST", 2)
    kept = nonces.Nonces("secret")
    for phone in (1, 2, 3):
        assert kept.rises(phone, "n", "00000001", Request("f", "a"))
    assert not kept.rises(3, "n", "00000001", Request("f", "a"))
    assert kept.rises(1, "n", "00000001", Request("f", "a")), "forgotten"
