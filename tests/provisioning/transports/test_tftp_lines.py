"""A line serves one client after the other: none may meet what belongs to the one before."""

import select
import socket

import pytest

from provisioning.transports import tftp_lines
from provisioning.transports.tftp_lines import Lines
from provisioning.transports.tftp_sockets import SelectorPoller
from tests.provisioning.transports.test_tftp_packets import (
    BODY,
    FILES,
    Phone,
    ack,
    block,
    phone_of,
    rrq,
)
from tests.provisioning.transports.tftp_server import serving

HOST = "127.0.0.1"


@pytest.fixture
def server():
    with serving(FILES) as running:
        yield running


@pytest.fixture
def lines():
    poller = SelectorPoller()
    lines = Lines(socket.AF_INET, poller)
    yield lines
    lines.close()
    poller.close()


@pytest.fixture
def client():
    with udp() as sock:
        yield sock


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((HOST, 0))
    sock.settimeout(5)
    return sock


def waits(sock: socket.socket, seconds: float = 5) -> bool:
    return bool(select.select([sock], [], [], seconds)[0])


def whole_file(phone: Phone, name: bytes = b"short.cfg") -> None:
    assert phone.ask(rrq(name)) == b"\0\3\0\1a\nb\rc"
    phone.say(ack(1))


def test_the_next_client_gets_the_line_of_the_one_before(server):
    tids = set()
    for count in range(1, 6):
        with phone_of(server) as phone:
            whole_file(phone)
            tids.add(phone.tid)
        server.wait_done(count)
    assert len(tids) == 1


def test_clients_at_the_same_time_have_lines_of_their_own(server):
    with phone_of(server) as one, phone_of(server) as two:
        assert [one.ask(rrq()), two.ask(rrq())] == [block(1), block(1)]
        assert one.tid != two.tid
        assert [one.ack(1), two.ack(1)] == [block(2), block(2)]


def test_a_client_that_asks_again_from_its_port_meets_another_tid(server):
    with phone_of(server) as one, phone_of(server) as two:
        for phone in (one, two):
            phone.ask(rrq(b"short.cfg"))
        for phone in (one, two):
            phone.say(ack(1))
        server.wait_done(2)
        before = one.tid
        with phone_of(server) as other:
            other.ask(rrq())
            assert one.ask(rrq()) == block(1)
        assert one.tid != before


def test_who_spoke_on_the_line_before_cannot_speak_on_it_now(server):
    with phone_of(server) as before, phone_of(server) as phone:
        whole_file(before)
        server.wait_done(1)
        for late in (ack(1), b"\0\5\0\0stop\0", b"\0\3\0\1data"):
            before.say(late)
        assert phone.ask(rrq()) == block(1)
        assert phone.tid == before.tid
        for late in (ack(1), b"\0\5\0\0stop\0", b"\0\3\0\1data"):
            before.say(late)
        assert phone.hear(0.2) is None
        for number in range(1, len(BODY) // 512 + 1):
            assert phone.ack(number) == block(number + 1)


def test_what_waits_on_a_line_is_not_taken_for_the_next_clients(lines, client):
    with udp() as before:
        line = lines.take(before.getsockname(), HOST)
        before.sendto(b"late", line.sock.getsockname())
        assert waits(line.sock)
        lines.give_back(line)
        assert lines.take(client.getsockname(), HOST) is line
    assert not waits(line.sock, 0)
    client.sendto(b"mine", line.sock.getsockname())
    assert line.recv(100) == b"mine"


def test_a_closed_port_is_not_told_to_the_next_client(lines, client):
    with udp() as before:
        line = lines.take(before.getsockname(), HOST)
    line.send(b"nobody hears this")
    assert waits(line.sock)  # ICMP: port unreachable
    lines.give_back(line)
    assert lines.take(client.getsockname(), HOST) is line
    line.send(b"heard")
    assert client.recv(100) == b"heard"


def test_a_line_keeps_the_address_that_the_client_asked(lines, client):
    line = lines.take(client.getsockname(), "127.0.0.9")
    lines.give_back(line)
    other = lines.take(client.getsockname(), HOST)
    assert other is not line
    other.send(b"from here")
    assert client.recvfrom(100)[1][0] == HOST
    assert lines.take(client.getsockname(), "127.0.0.9") is line


def test_a_client_that_cannot_be_reached_takes_no_line_away(lines, client):
    line = lines.take(client.getsockname(), HOST)
    lines.give_back(line)
    with pytest.raises(OSError):  # the broadcast address needs a leave that nobody gave
        lines.take(("255.255.255.255", 9), HOST)
    assert lines.take(client.getsockname(), HOST) is line


def test_a_storm_leaves_no_more_lines_than_are_kept(lines, client, monkeypatch):
    monkeypatch.setattr(tftp_lines, "MOST_IDLE", 3)
    taken = [lines.take(client.getsockname(), HOST) for _ in range(5)]
    for line in taken:
        lines.give_back(line)
    assert list(lines.by_fd) == [line.fd for line in taken[:3]]
    assert [line.sock.fileno() for line in taken[3:]] == [-1, -1]
