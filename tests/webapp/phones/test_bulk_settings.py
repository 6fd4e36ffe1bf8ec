"""Other settings for many phones at once."""

import time

import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from tests.webapp.phones.test_phone_list import client_everywhere, many
from tests.webapp.test_provision import make_phone
from webapp.extensions import db
from webapp.models import AuditEntry, Phone, Run, SettingValue, Site
from webapp.phones import setting_changes


def own(phone):
    rows = db.session.scalars(SettingValue.of("phone", str(phone.id)))
    return {row.key: row.value for row in rows}


def three():
    phones = [make_phone(f"0c383e00000{n}") for n in (1, 2)]
    phones.append(make_phone("789912000003", model="flyingvoice-fip14g"))
    site = str(phones[0].site_id)
    db.session.add_all(
        [
            SettingValue(scope="site", target=site, key="ntp.server", value="ntp.site.test"),
            SettingValue(scope="phone", target=str(phones[1].id), key="ntp.server", value="old.t"),
        ]
    )  # fmt: skip
    db.session.commit()
    return phones


def post(client, phones, **data):
    return client.post(
        "/phones/settings",
        data=MultiDict([("id", phone.id) for phone in phones] + list(data.items())),
    )


def test_the_preview_says_what_changes_from_where_and_writes_nothing(everywhere):
    client = client_everywhere(everywhere, "bob")
    phones = three()
    page = post(client, phones, **{"preview": "0", "set:ntp.server": "new.test"}).text
    for words in ("ntp.site.test", "(Site)", "old.t", "(this phone)", "new.test"):
        assert words in page
    assert "its file does not know it" in page
    assert own(phones[0]) == {}


def test_it_is_written_for_all_in_one_go_with_one_audit_row(everywhere):
    client = client_everywhere(everywhere, "bob")
    phones = three()
    before = db.session.scalar(select(func.count()).select_from(AuditEntry))
    answer = post(client, phones, **{"save": "1", "set:ntp.server": "new.test"})
    assert answer.status_code == 303
    assert [own(phone) for phone in phones] == [{"ntp.server": "new.test"}] * 3
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.action, entry.actor, entry.changes["set"]) == (
        "change settings", "bob", ["ntp.server"],
    )  # fmt: skip
    assert "new.test" not in str(entry.changes)
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == before + 1


def test_back_to_inherited_shows_what_will_hold_and_drops_the_value(everywhere):
    client = client_everywhere(everywhere, "bob")
    phones = three()
    page = post(client, phones, preview="0", inherit="ntp.server").text
    assert "ntp.site.test" in page and "old.t" in page
    assert page.count("(this phone)") == 1
    post(client, phones, save="1", inherit="ntp.server")
    assert [own(phone) for phone in phones] == [{}] * 3


def test_provisioning_afterwards_takes_only_phones_that_changed(bob):
    phones = three()
    data = {"save": "1", "provision": "1", "set:ntp.server": "old.t"}
    answer = post(bob, phones, **data)
    run = db.session.scalar(select(Run))
    assert answer.location.endswith(f"/runs/{run.id}")
    assert run.total == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"set:sip.port": "70000"}, "is not a number from 1 to 65535"),
        ({"set:ntp.server": "no host"}, "is not a host name"),
        ({"set:ntp.server": "a.test", "inherit": "ntp.server"}, "Either a value"),
        ({"set:nonsense": "1", "inherit": "nonsense"}, "Choose at least one setting"),
        ({}, "Choose at least one setting"),
    ],
)
@pytest.mark.parametrize("step", ["preview", "save"])
def test_what_cannot_be_is_refused_at_the_field_and_nothing_is_written(bob, data, words, step):
    phones = three()
    answer = post(bob, phones, **{step: "0", **data})
    assert answer.status_code == 422
    assert words in answer.text
    assert own(phones[0]) == {}


def test_a_refused_value_stays_in_its_field_and_the_phones_stay_chosen(bob):
    phones = three()
    page = post(bob, phones, **{"preview": "0", "set:sip.port": "70000"}).text
    assert 'value="70000"' in page
    assert page.count('type="hidden" name="id"') == 3


def test_a_hostile_value_is_text(bob):
    phones = three()
    page = post(bob, phones, **{"preview": "0", "set:display.title": "<script>alert(1)</script>"})
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_no_phone_no_form(bob):
    assert "No phone was chosen" in post(bob, []).text


def test_who_only_reads_changes_nothing(carol, app):
    phones = three()
    assert post(carol, phones, **{"save": "1", "set:ntp.server": "x.test"}).status_code == 403
    assert own(phones[0]) == {}


def test_all_that_fit_a_filter_are_meant(bob):
    phones = three()
    data = {"all": "1", "vendor": "fanvil", "set:ntp.server": "new.test"}
    page = bob.post("/phones/settings", data=data | {"preview": "0"}).text
    assert 'name="vendor" value="fanvil"' in page
    bob.post("/phones/settings", data=data | {"save": "1"})
    assert own(phones[2]) == {}
    assert own(phones[0]) == {"ntp.server": "new.test"}


def test_five_thousand_phones_are_seen_and_changed_in_seconds(bob):
    many(5000)
    data = {"all": "1", "set:ntp.server": "new.test", "set:sip.expires": "600"}
    start = time.perf_counter()
    page = bob.post("/phones/settings", data=data | {"preview": "0"}).text
    assert "1 to 200 of 10000" in page
    bob.post("/phones/settings", data=data | {"save": "1"})
    assert time.perf_counter() - start < 10
    assert db.session.scalar(select(func.count()).select_from(SettingValue)) == 10_000
    phones = setting_changes.listed(select(Phone))
    assert list(setting_changes.changes(phones, {"ntp.server": "new.test"})) == []
    assert db.session.scalar(select(func.count()).select_from(Site)) == 1
