import time

from sqlalchemy import func, select

from webapp import provision
from webapp.extensions import db
from webapp.models import Line, Phone, Revision, SettingValue, SipServer, Site


def make_phone(mac="0c383e000001", model="fanvil-x1sg", password="p&w<1", **changes):
    phone = Phone(
        mac=mac,
        model=model,
        site=db.session.scalar(select(Site)),
        lines=[
            Line(
                number=1,
                user="1001",
                password=password,
                sip_server=db.session.scalar(select(SipServer)),
            )
        ],
        **(provision.new_secrets() | changes),
    )
    provision.index(phone)
    db.session.add(phone)
    db.session.commit()
    return phone


def test_it_stores_a_revision_and_points_the_phone_at_it(everywhere):
    phone = make_phone()
    [outcome] = provision.revise([phone], origin="test")
    db.session.commit()
    revision = db.session.get(Revision, phone.revision_id)
    assert (outcome.word, outcome.revision_id) == ("new", revision.id)
    assert b"p&amp;w&lt;1" in revision.body
    assert (revision.number, phone.revision_sha256) == (1, revision.sha256)
    assert phone.state == "never"


def test_the_same_file_makes_no_second_revision(everywhere):
    phone = make_phone()
    provision.revise([phone])
    db.session.commit()
    assert [outcome.word for outcome in provision.revise([phone])] == ["unchanged"]
    assert db.session.scalar(select(func.count()).select_from(Revision)) == 1


def test_the_most_specific_setting_wins_and_says_where_it_comes_from(everywhere):
    phone = make_phone()
    for scope, target, value in [
        ("everywhere", "", "everywhere.example.org"),
        ("site", str(phone.site_id), "site.example.org"),
        ("site", str(phone.site_id + 1), "other.example.org"),
    ]:
        db.session.add(SettingValue(scope=scope, target=target, key="ntp.server", value=value))
    db.session.commit()
    found = provision.Settings([phone.id]).of(phone)["ntp.server"]
    assert (found.value, found.origin) == ("site.example.org", "site")
    db.session.add(
        SettingValue(scope="phone", target=str(phone.id), key="ntp.server", value="own.example.org")
    )
    db.session.commit()
    found = provision.Settings([phone.id]).of(phone)["ntp.server"]
    assert (found.value, found.origin) == ("own.example.org", "phone")


def test_changing_the_sbc_of_a_model_changes_the_next_file(everywhere):
    phone = make_phone(model="fanvil-x1sg-sbc")
    provision.revise([phone])
    db.session.add(
        SettingValue(scope="model", target=phone.model, key="sip.proxy.host", value="sbc.new.test")
    )
    db.session.commit()
    [outcome] = provision.revise([phone])
    assert (
        b"<ProxyAddr>sbc.new.test</ProxyAddr>" in db.session.get(Revision, outcome.revision_id).body
    )


def test_one_phone_that_cannot_be_made_does_not_stop_the_others(everywhere):
    good, bad = make_phone(), make_phone("0c383e000002", password="line\nbreak")
    words = {outcome.phone_id: outcome for outcome in provision.revise([good, bad])}
    assert words[good.id].word == "new"
    assert words[bad.id].word == "failed"
    assert "line\nbreak" not in str(words[bad.id])


def test_an_older_revision_can_be_the_newest_again(everywhere):
    phone = make_phone()
    provision.revise([phone])
    first = db.session.get(Revision, phone.revision_id)
    phone.lines[0].password = "another"
    db.session.commit()
    provision.revise([phone])
    db.session.commit()
    again = provision.roll_back(phone, first)
    db.session.commit()
    assert (again.number, again.sha256, phone.revision_sha256) == (3, first.sha256, first.sha256)


def test_a_thousand_phones_are_made_in_one_go(app):
    server, site = db.session.scalar(select(SipServer)), db.session.scalar(select(Site))
    for number in range(1000):
        line = Line(number=1, user=str(number), password="secret", sip_server=server)
        db.session.add(
            Phone(mac=f"0c383e{number:06x}", model="fanvil-x1sg", site=site, lines=[line],
                  **provision.new_secrets())
        )  # fmt: skip
    db.session.commit()
    phones = list(db.session.scalars(select(Phone)))
    start = time.perf_counter()
    outcomes = provision.revise(phones)
    db.session.commit()
    print(f"1,000 phones in {time.perf_counter() - start:.2f} s")
    assert {outcome.word for outcome in outcomes} == {"new"}


def test_a_phones_own_passwords_have_letters_of_both_kinds_and_digits(app):
    for _ in range(200):
        made = provision.new_secrets()
        for name in ("admin_password", "user_password"):
            text = made[name]
            assert text.isascii() and text.isalnum() and len(text) == 16
            assert {kind(c) for c in text} == {"lower", "upper", "digit"}


def kind(character):
    return "digit" if character.isdigit() else "lower" if character.islower() else "upper"
