from datetime import UTC, datetime, timedelta

import pytest

from provisioning.answer import (
    NOBODY,
    Request,
    Stored,
    decide,
    digest,
    inside,
    is_name_of,
    names_of,
    parsed,
)
from provisioning.identify import identify

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PHONE = Stored(
    phone_id=1,
    site_id=2,
    mac="0c383e000001",
    model="fanvil-x1sg",
    key_digest=digest("the key"),
    previous_digest=digest("the old key"),
    previous_until=NOW + timedelta(hours=1),
    networks="10.0.0.0/8 fd00::/8",
    revision_id=3,
    sha256="f" * 64,
)


def judge(stored=PHONE, now=NOW, **changes):
    values = {"file": "0c383e000001.cfg", "address": "10.0.0.9", "key": "the key"} | changes
    request = Request(**values)
    return decide(request, identify(request.file, request.user_agent), stored, now)


def test_the_right_key_is_served_from_anywhere():
    assert judge(address="203.0.113.9").served


@pytest.mark.parametrize("key", ["", "wrong", "The key", "the key ", digest("the key"), "\udcff"])
def test_any_other_key_is_wrong(key):
    assert judge(key=key).reason == "wrong_key"


def test_no_key_over_http_is_wrong_even_for_nobody():
    assert judge(key=None).reason == "wrong_key"
    assert judge(PHONE._replace(key_digest=digest("")), key=None).reason == "wrong_key"


def test_the_previous_key_ends_at_its_time():
    assert judge(key="the old key").served
    assert judge(key="the old key", now=NOW + timedelta(hours=1)).reason == "wrong_key"
    assert judge(PHONE._replace(previous_until=None), key="the old key").reason == "wrong_key"


@pytest.mark.parametrize("address", ["10.0.0.9", "::ffff:10.0.0.9", "fd00::9", "fd00::9%eth0"])
def test_tftp_is_served_inside_the_sites_networks(address):
    assert judge(address=address, key=None, transport="tftp").served


@pytest.mark.parametrize("address", ["11.0.0.9", "::ffff:11.0.0.9", "fe80::1", "", "unix:"])
def test_tftp_is_refused_outside(address):
    assert judge(address=address, key="the key", transport="tftp").reason == "not_allowed"


def test_each_refusal_has_its_reason():
    assert judge(None).reason == "unknown_phone"
    assert judge(file="0c383e000001.xml").reason == "unknown_file"
    assert judge(PHONE._replace(revision_id=None)).reason == "no_revision"
    assert judge(PHONE._replace(model="gone")).reason == "unknown_file"


def test_nobody_has_neither_names_nor_networks():
    assert names_of(NOBODY) == ()
    assert not judge(NOBODY, transport="tftp").served


@pytest.mark.parametrize(
    ("file", "is_its"),
    [
        ("0c383e000001.cfg", True),
        ("0C383E000001.CFG", True),
        ("/0c383e000001.cfg", True),
        ("0c:38:3e:00:00:01.cfg", True),
        ("0C-38-3E-00-00-01.cfg", True),
        ("0c38.3e00.0001.cfg", True),
        ("0c383e000001", False),
        ("0c383e000002.cfg", False),
        ("0c383e000001.cfg ", False),
        ("x/0c383e000001.cfg", False),
        ("../0c383e000001.cfg", False),
        ("0c383e000001.cfg\0", False),
        ("", False),
    ],
)
def test_a_file_is_its_own_in_every_notation_and_nothing_else(file, is_its):
    assert is_name_of(PHONE, file) is is_its


def test_the_narrowest_network_is_told():
    assert str(inside("10.1.2.3", "0.0.0.0/0 10.1.0.0/16 10.0.0.0/8")) == "10.1.0.0/16"
    assert inside("10.1.2.3", "") is None


def test_a_network_that_cannot_be_read_hinders_no_other():
    assert [str(network) for network in parsed("rubbish, 10.0.0.1/8 300.0.0.0/8")] == ["10.0.0.0/8"]
