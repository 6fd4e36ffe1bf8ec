"""SIP PnP: a new phone asks, gets 200 OK and then NOTIFY with its URL, or hears nothing."""

import contextlib
import itertools
import socket
import threading
import time
from pathlib import Path

import pytest

from provisioning.transports.sip_fields import SipError
from provisioning.transports.sip_messages import Response, build, parse
from provisioning.transports.sip_pnp import GROUP, Limits, PnpRequest, Responder
from tests.daemons import free_port

URL = "http://10.0.0.5/p/key/001565abcdef.cfg"
YEALINK = 'ua-profile;profile-type="device";vendor="Yealink";model="T21D";version="34.72.14.6"'
NUMBERS = itertools.count(1)


class Phone:
    """A phone's socket, and the SUBSCRIBE of a real one (vendors' samples) with changes."""

    def __init__(self, server, host="127.0.0.1"):
        self.server = server
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.settimeout(5)
        self.port = self.sock.getsockname()[1]

    def subscribe(self, user="MAC001565abcdef", event=YEALINK, *, number=0, contact="", **more):
        number = number or next(NUMBERS)
        headers = {
            "Via": f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{number}",
            "From": f"<sip:{user}@224.0.1.75>;tag=7{number}",
            "To": f"<sip:{user}@224.0.1.75>",
            "Call-ID": f"{number}@127.0.0.1",
            "CSeq": "1 SUBSCRIBE",
            "Contact": contact or f"<sip:{user}@127.0.0.1:{self.port}>",
            "Event": event,
            "Expires": "0",
            "Accept": "application/url",
        } | {name.replace("_", "-"): value for name, value in more.items()}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        first = f"SUBSCRIBE sip:{user}@224.0.1.75 SIP/2.0"
        text = "\r\n".join([first, *lines, "Content-Length: 0", "", ""])
        self.send(text.encode())
        return text

    def send(self, datagram):
        self.sock.sendto(datagram, self.server)

    def hear(self):
        datagram, self.speaker = self.sock.recvfrom(65535)
        return parse(datagram)

    def confirm(self, notify):
        kept = [(name, notify.first(name)) for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        self.sock.sendto(build(Response(200, "OK", tuple(kept))), self.speaker)

    def is_silent(self, seconds=0.4):
        self.sock.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            return not self.sock.recv(65535)
        return True


class Desk:
    def __init__(self, url=URL):
        self.url, self.asked = url, []

    def answer(self, request):
        self.asked.append(request)
        if isinstance(self.url, Exception):
            raise self.url
        return self.url


@contextlib.contextmanager
def responding(desk, host="127.0.0.1", ports=(0,), **options):
    responder = Responder(desk.answer, host=host, ports=ports, **options)
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        yield responder.ports
    finally:
        responder.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def phone(desk):
    with responding(desk) as [port]:
        phone = Phone(("127.0.0.1", port))
        yield phone
        phone.sock.close()


def test_a_phone_gets_ok_and_then_its_url(phone, desk):
    phone.subscribe(number=4711, Via=f"SIP/2.0/UDP 10.1.1.1:{phone.port};branch=z9hG4bK1;rport")
    accepted, notify = phone.hear(), phone.hear()
    assert (accepted.code, accepted.first("Call-ID")) == (200, "4711@127.0.0.1")
    assert accepted.first("CSeq") == "1 SUBSCRIBE"
    assert accepted.first("Expires") == "0"
    assert accepted.first("Via") == (
        f"SIP/2.0/UDP 10.1.1.1:{phone.port};branch=z9hG4bK1;rport={phone.port};received=127.0.0.1"
    )
    assert accepted.first("To").startswith("<sip:MAC001565abcdef@224.0.1.75>;tag=")
    assert accepted.first("Contact").startswith("<sip:127.0.0.1:")
    assert notify.uri == f"sip:MAC001565abcdef@127.0.0.1:{phone.port}"
    assert notify.first("From") == accepted.first("To")
    assert notify.first("To") == accepted.first("From")
    assert notify.first("Call-ID") == accepted.first("Call-ID")
    assert notify.first("Event") == YEALINK
    assert notify.first("Subscription-State") == "terminated;reason=timeout"
    assert notify.first("Content-Type") == "application/url"
    assert notify.body == URL.encode()
    assert desk.asked == [
        PnpRequest("001565abcdef", "Yealink", "T21D", "34.72.14.6", "127.0.0.1", "MAC001565abcdef")
    ]


@pytest.mark.parametrize(
    ("user", "event", "mac", "vendor", "model", "firmware"),
    [
        ("MAC%3a0004131234ab", 'ua-profile;vendor="OEM";model="OEM"', "0004131234ab", "", "", ""),
        (
            "MAC0c383e000001",
            'ua-profile;vendor="Fanvil";model="VOIP PHONE";version="2.4"',
            "0c383e000001",
            "Fanvil",
            "",
            "2.4",
        ),
        (
            "00000001",
            'ua-profile;profile-type="application";model="440HD";version="2.2.2"',
            "",
            "",
            "440HD",
            "2.2.2",
        ),
        ("001565123456", "ua-profile", "", "", "", ""),  # a number, for all that it says
    ],
    ids=["snom", "fanvil", "audiocodes", "bare number"],
)
def test_what_a_phone_does_not_say_is_not_guessed(
    phone, desk, user, event, mac, vendor, model, firmware
):
    phone.subscribe(user, event, User_Agent="AUDC-IPPhone/2.2.2")
    phone.hear()
    [asked] = desk.asked
    assert asked[:5] == (mac, vendor, model, firmware, "127.0.0.1")
    assert asked.user == user.replace("%3a", ":")
    assert asked.user_agent == "AUDC-IPPhone/2.2.2"


def test_no_url_is_silence(phone, desk):
    desk.url = None
    phone.subscribe()
    assert phone.is_silent()
    assert len(desk.asked) == 1


@pytest.mark.parametrize("fault", [RuntimeError("full disk"), "http://x/\r\nEvent: y", "http://é"])
def test_a_fault_of_the_callers_code_is_silence(phone, desk, fault, caplog):
    desk.url = fault
    phone.subscribe()
    assert phone.is_silent()
    assert "SIP PnP: answering 001565abcdef" in caplog.text
    desk.url = URL
    phone.subscribe()
    phone.sock.settimeout(5)
    assert phone.hear().code == 200


def test_a_repeated_subscribe_is_answered_the_same_without_asking_again(phone, desk):
    text = phone.subscribe()
    first = [phone.hear(), phone.hear()]
    phone.send(text.encode())
    assert [phone.hear(), phone.hear()] == first
    assert len(desk.asked) == 1
    phone.subscribe()
    phone.hear()
    assert len(desk.asked) == 2


def test_a_notify_without_an_answer_is_sent_again_until_there_is_one(phone):
    phone.subscribe()
    phone.hear()
    notify = phone.hear()
    assert phone.hear() == notify
    phone.confirm(notify)
    assert phone.is_silent(1.5)


def test_a_notify_is_repeated_a_few_times_only(phone):
    phone.subscribe()
    start = time.monotonic()
    heard = [phone.hear() for _ in range(5)]
    assert time.monotonic() - start == pytest.approx(3.5, abs=0.7)
    assert len(set(map(build, heard[1:]))) == 1
    assert phone.is_silent(1)


@pytest.mark.parametrize(
    "more",
    [
        {"event": "message-summary"},
        {"Event": None},
        {"CSeq": "1 NOTIFY"},
        {"CSeq": "x"},
        {"Accept": "application/pidf+xml"},
        {"Contact": "<tel:123>"},
        {"Contact": '"<sip:a@b'},
        {"From": "<sip:MAC@>"},
        {"Via": "HTTP/1.1 127.0.0.1"},
        {"Via": ","},
        {"event": 'ua-profile;vendor="Yea'},
    ],
    ids=str,
)
def test_what_is_malformed_or_no_pnp_is_silence(phone, more):
    phone.subscribe(**more)
    assert phone.is_silent()


def test_only_a_subscribe_is_answered(phone):
    text = phone.subscribe()
    phone.hear(), phone.hear()
    for other in (text.replace("SUBSCRIBE", "OPTIONS"), text[:-2], "\r\n\r\n", "\0" * 50):
        phone.send(other.replace("z9hG4bK", "z9hG4bKx").encode())
    phone.confirm(parse(text.encode()))
    assert phone.is_silent()


def test_a_contact_elsewhere_is_not_sent_to(phone):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind(("127.0.0.2", 0))
        victim.settimeout(0.5)
        phone.subscribe(contact=f"<sip:x@127.0.0.2:{victim.getsockname()[1]}>")
        assert [phone.hear().first("CSeq"), phone.hear().first("CSeq")] == [
            "1 SUBSCRIBE",
            "1 NOTIFY",
        ]
        with pytest.raises(TimeoutError):
            victim.recv(1)


def test_a_contact_on_another_port_of_the_phone_gets_the_notify(phone):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(5)
        phone.subscribe(contact=f"<sip:x@127.0.0.1:{other.getsockname()[1]}>")
        assert phone.hear().code == 200
        assert parse(other.recv(65535)).body == URL.encode()


def test_grandstreams_own_type_is_answered_in_kind(phone):
    phone.subscribe(Accept="application/x-gs-ucm-url")
    phone.hear()
    assert phone.hear().first("Content-Type") == "application/x-gs-ucm-url"


def test_it_listens_on_a_second_port():
    with responding(Desk(), ports=(0, 0)) as ports:
        for port in ports:
            phone = Phone(("127.0.0.1", port))
            phone.subscribe()
            assert phone.hear().code == 200
            phone.sock.close()


def test_a_flood_of_one_address_is_dropped(desk):
    with responding(desk, limits=Limits(per_address=5)) as [port]:
        phone = Phone(("127.0.0.1", port))
        for _ in range(50):
            phone.subscribe()
        time.sleep(0.5)
        assert len(desk.asked) == 5
        other = Phone(("127.0.0.1", port), "127.0.0.3")
        other.subscribe()
        assert other.hear().code == 200
        phone.sock.close()
        other.sock.close()


def test_it_remembers_no_more_than_it_may(desk):
    with responding(desk, limits=Limits(remembered=3)) as [port]:
        phone = Phone(("127.0.0.1", port))
        first = phone.subscribe()
        for _ in range(3):
            phone.subscribe()
        phone.send(first.encode())
        time.sleep(0.3)
        assert len(desk.asked) == 5
        phone.sock.close()


def multicast(phone, port):
    """Make the phone's socket send to the group, out of the loopback interface."""
    phone.server = (GROUP, port)
    here = socket.inet_aton("127.0.0.1")
    phone.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)


def test_the_group_is_joined_on_every_interface_and_answered_from_a_unicast_address(desk):
    with responding(desk, host=GROUP, ports=(free_port(socket.SOCK_DGRAM),)) as [port]:
        phone = Phone(("", 0))
        multicast(phone, port)
        phone.subscribe()
        assert phone.hear().code == 200
        assert phone.speaker[0] == "127.0.0.1"
        assert phone.hear().body == URL.encode()
        phone.sock.close()
        memberships = Path("/proc/net/igmp").read_text()
        joined = memberships.count("4B0100E0")  # 224.0.1.75, as the kernel writes it
        assert joined >= len(socket.if_nameindex())


def test_a_pbx_with_an_address_of_its_own_is_not_disturbed(desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("127.0.0.1", 0))
        pbx.settimeout(5)
        port = pbx.getsockname()[1]
        with responding(desk, host=GROUP, ports=(port,)):
            phone = Phone(("127.0.0.1", port))
            phone.subscribe()
            assert pbx.recv(65535).startswith(b"SUBSCRIBE")
            multicast(phone, port)
            phone.subscribe()
            assert phone.hear().code == 200
            phone.sock.close()
    assert len(desk.asked) == 1


def test_a_taken_port_is_said_with_the_remedy(desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("0.0.0.0", 0))
        with pytest.raises(SipError, match=r"is taken.*pjsip\.conf"):
            Responder(desk.answer, ports=(pbx.getsockname()[1],))
