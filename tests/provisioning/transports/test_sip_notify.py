"""NOTIFY, sent over real sockets to doubles of phones in processes of their own."""

import itertools
import re
import socket
import statistics
import threading
import time

import pytest

from provisioning.transports import sip_exchange as words
from provisioning.transports.sip_messages import parse
from provisioning.transports.sip_notify import Credentials, Notifier, Target, Timers
from provisioning.transports.sip_pace import Pace, network_of
from tests.provisioning.transports.sip_peers import phones

QUICK = Timers(t1=0.05, t2=0.2, connect=0.5)
SECRET = Credentials("200", "secret")


def target(port, **more):
    return Target("127.0.0.1", port=port, user="200", **more)


def notify(*targets, timers=QUICK, **options):
    return Notifier(timers=timers, **options).run(targets)


def one(manner, *options, timers=QUICK, **more):
    with phones(manner, *options) as phone:
        transport = "tcp" if "--tcp" in options else "udp"
        [outcome] = notify(target(phone.port, transport=transport, **more), timers=timers)
    return outcome, phone


BOTH = pytest.mark.parametrize("options", [(), ("--tcp",)], ids=["udp", "tcp"])


@BOTH
def test_a_phone_takes_the_notify(options):
    outcome, phone = one("ok", *options, event="check-sync;reboot=true")
    assert outcome.accepted
    assert (outcome.code, outcome.reason, outcome.words) == (200, "OK", words.ACCEPTED)
    assert outcome.tries == 1 and 0 < outcome.duration < 5
    message = parse(phone.wait(1)[0].encode())
    assert message.uri.startswith(f"sip:200@127.0.0.1:{phone.port}")
    assert message.first("Event") == "check-sync;reboot=true"
    assert message.first("Subscription-State") == "terminated"
    assert message.first("Max-Forwards") == "70"
    assert "Content-Length: 0\r\n" in phone.heard[0]
    port = message.first("Contact").split(":")[2].split(";")[0].rstrip(">")
    kind = "TCP" if options else "UDP"
    assert message.first("Via").startswith(f"SIP/2.0/{kind} 127.0.0.1:{port};rport;branch=z9hG4bK")


def test_two_notifies_share_no_identity():
    with phones("ok", "--count", "2") as phone:
        assert len(notify(*[target(port) for port in phone.ports])) == 2
        one, other = phone.wait(2)
    for pattern in (r"branch=(\w+)", r"Call-ID: (\w+)", r"tag=(\w+)"):
        assert re.search(pattern, one)[1] != re.search(pattern, other)[1]


def test_from_may_name_the_registrar():
    with phones("ok") as phone:
        notify(target(phone.port), user="pbx", domain="pbx.example.net")
        assert phone.header("From").startswith("<sip:pbx@pbx.example.net>;tag=")


def test_a_silent_phone_is_asked_again_by_timer_e_until_timer_f():
    outcome, phone = one("silent")
    assert (outcome.code, outcome.words) == (0, words.NO_ANSWER)
    # T1 = 0.05: sent at 0, .05, .15, .35, then every .2 (T2) until 64 T1 = 3.2
    # A busy machine may be late, and then several come at once; the usual distance stays T2.
    assert 3.1 < outcome.duration < 6
    assert 10 <= outcome.tries <= 19
    gaps = [after - before for before, after in itertools.pairwise(phone.times)]
    assert statistics.median(gaps) == pytest.approx(0.2, abs=0.08)
    assert sum(gaps[:2]) < 2 * statistics.median(gaps)
    assert len(set(phone.heard)) == 1


def test_the_timers_are_those_of_the_rfc():
    assert (Timers().t1, Timers().t2, Timers().give_up) == (0.5, 4.0, 32.0)


def test_a_lost_notify_is_sent_again():
    outcome, _ = one("deaf", "--deaf", "2")
    assert (outcome.code, outcome.tries) == (200, 3)


def test_a_provisional_answer_slows_the_repetition_and_ends_nothing():
    outcome, _ = one("trying", "--delay", "0.5", timers=Timers(t1=0.1, t2=2))
    assert outcome.code == 200
    assert outcome.duration == pytest.approx(0.5, abs=0.3)
    assert outcome.tries == 2  # at 0 and .1, and then not before T2


def test_a_late_answer_to_the_first_try_counts():
    outcome, _ = one("late", "--delay", "0.4")
    assert outcome.code == 200 and outcome.tries > 2


def test_an_answer_twice_is_one_outcome():
    with phones("twice") as phone:
        assert len(notify(target(phone.port), target(phone.port))) == 2


@pytest.mark.parametrize(
    "manner", ["wrong-branch", "wrong-cseq", "two-vias", "elsewhere", "garbage"]
)
def test_what_does_not_match_is_no_answer(manner):
    outcome, _ = one(manner, timers=Timers(t1=0.01, t2=0.1))
    assert outcome.words == words.NO_ANSWER


@BOTH
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256"])
def test_a_challenge_is_answered(options, algorithm):
    outcome, phone = one("challenge", *options, "--algorithm", algorithm, credentials=SECRET)
    assert (outcome.code, outcome.tries) == (200, 2)
    one_, other = (parse(text.encode()) for text in phone.wait(2))
    assert one_.first("Call-ID") == other.first("Call-ID")
    assert one_.first("Via") != other.first("Via")
    assert (one_.cseq().number, other.cseq().number) == (1, 2)
    assert "secret" not in phone.heard[1]


def test_a_proxys_challenge_is_answered():
    outcome, phone = one("proxy", credentials=SECRET)
    assert outcome.code == 200
    assert "Proxy-Authorization: Digest" in phone.wait(2)[1]


def test_a_stale_nonce_is_answered_again():
    outcome, _ = one("stale", credentials=SECRET)
    assert (outcome.code, outcome.tries) == (200, 3)


def test_a_phone_cannot_keep_us_busy_with_stale_nonces():
    outcome, _ = one("insist", credentials=SECRET)
    assert (outcome.code, outcome.words, outcome.tries) == (401, words.WRONG_PASSWORD, 3)


def test_a_wrong_password_is_tried_once():
    outcome, _ = one("challenge", credentials=Credentials("200", "wrong"))
    assert (outcome.code, outcome.words, outcome.tries) == (401, words.WRONG_PASSWORD, 2)


def test_without_a_password_a_challenge_is_the_end():
    outcome, _ = one("challenge")
    assert (outcome.code, outcome.words, outcome.tries) == (401, words.NO_PASSWORD, 1)


def test_a_redirect_is_not_followed():
    outcome, _ = one("redirect")
    assert (outcome.code, outcome.words) == (302, words.ELSEWHERE)


def test_an_unknown_event_is_said_so():
    outcome, _ = one("unknown")
    assert (outcome.code, outcome.reason, outcome.words) == (489, "Bad Event", words.NO_SUCH_EVENT)


def test_a_connection_that_closes_is_said_so():
    outcome, _ = one("close", "--tcp")
    assert outcome.words == words.CLOSED


def test_a_closed_tcp_port_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    [outcome] = notify(target(port, transport="tcp"))
    assert (outcome.words, outcome.reason) == (words.NO_CONNECTION, "Connection refused")


def test_a_connection_that_never_comes_about_is_given_up_early():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            [outcome] = notify(target(port, transport="tcp"))
    assert outcome.words == words.NO_CONNECTION
    assert outcome.duration == pytest.approx(0.5, abs=0.4)


def test_a_tcp_answer_that_is_not_sip_is_said_so():
    outcome, _ = one("garbage", "--tcp")
    assert outcome.words == words.NOT_SIP


@pytest.mark.parametrize(
    "address", ["phone.example.net", "localhost", "224.0.1.75", "0.0.0.0", "255.255.255.255", "::"]
)
def test_only_the_address_of_one_phone_is_contacted(address):
    [outcome] = notify(Target(address))
    assert (outcome.words, outcome.tries) == (words.NO_ADDRESS, 0)


@pytest.mark.parametrize(
    "more", [{"port": 0}, {"port": 70000}, {"transport": "tls"}, {"event": "a\r\nContact: <sip:x>"}]
)
def test_a_crooked_target_is_not_sent_to(more):
    [outcome] = notify(Target("127.0.0.1", **more))
    assert (outcome.code, outcome.tries) == (0, 0)
    if "event" in more:
        assert "Event" in outcome.reason


def test_a_phone_on_ipv6_is_reached():
    with phones("ok", "--host", "::1", "--tcp") as phone:
        outcomes = notify(Target("::1", port=phone.port, transport="tcp"))
    assert outcomes[0].code == 200


def test_a_forged_answer_is_not_believed():
    """Who sees neither our branch nor sits at the phone's address cannot answer for it."""
    with phones("silent") as phone, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ours.bind(("127.0.0.1", 0))
        port = ours.getsockname()[1]
        ours.close()
        found = []
        notifier = Notifier(host="127.0.0.1", port=port, timers=Timers(0.02, 0.1))
        run = threading.Thread(target=lambda: found.extend(notifier.run([target(phone.port)])))
        run.start()
        asked = phone.wait(1)[0]
        lines = [
            line
            for line in asked.split("\r\n")
            if line[:4] in ("Via:", "From", "To: ", "CSeq", "Call")
        ]
        forged = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""]).encode()
        assert parse(forged)
        thief.sendto(forged, ("127.0.0.1", port))
        run.join(20)
    assert found[0].words == words.NO_ANSWER


def test_hundreds_at_once_each_get_their_own_outcome():
    with phones("ok", "--count", "500", "--quiet") as phone:
        targets = [target(port, key=port) for port in phone.ports]
        outcomes = notify(*targets, timers=Timers())
    assert {outcome.target.key for outcome in outcomes} == set(phone.ports)
    assert {outcome.code for outcome in outcomes} == {200}


def test_silent_phones_do_not_hold_up_the_others():
    with phones("silent", "--count", "50", "--quiet") as silent, phones("ok") as good:
        seen = []
        notify(
            *[target(port) for port in silent.ports],
            target(good.port),
            timers=Timers(t1=0.02, t2=0.2),
            on_outcome=seen.append,
        )
    assert seen[0].target.port == good.port
    assert len(seen) == 51


def test_many_tcp_phones_are_reached_few_at_a_time():
    with phones("ok", "--tcp", "--count", "40") as phone:
        outcomes = notify(
            *[target(phone.port, transport="tcp") for _ in range(40)],
            timers=Timers(connect=20),
            max_connections=4,
        )
    assert [outcome.code for outcome in outcomes] == [200] * 40


def test_the_pace_over_all_is_kept():
    with phones("ok") as phone:
        start = time.monotonic()
        notify(*[target(phone.port) for _ in range(11)], per_second=20)
        assert time.monotonic() - start == pytest.approx(0.5, abs=0.3)
        gaps = [after - before for before, after in itertools.pairwise(phone.times)]
        assert min(gaps) > 0.01


def test_a_network_is_paced_and_does_not_slow_another():
    near = [Target(f"10.0.0.{number}") for number in range(4)]
    far = [Target("10.0.1.1")]
    pace, order = Pace([*near, *far], 0, 4, now=0.0), []
    for tick in range(40):
        while found := pace.take(tick / 40):
            order.append((tick, found.address))
    assert order == [
        (0, "10.0.0.0"),
        (0, "10.0.1.1"),
        (10, "10.0.0.1"),
        (20, "10.0.0.2"),
        (30, "10.0.0.3"),
    ]
    assert pace.due() is None


def test_a_pause_is_not_followed_by_a_burst():
    pace = Pace([Target("10.0.0.1")] * 9, 10, 0, now=0.0)
    taken = [pace.take(5.0) for _ in range(5)]
    assert sum(found is not None for found in taken) <= 2


def test_the_caller_may_say_which_phones_share_a_line():
    pace = Pace([Target("10.0.0.1", network="site"), Target("10.9.0.1", network="site")], 0, 1, 0.0)
    assert pace.take(0.5) and not pace.take(0.5)
    assert network_of("2001:db8::1") == "2001:db8::/64"


def test_stop_ends_at_once_and_says_so():
    with phones("silent") as phone:
        notifier = Notifier(per_second=5)
        threading.Timer(0.5, notifier.stop).start()
        start = time.monotonic()
        outcomes = notifier.run([target(phone.port) for _ in range(100)])
    assert time.monotonic() - start < 3
    assert len(outcomes) == 100
    assert {outcome.words for outcome in outcomes} == {words.STOPPED}
    assert 0 < sum(outcome.tries > 0 for outcome in outcomes) < 10


def test_an_error_of_the_callers_code_does_not_end_the_run(caplog):
    def fail(outcome):
        raise RuntimeError("full disk")

    with phones("ok") as phone:
        outcomes = notify(target(phone.port), target(phone.port), on_outcome=fail)
    assert len(outcomes) == 2
    assert "full disk" in caplog.text
