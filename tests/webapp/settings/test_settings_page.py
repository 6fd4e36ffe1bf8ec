import pytest
from sqlalchemy import func, select

from tests.webapp.phones.test_phone_list import client_everywhere
from tests.webapp.test_provision import make_phone
from webapp import provision, setting_values
from webapp.extensions import db
from webapp.models import AuditEntry, Profile, SettingValue, Site

SCOPES = ["everywhere", "vendor", "model", "company", "site", "profile"]


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_has_its_page_even_when_there_is_nothing(bob, scope):
    assert bob.get(f"/settings/?scope={scope}").status_code == 200


@pytest.mark.parametrize(
    "query", ["scope=phone&target=1", "scope=x", "scope=site&target=99", "scope=model&target=../x",
              "scope=site&target=²", "scope=site&target=99999999999999999999"],
)  # fmt: skip
def test_a_scope_that_is_not_there_is_not_found(bob, query):
    assert bob.get(f"/settings/?{query}").status_code == 404


def test_a_value_goes_from_the_page_into_the_next_file(everywhere):
    client = client_everywhere(everywhere, "bob")
    phone = make_phone()
    provision.revise([phone])
    db.session.commit()
    data = {"scope": "site", "target": str(phone.site_id), "set:sip.proxy.host": "sbc.new.test"}
    answer = client.post("/settings/", data=data)
    assert answer.status_code == 303
    assert "1 phone will get a new file" in client.get(answer.location).text
    provision.revise([phone])
    db.session.commit()
    assert "will get a new file" not in client.get(answer.location).text
    found = provision.Settings([phone.id]).of(phone)["sip.proxy.host"]
    assert (found.value, found.origin) == ("sbc.new.test", "site")


def test_only_what_changed_is_written_and_audited(bob):
    data = {"scope": "everywhere", "set:ntp.server": "ntp.test", "set:sip.port": ""}
    bob.post("/settings/", data=data)
    bob.post("/settings/", data=data)
    assert db.session.scalar(select(func.count(SettingValue.id))) == 1
    entries = db.session.scalars(AuditEntry.matching(entity="SettingValue")).all()
    assert [entry.action for entry in entries] == ["create"]
    assert "ntp.test" not in str(entries[0].changes)


def test_a_refused_value_is_named_and_nothing_is_written(bob):
    data = {"scope": "everywhere", "set:ntp.server": "good.test", "set:vlan.id": "9999"}
    answer = bob.post("/settings/", data=data)
    assert answer.status_code == 422
    assert "Voice VLAN number: “9999” is not a number from 1 to 4094" in answer.text
    assert 'value="good.test"' in answer.text
    assert db.session.scalar(select(func.count(SettingValue.id))) == 0


@pytest.mark.parametrize("value", ["x" * 501, "a\nb", "bad host", "\x01"])
def test_a_hostile_value_is_refused(bob, value):
    data = {"scope": "everywhere", "set:ntp.server": value}
    assert bob.post("/settings/", data=data).status_code == 422


def test_a_dash_means_nothing_at_all_and_a_blank_inherits(bob):
    phone = make_phone(model="fanvil-x1sg-sbc")
    where = {"scope": "model", "target": phone.model}
    bob.post("/settings/", data=where | {"set:sip.proxy.host": "-"})
    assert provision.Settings([phone.id]).of(phone)["sip.proxy.host"].value == ""
    bob.post("/settings/", data=where | {"set:sip.proxy.host": ""})
    assert "sbc-ac-access" in provision.Settings([phone.id]).of(phone)["sip.proxy.host"].value


def test_the_origin_of_what_is_inherited_is_named(bob):
    site = db.session.scalar(select(Site))
    for scope, target, value in [
        ("everywhere", "", "all.test"), ("company", str(site.company_id), "company.test"),
    ]:  # fmt: skip
        bob.post("/settings/", data={"scope": scope, "target": target, "set:ntp.server": value})
    text = bob.get(f"/settings/?scope=site&target={site.id}").text
    assert 'placeholder="company.test"' in text and "from: Company Acme" in text
    rows = setting_values.groups(setting_values.scope_of("model", "fanvil-x1sg-sbc"))
    proxy = next(r for row in rows.values() for r in row if r.setting.key == "sip.proxy.port")
    assert (proxy.inherited.value, proxy.origin) == (5064, "Model Fanvil X1SG SBC")


def test_who_only_reads_phones_does_not_see_settings(carol, dave):
    for client in (carol, dave):
        assert client.get("/settings/").status_code == 403
        assert client.post("/settings/", data={"set:sip.port": "1"}).status_code == 403


def test_profiles_are_made_used_and_kept_while_used(bob):
    answer = bob.post("/profiles/new", data={"name": "Reception"})
    profile = db.session.scalar(Profile.named("Reception"))
    assert answer.location.endswith(f"scope=profile&target={profile.id}")
    assert bob.post("/profiles/new", data={"name": " Reception "}).status_code == 422
    phone = make_phone()
    phone.profile = profile
    db.session.commit()
    bob.post(f"/profiles/{profile.id}/delete")
    assert "1 phone has it" in bob.get("/profiles/").text
    phone.profile = None
    db.session.commit()
    bob.post(f"/profiles/{profile.id}/delete")
    assert db.session.scalar(select(func.count(Profile.id))) == 0
    assert bob.get("/profiles/999/edit").status_code == 404
