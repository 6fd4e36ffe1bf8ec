"""The TFTP server, told things that no honest client says: every datagram is made by hand."""

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioning.transports import tftp
from provisioning.transports.tftp_sockets import SelectorPoller
from provisioning.transports.tftp_transfer import Patience
from tests.provisioning.transports.tftp_server import Running, serving

NOT_FOUND = b"\0\5\0\1File not found\0"
SILENCE = None
BODY = bytes(range(256)) * 10  # 2,560 octets: five full blocks and an empty sixth
FILES = {"a.cfg": BODY, "short.cfg": b"a\nb\rc", "empty.cfg": b""}


class Phone:
    """A UDP socket that speaks to the server's door first, and then to whoever answered."""

    def __init__(self, server: Running) -> None:
        self.door = (server.host, server.port)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tid = self.door

    def ask(self, datagram: bytes, seconds: float = 5) -> bytes | None:
        self.sock.sendto(datagram, self.door)
        return self.hear(seconds)

    def hear(self, seconds: float = 5) -> bytes | None:
        self.sock.settimeout(seconds)
        try:
            datagram, self.tid = self.sock.recvfrom(70_000)
        except TimeoutError:
            return None
        return datagram

    def say(self, datagram: bytes) -> None:
        self.sock.sendto(datagram, self.tid)

    def ack(self, number: int, seconds: float = 5) -> bytes | None:
        self.say(ack(number))
        return self.hear(seconds)


@pytest.fixture
def server():
    with serving(FILES, timeout=0.3) as running:
        yield running


@contextmanager
def phone_of(server: Running) -> Iterator[Phone]:
    phone = Phone(server)
    with phone.sock:
        yield phone


@pytest.fixture
def phone(server):
    with phone_of(server) as phone:
        yield phone


def rrq(name: bytes = b"a.cfg", *options: bytes, mode: bytes = b"octet") -> bytes:
    return b"\0\1" + b"".join(part + b"\0" for part in (name, mode, *options))


def ack(number: int) -> bytes:
    return struct.pack("!HH", 4, number)


def block(number: int, size: int = 512) -> bytes:
    return struct.pack("!HH", 3, number) + BODY[(number - 1) * size : number * size]


REFUSED_REQUESTS = {
    "unknown file": rrq(b"unknown"),
    "no file name": rrq(b""),
    "nothing after the opcode": b"\0\1",
    "file name without NUL": b"\0\1a.cfg",
    "no mode": b"\0\1a.cfg\0",
    "mode without NUL": b"\0\1a.cfg\0octet",
    "empty mode": rrq(mode=b""),
    "mail": rrq(mode=b"mail"),
    "an invented mode": rrq(mode=b"\xff\xfe"),
    "longer than a request may be": rrq(b"a.cfg", b"blksize", b"1" * 600),
    "a name as long as a datagram": rrq(b"a" * 60_000),
    "thousands of options": rrq(b"a.cfg", *[b"x", b"1"] * 5_000),
}


@pytest.mark.parametrize("datagram", REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS)
def test_every_read_that_cannot_be_served_gets_one_and_the_same_refusal(phone, datagram):
    assert phone.ask(datagram) == NOT_FOUND


STRAYS = {
    "one octet": (b"\0", SILENCE),
    "nothing": (b"", SILENCE),
    "opcode 0": (b"\0\0a.cfg\0octet\0", SILENCE),
    "an error": (b"\0\5\0\0hello\0", SILENCE),
    "a write": (b"\0\2a.cfg\0octet\0", b"\0\5\0\2Access violation\0"),
    "a truncated write": (b"\0\2", b"\0\5\0\2Access violation\0"),
    "an acknowledgement of nothing": (ack(1), b"\0\5\0\5Unknown transfer ID\0"),
    "data": (b"\0\3\0\1data", b"\0\5\0\5Unknown transfer ID\0"),
    "an option acknowledgement": (b"\0\6blksize\08\0", b"\0\5\0\4Illegal TFTP operation\0"),
    "an unknown opcode": (b"\xff\xff", b"\0\5\0\4Illegal TFTP operation\0"),
}


@pytest.mark.parametrize(("datagram", "reply"), STRAYS.values(), ids=STRAYS)
def test_what_is_no_read_is_refused_or_met_with_silence(server, phone, datagram, reply):
    assert phone.ask(datagram, 0.3 if reply is SILENCE else 5) == reply
    assert phone.ask(rrq()) == block(1)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (b"../../etc/passwd", "../../etc/passwd"),
        (b"/etc/passwd", "/etc/passwd"),
        (b"..\\..\\boot.ini", "..\\..\\boot.ini"),
        (b"%2e%2e/x", "%2e%2e/x"),
        (b"a\r\nb", "a\r\nb"),
        ("à.cfg".encode(), "à.cfg"),
        (b"\xe0.cfg", "à.cfg"),
    ],
)
def test_a_name_reaches_the_answer_untouched(server, phone, name, seen):
    assert phone.ask(rrq(name)) == NOT_FOUND
    assert server.asked[0].file == seen
    assert server.asked[0].address == "127.0.0.1"
    assert server.asked[0].port == phone.sock.getsockname()[1]


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ([b"blksize", b"1428"], b"blksize\x001428\0"),
        ([b"BlkSize", b"1428"], b"blksize\x001428\0"),
        ([b"blksize", b"65464"], b"blksize\x0065464\0"),
        ([b"blksize", b"99999"], b"blksize\x0065464\0"),
        ([b"tsize", b"0"], b"tsize\x002560\0"),
        ([b"timeout", b"255"], b"timeout\x00255\0"),
        ([b"windowsize", b"8"], b"windowsize\x008\0"),
        ([b"windowsize", b"65535"], b"windowsize\x0064\0"),
        ([b"blksize", b"65464", b"windowsize", b"64"], b"blksize\x0065464\0windowsize\x002\0"),
        ([b"multicast", b"", b"tsize", b"0"], b"tsize\x002560\0"),
        ([b"blksize", b"lots", b"tsize", b"0"], b"tsize\x002560\0"),
        ([b"blksize", b"16", b"blksize", b"32"], b"blksize\x0016\0"),
        ([b"tsize", b"0", b"blksize"], b"tsize\x002560\0"),
    ],
)
def test_it_acknowledges_the_options_it_will_keep(phone, options, accepted):
    assert phone.ask(rrq(b"a.cfg", *options)) == b"\0\6" + accepted
    assert phone.ack(0)[:4] == b"\0\3\0\1"


@pytest.mark.parametrize(
    "options",
    [
        [b"blksize", b"7"],
        [b"blksize", b"-512"],
        [b"blksize", b"5e2"],
        [b"blksize", "٥١٢".encode()],
        [b"blksize", b"9" * 300],
        [b"blksize", b""],
        [b"timeout", b"0"],
        [b"timeout", b"256"],
        [b"windowsize", b"0"],
        [b"tsize", b"\xff"],
        [b"x"] * 200,
        [b"", b"", b"", b""],
        [b"blksize"],
    ],
)
def test_options_without_sense_are_passed_over(phone, options):
    assert phone.ask(rrq(b"a.cfg", *options)) == block(1)


def test_netascii_promises_no_size(phone):
    assert phone.ask(rrq(b"short.cfg", b"tsize", b"0", mode=b"NetASCII")) == (
        b"\0\3\0\1a\r\nb\r\0c"
    )


def test_a_file_of_whole_blocks_ends_with_an_empty_one(server, phone):
    assert phone.ask(rrq()) == block(1)
    for number in range(1, 6):
        assert phone.ack(number) == block(number + 1)
    assert block(6) == b"\0\3\0\6"
    assert phone.ack(6, 0.5) is SILENCE
    assert server.wait_done(1)[0][1][:3] == (len(BODY), True, "")


def test_an_empty_file_is_one_empty_block(server, phone):
    assert phone.ask(rrq(b"empty.cfg")) == b"\0\3\0\1"
    phone.say(ack(1))
    assert server.wait_done(1)[0][1][:3] == (0, True, "")


def test_a_lost_block_is_sent_again_and_each_wait_is_longer(phone):
    """A wait can only be stretched by a busy machine, so each is held against its own minimum."""
    times = [time.monotonic()]
    assert phone.ask(rrq()) == block(1)
    for _ in range(3):
        assert phone.hear(30) == block(1)
        times.append(time.monotonic())
    # From the request, which the server heard later, to each repetition: 0.3, 0.6 and 1.2 s.
    after = [moment - times[0] for moment in times[1:]]
    assert all(took >= least for took, least in zip(after, (0.3, 0.9, 2.1), strict=True))


def test_each_wait_is_twice_the_one_before_unless_the_client_asked_for_one():
    patience = Patience(timeout=0.3, retries=5)
    assert [patience.wait(tries, None) for tries in range(6)] == [0.3, 0.6, 1.2, 2.4, 4.8, 4.8]
    assert [patience.wait(tries, 7) for tries in range(3)] == [7.0, 7.0, 7.0]


def test_the_interval_is_the_one_the_client_asked_for(phone):
    began = time.monotonic()
    assert phone.ask(rrq(b"a.cfg", b"timeout", b"1")) == b"\0\6timeout\x001\0"
    assert phone.hear() == b"\0\6timeout\x001\0"
    assert 0.9 < time.monotonic() - began < 2


def test_repeated_acknowledgements_do_not_double_the_packets(phone):
    phone.ask(rrq())
    assert phone.ack(1) == block(2)
    for _ in range(5):
        phone.say(ack(1))
    assert phone.hear(0.2) is SILENCE
    assert phone.ack(2) == block(3)


@pytest.mark.parametrize("number", [2, 3, 100, 65535])
def test_an_acknowledgement_of_what_was_not_sent_moves_nothing(phone, number):
    phone.ask(rrq())
    assert phone.ack(number, 0.2) is SILENCE
    assert phone.ack(1) == block(2)


def test_a_window_is_sent_from_the_hole_on(phone):
    assert phone.ask(rrq(b"a.cfg", b"windowsize", b"3")) == b"\0\6windowsize\x003\0"
    assert [phone.ack(0), phone.hear(), phone.hear()] == [block(1), block(2), block(3)]
    assert [phone.ack(1), phone.hear(), phone.hear()] == [block(2), block(3), block(4)]
    assert [phone.ack(1), phone.hear(), phone.hear()] == [block(2), block(3), block(4)]
    assert phone.ack(1, 0.1) is SILENCE
    assert [phone.ack(4), phone.hear()] == [block(5), block(6)]


def test_a_repeated_request_starts_no_second_transfer(server, phone):
    assert phone.ask(rrq()) == block(1)
    tid = phone.tid
    assert phone.ask(rrq()) == block(1)
    assert phone.tid == tid
    assert phone.ack(1) == block(2)
    assert phone.ask(rrq(), 0.1) is SILENCE
    assert len(server.asked) == 1


def test_another_request_from_the_same_port_takes_the_place_of_the_first(server, phone):
    phone.ask(rrq())
    assert phone.ask(rrq(b"short.cfg")) == b"\0\3\0\1a\nb\rc"
    assert server.done[0][1].error == "the client asked for another file"


def test_a_stranger_cannot_speak_in_a_transfer(server, phone):
    phone.ask(rrq())
    with phone_of(server) as stranger:
        stranger.tid = phone.tid
        stranger.say(ack(1))
        stranger.say(b"\0\5\0\0stop\0")
        assert phone.hear(0.2) is SILENCE
    assert phone.ack(1) == block(2)


def test_a_client_can_give_up(server, phone):
    phone.ask(rrq(b"a.cfg", b"tsize", b"0"))
    phone.say(b"\0\5\0\x08no \n thanks\0")
    assert server.wait_done(1)[0][1][:3] == (0, False, "no ? thanks")


@pytest.mark.parametrize("words", [b"\0\5", b"\0\5\0\1", b"\0\5\0\1" + b"\xff" * 1000])
def test_a_damaged_error_ends_a_transfer_too(server, phone, words):
    phone.ask(rrq())
    phone.say(words)
    assert not server.wait_done(1)[0][1].complete


@pytest.mark.parametrize("scrap", [b"", b"\0", b"\0\4", b"\0\4\0"])
def test_a_scrap_in_a_transfer_is_passed_over(phone, scrap):
    phone.ask(rrq())
    phone.say(scrap)
    assert phone.ack(1) == block(2)


def test_a_client_that_breaks_the_protocol_is_told_and_left(server, phone):
    phone.ask(rrq())
    phone.say(b"\0\3\0\1data")
    assert phone.hear() == b"\0\5\0\4Illegal TFTP operation\0"
    assert server.wait_done(1)[0][1].error == "the client broke the protocol"


@pytest.mark.parametrize(
    ("last", "error"),
    [(2, "the client went silent"), (5, "the last block was not acknowledged")],
)
def test_a_silent_client_is_given_up(last, error):
    with serving(FILES, timeout=0.05, retries=2) as server, phone_of(server) as phone:
        phone.ask(rrq())
        for number in range(1, last + 1):
            phone.ack(number)
        outcome = server.wait_done(1)[0][1]
        assert outcome[1:3] == (False, error)
        assert outcome.sent == min((last + 1) * 512, len(BODY))


def test_a_client_whose_port_is_closed_frees_its_place_at_once(server):
    with phone_of(server) as phone:
        phone.ask(rrq())
    assert not server.wait_done(1, 3)[0][1].complete


def test_it_drops_requests_above_the_limits_and_takes_them_up_again():
    with (
        serving(FILES, max_transfers=1) as server,
        phone_of(server) as one,
        phone_of(server) as two,
    ):
        one.ask(rrq(b"short.cfg"))
        assert two.ask(rrq(b"short.cfg"), 0.2) is SILENCE
        one.say(ack(1))
        server.wait_done(1)
        assert two.ask(rrq(b"short.cfg")) == b"\0\3\0\1a\nb\rc"


def test_requests_of_forged_addresses_hold_no_place_that_another_wants(monkeypatch):
    """Nobody acknowledges anything, and a wait of 255 seconds is asked for."""
    monkeypatch.setattr(tftp, "STALLED", 0.5)
    with serving(FILES, max_transfers=20) as server, phone_of(server) as phone:
        forged = [Phone(server) for _ in range(40)]
        for one in forged:
            one.sock.sendto(rrq(b"a.cfg", b"timeout", b"255"), one.door)
        assert forged[0].hear() is not SILENCE
        assert phone.ask(rrq(), 0.2) is SILENCE
        time.sleep(0.5)
        assert phone.ask(rrq()) == block(1)
        assert server.wait_done(1)[0][1].complete is False
        for one in forged:
            one.sock.close()


def test_a_client_that_goes_on_keeps_its_place_while_others_wait(monkeypatch):
    monkeypatch.setattr(tftp, "STALLED", 0.5)
    with (
        serving(FILES, max_transfers=1) as server,
        phone_of(server) as one,
        phone_of(server) as two,
    ):
        one.ask(rrq())
        for number in (1, 2, 3, 4):
            time.sleep(0.25)
            assert two.ask(rrq(), 0.05) is SILENCE
            assert one.ack(number) == block(number + 1)


def test_one_address_cannot_take_all_places():
    with (
        serving(FILES, max_per_address=1) as server,
        phone_of(server) as one,
        phone_of(server) as two,
        phone_of(server) as elsewhere,
    ):
        elsewhere.sock.bind(("127.0.0.2", 0))
        one.ask(rrq())
        assert two.ask(rrq(), 0.2) is SILENCE
        assert elsewhere.ask(rrq()) == block(1)


def test_an_answer_that_fails_is_logged_and_looks_like_no_file(caplog):
    def answer(request):
        raise ZeroDivisionError(request.file)

    with serving({}, answer=answer) as server, phone_of(server) as phone:
        assert phone.ask(rrq()) == NOT_FOUND
        assert phone.ask(rrq()) == NOT_FOUND
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("body", ["text", 1.5, ["a"]])
def test_an_answer_of_the_wrong_type_is_logged_and_looks_like_no_file(caplog, body):
    with serving({"a.cfg": body}) as server, phone_of(server) as phone:
        assert phone.ask(rrq()) == NOT_FOUND
    assert caplog.records[0].exc_info[0] is TypeError


def test_a_report_that_fails_is_logged_and_the_server_lives(caplog):
    class Forgetful(list):
        def append(self, item):
            raise ZeroDivisionError

    with serving(FILES) as server, phone_of(server) as phone:
        server.done = Forgetful()
        for _ in range(2):
            assert phone.ask(rrq(b"empty.cfg")) == b"\0\3\0\1"
            phone.say(ack(1))
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_it_stops_when_the_event_is_set_and_reports_what_was_under_way():
    done = []
    server = tftp.Server(
        lambda request: FILES.get(request.file),
        "127.0.0.1",
        0,
        on_done=lambda request, outcome: done.append(outcome),
    )
    stop = threading.Event()
    thread = threading.Thread(target=server.serve, args=[stop])
    thread.start()
    with phone_of(Running(FILES, port=server.port)) as phone:
        phone.ask(rrq())
        stop.set()
        thread.join(5)
    assert [outcome.error for outcome in done] == ["the server was stopped"]


def test_the_answer_comes_from_the_address_that_was_asked():
    with serving(FILES, host="0.0.0.0") as server, phone_of(server) as phone:
        phone.door = ("127.0.0.9", server.port)
        assert phone.ask(rrq()) == block(1)
        assert phone.tid[0] == "127.0.0.9"
        assert phone.ask(rrq(b"unknown")) == NOT_FOUND
        assert phone.tid == phone.door


@pytest.mark.parametrize("options", [[], [b"windowsize", b"4"], [b"blksize", b"100"]])
def test_a_client_that_loses_packets_completes(options):
    """One in five packets is lost, in either direction; the seed makes it the same each time."""
    chance = random.Random(7)
    with serving(FILES, timeout=0.05, retries=12) as server, phone_of(server) as phone:
        got = receive_losing(phone, rrq(b"a.cfg", *options), chance)
        assert got == BODY
        assert server.wait_done(1)[0][1].sent == len(BODY)


def receive_losing(phone: Phone, request: bytes, chance: random.Random) -> bytes:
    parts: list[bytes] = []
    size, last = (100 if b"blksize" in request else 512), request
    phone.say(last)
    while not parts or len(parts[-1]) == size:
        datagram = phone.hear(0.5)
        if datagram is not None and chance.random() < 0.2:
            continue
        if datagram is not None and datagram[:2] == b"\0\6":
            last = ack(0)
        elif datagram is not None and datagram[2:4] == (len(parts) + 1).to_bytes(2, "big"):
            parts.append(datagram[4:])
            last = ack(len(parts))
        if chance.random() >= 0.2:
            phone.say(last)
    phone.say(last)
    return b"".join(parts)


def test_it_serves_where_there_is_no_epoll(monkeypatch):
    monkeypatch.setattr(tftp, "new_poller", SelectorPoller)
    with serving(FILES) as server:
        for _ in range(3):
            with phone_of(server) as phone:
                assert phone.ask(rrq()) == block(1)
                for number in range(1, 6):
                    assert phone.ack(number) == block(number + 1)
                phone.say(ack(6))
        assert all(outcome.complete for _, outcome in server.wait_done(3))


def test_it_outlives_ten_thousand_random_datagrams(server):
    chance = random.Random(20261122)
    with phone_of(server) as noise:
        for number in range(10_000):
            noise.sock.sendto(nonsense(chance), noise.door)
            if number % 100 == 0:  # let the loop drink: a drop tests nothing
                time.sleep(0.002)
    with phone_of(server) as phone:
        assert phone.ask(rrq(b"short.cfg")) == b"\0\3\0\1a\nb\rc"


def nonsense(chance: random.Random) -> bytes:
    """Noise, or a good packet with a few octets of it spoilt, cut short or doubled."""
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(600))
    if kind == 1:
        return bytes([0, chance.randrange(8)]) + chance.randbytes(chance.randrange(60))
    packet = bytearray(rrq(b"a.cfg", b"blksize", b"1428", b"windowsize", b"8", b"tsize", b"0"))
    for _ in range(chance.randrange(4)):
        packet[chance.randrange(2, len(packet))] = chance.randrange(256)
    cut = packet[: chance.randrange(len(packet))] if kind == 2 else packet
    return bytes(cut * chance.choice([1, 1, 1, 2]))


def test_a_transfer_in_full_swing_outlives_noise_on_its_own_port(server):
    chance = random.Random(4)
    for _ in range(200):
        with phone_of(server) as phone:
            phone.ask(rrq())
            for _ in range(5):
                phone.say(bytes([0, 4]) + chance.randbytes(chance.randrange(5)))
            phone.say(chance.randbytes(chance.randrange(40)))
    with phone_of(server) as phone:
        assert phone.ask(rrq(b"short.cfg")) == b"\0\3\0\1a\nb\rc"
