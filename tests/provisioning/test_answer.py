from datetime import UTC, datetime, timedelta

import pytest

from provisioning.answer import NOBODY, Request, Stored, decide, digest, is_name_of, names_of
from provisioning.identify import identify

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AFTER = NOW + timedelta(hours=72)
HOME, AWAY = "203.0.113.9", "198.51.100.9"
PHONE = Stored(
    phone_id=1,
    site_id=2,
    mac="0c383e000001",
    model="fanvil-x1sg",
    key_digest=digest("the key"),
    previous_digest=digest("the old key"),
    previous_until=NOW + timedelta(hours=1),
    networks="10.0.0.0/8 fd00::/8",
    own_digest=digest("its own key"),
    own_previous_digest=digest("its old own key"),
    own_previous_until=NOW + timedelta(hours=1),
    armed_until=NOW + timedelta(hours=72),
    revision_id=3,
    sha256="f" * 64,
)


PINNED = PHONE._replace(pinned_network="203.0.113.0/24")
LAN = PHONE._replace(policy="lan", armed_until=None)
STRICT = PHONE._replace(policy="strict")


def judge(stored=PHONE, now=NOW, banned=False, **changes):
    values = {"file": "0c383e000001.cfg", "address": "10.0.0.9", "key": "the key"} | changes
    request = Request(**values)
    return decide(request, identify(request.file, request.user_agent), stored, now, banned)


def test_in_its_window_a_phone_is_served_and_pinned_to_where_it_is():
    assert judge(address=HOME)[0::5] == ("", "203.0.113.0/24")
    assert judge(address="2001:db8:1:2:3::4").pin == "2001:db8:1:2::/64"
    assert judge(address="::ffff:203.0.113.9").pin == "203.0.113.0/24"


def test_it_is_pinned_to_a_narrower_network_of_its_site():
    narrow = PHONE._replace(networks="10.0.0.0/8 203.0.113.8/29")
    assert judge(narrow, address=HOME).pin == "203.0.113.8/29"
    assert judge(narrow, address="10.1.2.3").pin == "10.1.2.0/24"


def test_what_has_no_address_cannot_be_pinned_and_is_not_served():
    assert judge(address="").reason == "other_network"
    assert judge(address="unix:").reason == "other_network"


def test_after_its_window_a_phone_that_was_never_there_is_refused():
    assert judge(now=AFTER, address=HOME).reason == "closed_window"
    assert judge(PHONE._replace(armed_until=None)).reason == "closed_window"


def test_a_pinned_phone_is_served_from_there_only_in_its_window_and_after():
    for now in (NOW, AFTER):
        verdict = judge(PINNED, now, address="203.0.113.200")
        assert verdict.served and verdict.pin == ""
        assert judge(PINNED, now, address=AWAY).reason == "other_network"
        assert judge(PINNED, now, address="203.0.114.9").reason == "other_network"
        assert judge(PINNED, now, address="").reason == "other_network"


@pytest.mark.parametrize("key", ["its own key", "its old own key"])
@pytest.mark.parametrize("policy", ["lan", "armed", "strict"])
def test_its_own_key_opens_a_phone_from_anywhere_and_at_any_time(key, policy):
    phone = PINNED._replace(policy=policy, armed_until=None)
    verdict = judge(phone, key=key, address=AWAY, banned=True)
    assert verdict.served and not verdict.bootstrap


def test_its_own_key_opens_no_other_phone():
    other = PHONE._replace(mac="0c383e000002", own_digest=digest("another"))
    assert judge(other, file="0c383e000002.cfg", key="its own key").reason == "wrong_key"
    assert judge(PHONE._replace(own_digest=None), key="its own key").reason == "wrong_key"


@pytest.mark.parametrize("key", ["its old own key", "the old key"])
def test_a_rotated_key_is_old_after_its_overlap(key):
    assert judge(key=key, now=NOW + timedelta(hours=1)).reason == "old_key"
    phone = PHONE._replace(own_previous_until=None, previous_until=None)
    assert judge(phone, key=key).reason == "old_key"


def test_a_lan_site_serves_inside_its_networks_and_needs_no_window():
    assert judge(LAN).served
    assert judge(LAN, address=HOME).reason == "not_allowed"
    assert (
        judge(LAN._replace(pinned_network="203.0.113.0/24"), address=HOME).reason == "not_allowed"
    )


def test_a_strict_site_gives_the_bootstrap_for_its_key_and_in_the_window_only():
    verdict = judge(STRICT, address=HOME)
    assert verdict.served and verdict.bootstrap and verdict.pin == "203.0.113.0/24"
    pinned = STRICT._replace(pinned_network="203.0.113.0/24")
    assert judge(pinned, address=HOME).bootstrap
    assert judge(pinned, address=AWAY).reason == "other_network"
    assert judge(pinned, AFTER, address=HOME).reason == "closed_window"


def test_a_strict_site_gives_the_bootstrap_to_a_phone_that_has_no_file_yet():
    assert judge(STRICT._replace(revision_id=None)).bootstrap
    assert judge(STRICT._replace(revision_id=None), key="its own key").reason == "no_revision"


def test_tftp_needs_the_window_or_the_pinned_network_besides():
    over = {"key": None, "transport": "tftp"}
    assert judge(**over).pin == "10.0.0.0/24"
    assert judge(now=AFTER, **over).reason == "closed_window"
    pinned = PHONE._replace(pinned_network="10.0.0.0/24")
    assert judge(pinned, AFTER, **over).served
    assert judge(pinned, address="10.0.1.9", **over).reason == "other_network"
    assert judge(LAN, **over).served
    assert judge(STRICT, **over).bootstrap


def test_a_ban_stops_the_sites_key_but_not_a_phone_at_home():
    assert judge(banned=True).reason == "banned"
    assert judge(LAN, banned=True).reason == "banned"
    assert judge(PINNED, address=HOME, banned=True).served
    assert judge(LAN._replace(pinned_network="10.0.0.0/24"), banned=True).served


@pytest.mark.parametrize("key", ["", "wrong", "The key", "the key ", digest("the key"), "\udcff"])
def test_any_other_key_is_wrong(key):
    assert judge(key=key).reason == "wrong_key"


def test_no_key_over_http_is_wrong_even_for_nobody():
    assert judge(key=None).reason == "wrong_key"
    assert judge(PHONE._replace(key_digest=digest("")), key=None).reason == "wrong_key"


def test_the_previous_key_ends_at_its_time():
    assert judge(key="the old key").served
    assert judge(key="the old key", now=NOW + timedelta(hours=1)).reason == "old_key"


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
