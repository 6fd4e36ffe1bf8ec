"""What a hostile phone sends is refused with SipError or read, and never anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.transports import sip_digest
from provisioning.transports.sip_exchange import Exchange, Sender, Target, Timers
from provisioning.transports.sip_messages import Request, Response, SipError, build, parse
from provisioning.transports.sip_subscribe import read_subscribe, readable, reply_to

PEER, HERE = ("10.0.0.9", 5060), ("10.0.0.5", 40000)
text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=60)
crooked = st.one_of(
    text,
    st.text(st.sampled_from('sip:MAC0aF@"<>;,=\\% []/'), max_size=40),
    st.sampled_from(["<sip:MAC001565abcdef@224.0.1.75>;tag=1", "sip:a@10.0.0.9:70000", "<sip:@>"]),
)


def message(data, kind, *start):
    names = ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Event", "Accept", "Max-Forwards")
    usual = {
        "Via": "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;rport",
        "From": "<sip:MAC001565abcdef@224.0.1.75>;tag=1",
        "To": "<sip:MAC001565abcdef@224.0.1.75>",
        "Call-ID": "1",
        "CSeq": "1 SUBSCRIBE",
        "Contact": "<sip:a@10.0.0.9:5060>",
        "Event": 'ua-profile;vendor="Yealink"',
        "Accept": "application/url",
        "Max-Forwards": "70",
    }
    for name in data.draw(st.lists(st.sampled_from(names), max_size=3)):
        usual[name] = data.draw(crooked)
    return kind(*start, tuple(usual.items()))


@given(st.data())
def test_a_crooked_subscribe_is_answered_or_refused(data):
    asked = message(data, Request, "SUBSCRIBE", "sip:x@224.0.1.75")
    try:
        request = parse(build(asked))
        if read_subscribe(request, PEER[0]):
            replies = reply_to(request, PEER, HERE, "http://desk/x")
    except SipError as refusal:
        assert str(refusal)
        return
    if read_subscribe(request, PEER[0]):
        assert parse(replies.accepted).code == 200
        assert parse(replies.notify).body == b"http://desk/x"
        assert 0 < replies.port < 65536


@given(st.lists(st.one_of(crooked, text.map("Digest {}".format)), max_size=3), st.booleans())
def test_a_crooked_challenge_ends_an_exchange_or_is_answered(lines, proxy):
    code = 407 if proxy else 401
    asked = sip_digest.ANSWERS[code][0]
    target = Target("10.0.0.9", credentials=sip_digest.Credentials("200", "secret"))
    exchange = Exchange(target, Sender(*HERE), Timers(), 0.0)
    exchange.begin(0.0)
    response = Response(code, "Who?", tuple((asked, line) for line in lines))
    following = exchange.hear(response, 1.0)
    assert bool(following) != bool(exchange.outcome)


@given(crooked, crooked, crooked, crooked)
def test_a_digest_of_crooked_words_can_be_sent(realm, nonce, opaque, algorithm):
    line = (
        f"Digest realm={sip_digest.quoted(realm)}, nonce={sip_digest.quoted(nonce)}, "
        f"opaque={sip_digest.quoted(opaque)}, algorithm={sip_digest.quoted(algorithm)}"
    )
    target = Target("10.0.0.9", credentials=sip_digest.Credentials("200", "secret"))
    exchange = Exchange(target, Sender(*HERE), Timers(), 0.0)
    exchange.begin(0.0)
    following = exchange.hear(Response(401, "", (("WWW-Authenticate", line),)), 1.0)
    assert following is None or parse(following).first("Authorization")


@given(st.integers(100, 699), text)
def test_every_final_code_ends_an_exchange(code, reason):
    exchange = Exchange(Target("10.0.0.9"), Sender(*HERE), Timers(), 0.0)
    exchange.begin(0.0)
    assert exchange.hear(Response(code, reason, ()), 1.0) is None
    assert bool(exchange.outcome) == (code >= 200)


@pytest.mark.parametrize("url", ["http://x/\r\nEvent: y", "http://x/\0", "http://é", "x" * 2000])
def test_a_url_that_no_phone_can_read_is_refused(url):
    with pytest.raises(ValueError, match="no phone"):
        readable(url)
