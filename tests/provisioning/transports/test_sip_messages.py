"""SIP messages: what phones send is read, what could be misread is never written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioning.transports.sip_fields import (
    parse_address,
    parse_uri,
    parse_value,
    parse_via,
    quoted,
    split,
    unquoted,
    uri_of,
)
from provisioning.transports.sip_messages import Request, Response, SipError, build, parse, take

HEADERS = (
    ("Via", "SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bKabc"),
    ("From", "<sip:belldesk@10.0.0.5>;tag=one"),
    ("To", "<sip:200@10.0.0.9:5060>"),
    ("Call-ID", "a84b4c76e66710@10.0.0.5"),
    ("CSeq", "1 NOTIFY"),
)
NOTIFY = Request("NOTIFY", "sip:200@10.0.0.9:5060", HEADERS)

# Its Event and users are a real Yealink T21's; compact names and the fold are added.
SUBSCRIBE = (
    b"SUBSCRIBE sip:MAC001565abcdef@224.0.1.75 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.168.1.50:5060;branch=z9hG4bK1876\r\n"
    b"f: <sip:MAC001565abcdef@224.0.1.75>;tag=77\r\n"
    b"t:<sip:MAC001565abcdef@224.0.1.75>\r\n"
    b"i : 99@192.168.1.50\r\n"
    b"CSeq: 1 SUBSCRIBE\r\n"
    b'o: ua-profile;profile-type="device";vendor="Yealink";\r\n\tmodel="T21D";version="34.72"\r\n'
    b"m: <sip:MAC001565abcdef@192.168.1.50:5060>\r\n"
    b"l: 0\r\n\r\n"
)


def wire(first=b"NOTIFY sip:a@b SIP/2.0", *more, body=b""):
    lines = [f"{name}: {value}".encode() for name, value in HEADERS]
    return b"\r\n".join([first, *lines, *more, b"", b""]) + body


def test_it_reads_compact_and_folded_headers():
    message = parse(SUBSCRIBE)
    assert (message.method, message.uri) == ("SUBSCRIBE", "sip:MAC001565abcdef@224.0.1.75")
    assert message.first("call-id") == "99@192.168.1.50"
    value, params = parse_value(message.first("Event"))
    assert value == "ua-profile"
    assert params["vendor"] == "Yealink" and params["model"] == "T21D"
    assert message.cseq() == (1, "SUBSCRIBE")


def test_it_reads_bare_line_feeds():
    assert parse(SUBSCRIBE.replace(b"\r\n", b"\n")) == parse(SUBSCRIBE)


def test_it_reads_a_response_without_a_reason():
    message = parse(wire(b"sip/2.0 200"))
    assert isinstance(message, Response)
    assert (message.code, message.reason) == (200, "")


def test_it_reads_several_values_on_one_line_and_on_several():
    message = parse(wire(b"SIP/2.0 200 OK", b'Contact: "a, b" <sip:x@y>, <sip:z@y>', b"m: sip:q@y"))
    assert message.values("Contact") == ['"a, b" <sip:x@y>', "<sip:z@y>", "sip:q@y"]


def test_it_drops_what_follows_the_content_length():
    assert parse(wire(b"SIP/2.0 200 OK", b"Content-Length: 2", body=b"abcd")).body == b"ab"


def test_it_takes_a_whole_datagram_without_a_content_length():
    assert parse(wire(b"SIP/2.0 200 OK", body=b"abcd")).body == b"abcd"


@pytest.mark.parametrize(
    ("datagram", "words"),
    [
        (b"", "do not end"),
        (wire()[:-2], "do not end"),
        (wire(b"GET / HTTP/1.1"), "does not begin"),
        (wire(b"NOTIFY sip:a@b SIP/3.0"), "does not begin"),
        (wire(b"NOTIFY  sip:a@b SIP/2.0"), "does not begin"),
        (wire(b"SIP/2.0 099 Odd"), "does not begin"),
        (wire(b"SIP/2.0 200 OK", b"Content-Length: 5", body=b"abcd"), "shorter"),
        (wire(b"SIP/2.0 200 OK", b"Content-Length: -1"), "Content-Length"),
        (wire(b"SIP/2.0 200 OK", b"Content-Length: 1", b"l: 2"), "Content-Length"),
        (wire(b"SIP/2.0 200 OK", "Content-Length: ٣".encode()), "Content-Length"),
        (wire(b"SIP/2.0 200 OK", b"Call-ID: other"), "Call-ID is there twice"),
        (wire(b"SIP/2.0 200 OK", b"X-A: b\0c"), "X-A holds"),
        (wire(b"SIP/2.0 200 OK", b"X-A: b\rY: c"), "X-A holds"),
        (wire(b"SIP/2.0 200 OK", b"no header"), "is not a header"),
        (wire(b"SIP/2.0 200 OK", b"X: " + b"y" * 9000), "too long"),
        (wire(b"SIP/2.0 200 OK", *[b"X: y"] * 200), "too many"),
        (wire(b"SIP/2.0 200 OK", *[b"X: " + b"y" * 8000] * 5), "too long"),
        (wire().replace(b"Call-ID", b"Call-IE"), "Call-ID is missing"),
        (b"x" * 70000 + b"\r\n\r\n", "too long"),
    ],
)
def test_it_refuses_what_is_not_sip(datagram, words):
    with pytest.raises(SipError, match=words):
        parse(datagram)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0", "\x0b", "\x85\n"])
@pytest.mark.parametrize("name", ["Event", "Contact", "X-Anything"])
def test_it_refuses_to_write_a_line_break_and_names_the_field(name, end):
    evil = f"check-sync{end}Contact: <sip:thief@10.6.6.6>"
    with pytest.raises(SipError, match=name):
        build(Request("NOTIFY", "sip:a@b", (*HEADERS, (name, evil))))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Request("NOT IFY", "sip:a@b", HEADERS), "method"),
        (Request("NOTIFY", "sip:a@b SIP/2.0\r\nX: y", HEADERS), "Request-URI"),
        (Request("NOTIFY", "sip:a b@c", HEADERS), "Request-URI"),
        (Request("NOTIFY", "sip:a@b", (*HEADERS, ("X:\r\nY", "z"))), "name of a header"),
        (Request("NOTIFY", "sip:a@b", (*HEADERS, ("l", "99"))), "counted"),
        (Request("NOTIFY", "sip:a@b", (*HEADERS, ("X", "\ud800"))), "UTF-8"),
        (Response(200, "OK\r\nX: y", HEADERS), "Reason-Phrase"),
        (Response(99, "OK", HEADERS), "99"),
    ],
)
def test_it_refuses_to_write_what_would_be_misread(message, words):
    with pytest.raises(SipError, match=words):
        build(message)


def test_a_stream_is_read_message_by_message():
    stream = build(Request("NOTIFY", "sip:a@b", HEADERS, b"body")) + build(NOTIFY)
    first, size = take(b"\r\n\r\n" + stream)
    assert first.body == b"body"
    second, rest = take(stream[size - 4 :])
    assert (second, rest) == (NOTIFY, len(stream) - size + 4)


def test_a_stream_waits_for_the_whole_of_a_message():
    whole = build(Request("NOTIFY", "sip:a@b", HEADERS, b"body"))
    assert all(take(whole[:size]) is None for size in range(len(whole)))
    with pytest.raises(SipError, match="too long"):
        take(b"X" * 40000)


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ('"Joe \\"<x>\\" Doe" <sip:a@b;lr>;TAG=1', 'Joe "<x>" Doe', "sip:a@b;lr", {"tag": "1"}),
        ("Joe Doe <sip:a@b>", "Joe Doe", "sip:a@b", {}),
    ],
)
def test_it_reads_addresses(text, display, uri, params):
    assert parse_address(text) == (display, uri, params)


@pytest.mark.parametrize("text", ['"a <sip:b>', "<sip:b", '"a" b <sip:c>', "<sip:a> b", 'a"<b>'])
def test_it_refuses_crooked_addresses(text):
    with pytest.raises(SipError):
        parse_address(text)


def test_it_reads_uris():
    assert parse_uri("sip:MAC%3a0004131234ab@224.0.1.75").user == "MAC:0004131234ab"
    assert parse_uri("SIPS:a@[2001:DB8::1]:5061;transport=tcp")[2:] == (
        "2001:db8::1",
        5061,
        {"transport": "tcp"},
    )
    for wrong in ("tel:123", "sip:", "sip:a@b:99999", "sip:a%0d%0ab@c", "sip:a@b c"):
        with pytest.raises(SipError):
            parse_uri(wrong)


def test_it_reads_via():
    via = parse_via("SIP / 2.0 / UDP 10.0.0.5 : 5070 ; branch=z9 ;received=10.0.0.6; rport")
    assert via == ("UDP", "10.0.0.5", 5070, {"branch": "z9", "received": "10.0.0.6", "rport": ""})


def test_it_escapes_the_user_of_a_uri():
    uri = uri_of("a b@c\r\n<x>", "2001:db8::1", 5060, "tcp")
    assert uri == "sip:a%20b%40c%0D%0A%3Cx%3E@[2001:db8::1]:5060;transport=tcp"


@given(st.binary(max_size=400))
@example(SUBSCRIBE)
def test_random_octets_are_a_message_or_refused(data):
    for read in (parse, take):
        try:
            read(data)
        except SipError as error:
            assert str(error)


@given(st.data())
def test_a_damaged_message_is_a_message_or_refused(data):
    damaged = bytearray(SUBSCRIBE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        message = parse(bytes(damaged))
        message.cseq()
        parse_address(message.first("From"))
        message.values("Contact")
    except SipError:
        return
    assert parse(build(message)) == message


@given(st.text(alphabet=st.sampled_from('ab"\\<>;:,=@ %\r\n[]\u00e9'), max_size=60))
def test_random_fields_are_read_or_refused(text):
    for read in (parse_address, parse_uri, parse_via, parse_value, lambda text: split(text, ",")):
        try:
            read(text)
        except SipError as error:
            assert str(error)


names = st.from_regex(r"X-[A-Za-z0-9.!%*_+`'~-]{1,20}", fullmatch=True)
values = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=60).map(
    lambda text: text.strip(" \t")
)


@given(st.lists(st.tuples(names, values), max_size=8), st.binary(max_size=200))
def test_what_is_written_reads_the_same(headers, body):
    for message in (
        Request("NOTIFY", "sip:a@b", (*HEADERS, *headers), body),
        Response(401, "Who?", (*HEADERS, *headers), body),
    ):
        written = build(message)
        assert parse(written) == message
        assert take(written) == (message, len(written))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=40))
def test_what_is_quoted_reads_the_same(text):
    assert unquoted(quoted(text)) == text
