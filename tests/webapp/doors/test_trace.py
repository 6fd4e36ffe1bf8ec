"""Fetch as this phone: the same answer as the phone would get, with the reasons, and no trace."""

from datetime import timedelta

import pytest

from tests.webapp.doors.cast import BODY, MAC, add_phone, add_site, commit
from webapp.doors.trace import fetch_as
from webapp.extensions import utcnow
from webapp.models import Fetch


@pytest.mark.parametrize("via", ["http", "tftp"])
def test_it_shows_what_the_phone_would_get(door, via):
    trace = fetch_as("0C:38:3E:00:00:01", via=via)
    assert (trace.status, trace.reason, trace.served) == (200, "", True)
    assert trace.body == BODY
    assert (trace.file, trace.name) == (f"{MAC}.cfg", f"{MAC}.cfg")
    assert trace.revision_id == door.phone.revision_id
    assert door.logged(Fetch.newest_first()) == []


def test_it_says_what_let_it_in(door):
    old = door.key
    door.site.new_key(utcnow() + timedelta(hours=1))
    commit()
    assert fetch_as(MAC).proof == "key"
    assert fetch_as(MAC, key=old).proof == "previous_key"
    assert fetch_as(MAC, via="tftp", address="10.1.2.3").proof == "10.0.0.0/8"


def test_it_says_why_not(door):
    add_phone(door.site, "0c383e000002", body=None)
    assert fetch_as(MAC, key="wrong").reason == "wrong_key"
    assert fetch_as(MAC, key="wrong").proof == ""
    assert fetch_as(MAC, file="other.cfg").reason == "unknown_phone"
    assert fetch_as(MAC, file=f"{MAC}.xml").reason == "unknown_file"
    assert fetch_as(MAC, file=f"{MAC}.xml").names == (f"{MAC}.cfg", f"{MAC.upper()}.cfg")
    assert fetch_as(MAC, via="tftp", address="8.8.8.8").reason == "not_allowed"
    assert fetch_as("0c383e000002").reason == "no_revision"
    assert fetch_as("0c383e0000ff").reason == "unknown_phone"


def test_by_default_it_asks_with_the_phones_own_site(door):
    other = add_site(networks="10.77.0.0/16")
    add_phone(other, "0c383e0000aa")
    assert fetch_as("0c383e0000aa").served
    assert fetch_as("0c383e0000aa", via="tftp").address == "10.77.0.0"
