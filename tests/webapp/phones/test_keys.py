"""The keys of phones: their editor, what they inherit, what reaches the file."""

import pytest
from sqlalchemy import select

from provisioning.model import Key
from tests.webapp.phones.test_phone_list import client_everywhere
from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db
from webapp.models import AuditEntry, FunctionKey, Phone, Profile, Revision, SettingValue


def form(*rows):
    """Rows as (place, kind, value, label), or a dict of what differs."""
    data = {}
    for number, row in enumerate(rows):
        said = row if isinstance(row, dict) else dict(
            zip(("place", "kind", "value", "label"), row, strict=False)
        )  # fmt: skip
        for name, value in ({"line": "1", "value": "", "label": ""} | said).items():
            data[f"key-{number}-{name}"] = value
    return data


def stored(owner="phone_id"):
    rows = db.session.scalars(select(FunctionKey).where(getattr(FunctionKey, owner).is_not(None)))
    return sorted((row.module, row.position, row.kind, row.value, row.label) for row in rows)


def yealink(mac="001565000001", **more):
    return make_phone(mac, model="yealink-t46s", **more)


def body_of(phone):
    provision.revise([phone])
    db.session.commit()
    revision = db.session.get(Revision, phone.revision_id)
    return revision.body.decode()


def test_keys_are_typed_kept_and_reach_the_file(everywhere):
    client = client_everywhere(everywhere, "bob")
    phone = yealink()
    rows = form(("5", "blf", "1002", "Alice"), ("1.2", "speed", "0123", ""), ("7", "", "9", "x"))
    assert client.post(f"/phones/{phone.id}/keys", data=rows).status_code == 303
    assert stored() == [(0, 5, "blf", "1002", "Alice"), (1, 2, "speed", "0123", "")]
    text = body_of(db.session.get(Phone, phone.id))
    assert "linekey.5.value = 1002" in text
    assert "expansion_module.1.key.2.type = 13" in text
    entry = db.session.scalar(AuditEntry.matching(entity="FunctionKey"))
    assert (entry.action, entry.actor) == ("create", "bob")


def test_a_key_is_changed_moved_and_taken_away(everywhere):
    client = client_everywhere(everywhere, "bob")
    phone = yealink()
    client.post(f"/phones/{phone.id}/keys", data=form(("1", "blf", "1"), ("2", "speed", "2")))
    client.post(f"/phones/{phone.id}/keys", data=form(("1", "dnd"), ("2", "", "2"), ("3", "line")))
    assert stored() == [(0, 1, "dnd", "", ""), (0, 3, "line", "", "")]
    again = client.post(f"/phones/{phone.id}/keys", data=form(("3", "line"), ("1", "dnd")))
    assert again.status_code == 303
    assert db.session.scalar(AuditEntry.newest_first()).action != "update"


def test_a_phones_own_key_stands_above_its_profiles(everywhere):
    client = client_everywhere(everywhere, "bob")
    profile = Profile(name="Reception")
    db.session.add(profile)
    db.session.commit()
    phone = yealink(profile=profile)
    rows = form(("1", "blf", "1001", "Boss"), ("2", "park", "700"))
    assert client.post(f"/profiles/{profile.id}/keys", data=rows).status_code == 303
    client.post(f"/phones/{phone.id}/keys", data=form(("2", "speed", "0123")))
    page = client.get(f"/phones/{phone.id}").text
    assert "Boss" in page and "Profile Reception" in page and "0123" in page
    assert "700" not in page
    text = body_of(db.session.get(Phone, phone.id))
    assert "linekey.1.value = 1001" in text and "linekey.2.value = 0123" in text


def test_what_a_model_cannot_do_of_its_profile_is_said_and_left_out(bob):
    profile = Profile(name="Reception")
    db.session.add(profile)
    db.session.commit()
    phone = make_phone(model="fanvil-x1sg", profile=profile)
    bob.post(f"/profiles/{profile.id}/keys", data=form(("1", "dnd"), ("3", "blf", "1001", "Boss")))
    page = bob.get(f"/phones/{phone.id}").text
    assert "left out" in page and "has no such key" in page
    assert (
        "1 phone of this profile is a Fanvil X1SG" in bob.get(f"/profiles/{profile.id}/keys").text
    )
    text = body_of(phone)
    assert "F_DND" in text and "Boss" not in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("1", "blf", "", ""), "needs a number"),
        (("1", "blf", "10;01", ""), "neither a number to dial"),
        (("1", "url", "javascript:alert(1)", ""), "neither a number to dial"),
        (("99", "dnd"), "has no such key"),
        (("x", "dnd"), "is no place"),
        (("-1", "dnd"), "is no place"),
        (("²", "dnd"), "is no place"),
        (("1", "dance"), "no kind of key"),
        (("1", "dnd", "5"), "takes no number"),
        (("1", "blf", "1", "x" * 61), "60 characters"),
        (("1", "blf", "1", "a\nb"), "control character"),
        ({"place": "1", "kind": "blf", "value": "1", "line": "x"}, "not the number of a line"),
        ({"place": "1", "kind": "blf", "value": "1", "line": "2"}, "no account on line 2"),
        ({"place": "1", "kind": "blf", "value": "1", "line": "40"}, "has no line 40"),
    ],
)
def test_what_cannot_be_is_refused_at_its_row_and_nothing_is_written(bob, row, words):
    phone = yealink()
    answer = bob.post(f"/phones/{phone.id}/keys", data=form(("2", "blf", "1002", "Kept"), row))
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Kept"' in answer.text
    assert stored() == []


def test_two_keys_at_one_place_are_refused(bob):
    phone = yealink()
    answer = bob.post(f"/phones/{phone.id}/keys", data=form(("1", "dnd"), ("01", "blf", "1;2")))
    assert answer.status_code == 422
    assert "Two keys stand at the place" in answer.text
    assert answer.text.count("invalid-feedback") == 1


def test_more_rows_keep_what_is_typed_and_write_nothing(bob):
    phone = yealink()
    answer = bob.post(f"/phones/{phone.id}/keys", data=form(("1", "blf", "77")) | {"more": "1"})
    assert answer.status_code == 200
    assert 'value="77"' in answer.text
    assert answer.text.count('-kind"') == 5
    assert stored() == []


def test_a_phone_whose_file_sets_no_key_says_so(bob):
    phone = make_phone("789912000001", model="flyingvoice-fip14g")
    page = bob.get(f"/phones/{phone.id}/keys").text
    assert "no key can be set by its file" in page
    assert "-kind" not in page
    answer = bob.post(f"/phones/{phone.id}/keys", data=form(("1", "dnd")))
    assert answer.status_code == 422


def test_names_on_keys_are_shown_and_not_run(bob):
    phone = yealink()
    bob.post(f"/phones/{phone.id}/keys", data=form(("1", "blf", "1", "<script>alert(1)</script>")))
    for page in ("", "/keys"):
        assert "<script>alert(1)" not in bob.get(f"/phones/{phone.id}{page}").text


def test_who_only_reads_sees_keys_and_changes_none(carol, app):
    phone = yealink()
    db.session.add(FunctionKey(phone_id=phone.id, position=1, kind="blf", value="1002"))
    db.session.commit()
    page = carol.get(f"/phones/{phone.id}/keys")
    assert "1002" in page.text and "-kind" not in page.text
    assert carol.post(f"/phones/{phone.id}/keys", data=form(("1", "dnd"))).status_code == 403
    assert carol.post("/profiles/1/keys", data=form(("1", "dnd"))).status_code == 403


def test_a_phone_takes_its_keys_with_it_when_it_goes(everywhere):
    client = client_everywhere(everywhere, "bob")
    phone = yealink()
    client.post(f"/phones/{phone.id}/keys", data=form(("1", "dnd")))
    client.post(f"/phones/{phone.id}/delete")
    assert stored() == []
    profile = Profile(name="Gone")
    db.session.add(profile)
    db.session.commit()
    client.post(f"/profiles/{profile.id}/keys", data=form(("1", "dnd")))
    assert len(stored("profile_id")) == 1
    client.post(f"/profiles/{profile.id}/delete")
    assert stored("profile_id") == []


def test_the_voice_mail_key_takes_the_number_of_the_settings(app):
    phone = make_phone(model="fanvil-x1sg")
    db.session.add(FunctionKey(phone_id=phone.id, position=1, kind="voicemail"))
    db.session.commit()
    keys = provision.Settings([phone.id]).keys
    assert keys.of(phone, "") == ()
    assert keys.of(phone, "*97") == (Key(0, 1, "voicemail"),)
    everywhere = SettingValue(scope="everywhere", target="", key="voicemail.number", value="*97")
    db.session.add(everywhere)
    db.session.commit()
    assert "*97@1/m" in body_of(phone)


def test_a_phone_of_a_model_that_nobody_knows_any_more_still_opens(bob):
    phone = yealink()
    phone.model = "acme-1"
    db.session.commit()
    assert bob.get(f"/phones/{phone.id}").status_code == 200
    assert bob.get(f"/phones/{phone.id}/keys").status_code == 404
    data = {"id": phone.id, "save": "1", "set:ntp.server": "a.test"}
    assert bob.post("/phones/settings", data=data).status_code == 303
