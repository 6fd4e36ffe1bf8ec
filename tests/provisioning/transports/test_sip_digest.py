"""Digest answers, held against the examples that the RFCs print."""

import pytest

from provisioning.transports.sip_digest import Credentials, answer, challenge_of
from provisioning.transports.sip_fields import parse_params, split
from provisioning.transports.sip_messages import Response, SipError

MUFASA = Credentials("Mufasa", "Circle Of Life")


def challenged(*lines, code=401, header="WWW-Authenticate"):
    return challenge_of(Response(code, "Who?", tuple((header, line) for line in lines)))


def words(text):
    return parse_params(split(text.removeprefix("Digest "), ","))


def test_it_answers_the_example_of_rfc_2617():
    challenge = challenged(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    found = words(answer(challenge, MUFASA, "GET", "/dir/index.html", cnonce="0a4f113b"))
    assert found["response"] == "6629fae49393a05397450978507c4ef1"
    assert found["nc"] == "00000001"
    assert found["qop"] == "auth"
    assert found["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"


def test_it_answers_the_sha_256_example_of_rfc_7616():
    challenge = challenged(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
    )
    credentials = Credentials("Mufasa", "Circle of Life")
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    found = words(answer(challenge, credentials, "GET", "/dir/index.html", cnonce=cnonce))
    assert found["response"] == ("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")
    assert found["algorithm"] == "SHA-256"


def test_it_answers_without_qop_as_old_phones_ask():
    # RFC 2069, with the correction of its erratum 749
    challenge = challenged(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    )
    credentials = Credentials("Mufasa", "CircleOfLife")
    found = words(answer(challenge, credentials, "GET", "/dir/index.html"))
    assert found["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert "nc" not in found and "cnonce" not in found


def test_a_session_hash_takes_the_nonces_in():
    challenge = challenged('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess')
    one = answer(challenge, MUFASA, "NOTIFY", "sip:a@b", cnonce="x")
    # H(H(H(u:r:p):n:x) : n : 00000001 : x : auth : H(NOTIFY:sip:a@b)), by md5sum
    assert words(one)["response"] == "65e7f8d2900c2068ca2b8f3b86be03ef"
    assert words(one)["algorithm"] == "MD5-sess"


def test_it_takes_the_first_challenge_it_can_answer():
    md5 = 'Digest realm="a", nonce="1", algorithm=MD5'
    unknown = 'Digest realm="b", nonce="2", algorithm=SHA-512-256'
    sha256 = 'Digest realm="c", nonce="3", algorithm=SHA-256'
    assert challenged("Basic realm=x", unknown, sha256, md5).realm == "c"
    assert challenged(unknown) is None
    assert challenged('Digest realm="a", nonce="1", qop="auth-int"') is None
    assert challenged('Digest realm="a') is None
    assert challenged(md5, code=200) is None


def test_a_proxy_is_answered_in_its_own_header():
    line = 'Digest realm="a", nonce="1", stale=TRUE'
    challenge = challenged(line, code=407, header="Proxy-Authenticate")
    assert challenge.header == "Proxy-Authorization"
    assert challenge.stale


def test_a_quote_in_a_user_is_escaped_and_a_line_break_refused():
    challenge = challenged('Digest realm="a \\"b\\"", nonce="1"')
    text = answer(challenge, Credentials('jo"e', "x"), "NOTIFY", "sip:a@b")
    assert 'username="jo\\"e", realm="a \\"b\\""' in text
    with pytest.raises(SipError):
        answer(challenge, Credentials("a\r\nb", "x"), "NOTIFY", "sip:a@b")


def test_a_password_is_not_shown():
    assert "Circle" not in repr(MUFASA)
