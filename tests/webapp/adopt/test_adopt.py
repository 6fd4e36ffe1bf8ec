import pytest
from sqlalchemy import select

from webapp.audit import acting_as
from webapp.extensions import db
from webapp.models import AuditEntry, Line, Phone, SipServer, Site, Stray

MAC = "0c383e0000aa"
AGENT = "Fanvil X1SG 2.12.18.4 0c383e0000aa"


def make_stray(mac=MAC, **changes):
    values = {
        "site_id": db.session.scalar(select(Site.id)),
        "vendor": "fanvil",
        "model": "fanvil-x1sg",
        "firmware": "2.12.18.4",
        "user_agent": AGENT,
        "file": f"{mac}.cfg",
        "address": "10.1.2.3",
        "transport": "http",
    }
    stray = Stray(mac=mac, **(values | changes))
    db.session.add(stray)
    db.session.commit()
    return stray


def form(**changes):
    site = db.session.scalar(select(Site.id))
    return {"model": "fanvil-x1sg", "site_id": site} | changes


def phones():
    db.session.expire_all()
    return list(db.session.scalars(select(Phone).order_by(Phone.id)))


def strays():
    db.session.expire_all()
    return list(db.session.scalars(select(Stray.mac).order_by(Stray.mac)))


def test_it_says_what_the_phone_is_and_how_we_know(carol):
    make_stray()
    page = carol.get("/adopt/").text
    assert "0c:38:3e:00:00:aa" in page
    assert "Fanvil X1SG" in page
    assert "0c:38:3e is Fanvil" in page
    assert "names the model" in page
    assert "Acme / Lisbon" in page


def test_a_phone_without_clues_has_no_model(carol):
    make_stray(model="", user_agent="", transport="tftp")
    assert "model unknown" in carol.get("/adopt/").text


def test_the_queue_asks_for_itself_and_keeps_the_ticks(bob):
    stray = make_stray()
    rows = bob.get(f"/adopt/?id={stray.id}", headers={"HX-Request": "true"}).text
    assert "<html" not in rows
    assert 'hx-trigger="every 3s"' in rows
    assert "data-bulk-item checked" in rows


def test_one_form_makes_it_a_phone(bob):
    stray = make_stray()
    assert "optional" in bob.get(f"/adopt/{stray.id}").text
    answer = bob.post(f"/adopt/{stray.id}", data=form(label="Reception"))
    assert answer.status_code == 303
    [phone] = phones()
    assert (phone.mac, phone.model, phone.label) == (MAC, "fanvil-x1sg", "Reception")
    assert len(phone.admin_password) == 16
    assert "reception" in phone.search
    assert strays() == []
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.entity == "Phone"))
    assert (entry.actor, entry.action) == ("bob", "create")


def test_with_its_line_its_file_is_ready_at_once(bob):
    server = db.session.scalar(select(SipServer.id))
    bob.post(
        f"/adopt/{make_stray().id}",
        data=form(user="1001", password="p&w<1", display_name="Ana", sip_server_id=server),
    )
    [phone] = phones()
    assert phone.lines[0].user == "1001"
    assert phone.revision_id
    assert "1001" in phone.search


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"model": ""}, "Choose the model"),
        ({"model": "nokia"}, "Not a valid choice"),
        ({"model": "audiocodes-405hd"}, "Not a valid choice"),
        ({"user": "1001"}, "A new line needs its password"),
        ({"password": "x"}, "Type the extension"),
        ({"user": "a\tb", "password": "x"}, "control character"),
        ({"label": "a\nb"}, "control character"),
    ],
)
def test_it_refuses_with_words(bob, typed, words):
    server = db.session.scalar(select(SipServer.id))
    answer = bob.post(f"/adopt/{make_stray().id}", data=form(sip_server_id=server, **typed))
    assert answer.status_code == 422
    assert words in answer.text
    assert phones() == []
    assert strays() == [MAC]


def test_a_model_of_another_vendor_is_refused_when_the_clues_lie(bob):
    stray = make_stray(vendor="audiocodes", model="audiocodes-405hd")
    answer = bob.post(f"/adopt/{stray.id}", data=form(model="audiocodes-405hd"))
    assert answer.status_code == 422
    assert "belongs to Fanvil" in answer.text


def test_one_that_somebody_else_has_entered_is_said_to_be_there(bob, site):
    stray = make_stray()
    add_phone(site)
    answer = bob.post(f"/adopt/{stray.id}", data=form())
    assert answer.status_code == 422
    assert "is a phone already" in answer.text
    assert len(phones()) == 1


def add_phone(site):
    secrets = {"admin_password": "a", "user_password": "u", "menu_pin": "1"}
    with acting_as("tests"):
        db.session.add(Phone(mac=MAC, model="fanvil-x1sg", site=site, **secrets))
        db.session.commit()


def test_one_that_somebody_else_has_taken_leads_back_to_the_queue(bob):
    answer = bob.post("/adopt/999", data=form(), follow_redirects=True)
    assert "not waiting any more" in answer.text


def test_many_are_adopted_with_what_was_recognised(bob):
    ids = [make_stray(f"0c383e00000{n}").id for n in range(3)]
    bob.post("/adopt/bulk", data={"id": ids[:2], "action": "adopt"})
    assert [phone.mac for phone in phones()] == ["0c383e000000", "0c383e000001"]
    assert strays() == ["0c383e000002"]


def test_what_cannot_be_adopted_stays_with_words(bob, site):
    known, unknown = make_stray("0c383e000001"), make_stray("0c383e000002", model="")
    elsewhere = make_stray("0c383e000003", site_id=None)
    alien = make_stray("00908f000001", vendor="audiocodes", model="audiocodes-405hd")
    ids = [known.id, unknown.id, elsewhere.id, alien.id, "x", "9" * 30]
    page = bob.post("/adopt/bulk", data={"id": ids}, follow_redirects=True).text
    assert "its model is not known" in page
    assert "its site is not known" in page
    assert len(phones()) == 2
    page = bob.post(
        "/adopt/bulk",
        data={"id": [unknown.id, elsewhere.id], "model": "fanvil-x3u", "site": site.id},
    )
    assert strays() == []
    assert {phone.model for phone in phones()} >= {"fanvil-x3u"}


def test_a_phone_is_forgotten_or_all_are(bob):
    first = make_stray("0c383e000001")
    for number in range(2, 5):
        make_stray(f"0c383e00000{number}")
    bob.post(f"/adopt/{first.id}/dismiss")
    assert "0c383e000001" not in strays()
    bob.post("/adopt/dismiss")
    assert strays() == []
    assert phones() == []
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert actions.count("dismiss") == 2


def test_hostile_clues_stay_text(carol):
    make_stray(user_agent="<script>alert(1)</script>", file='"><img src=x onerror=alert(1)>')
    page = carol.get("/adopt/").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_a_search_finds_a_mac_in_any_notation(carol):
    make_stray()
    make_stray("00908f000001", vendor="audiocodes", model="", address="10.9.9.9")
    for q in ("0C:38:3E:00:00:AA", "0c38.3e00", "x1sg", "10.1.2.3"):
        rows = carol.get("/adopt/", query_string={"q": q}).text
        assert "0c:38:3e:00:00:aa" in rows
        assert "00:90:8f:00:00:01" not in rows


def test_readers_look_and_do_not_touch(carol):
    stray = make_stray()
    assert "btn-primary btn-sm" not in carol.get("/adopt/").text
    for path in (
        f"/adopt/{stray.id}",
        f"/adopt/{stray.id}/dismiss",
        f"/adopt/{stray.id}/take",
        "/adopt/take",
        "/adopt/dismiss",
        "/adopt/bulk",
    ):
        assert carol.post(path, data=form(id=stray.id)).status_code == 403
    assert carol.get(f"/adopt/{stray.id}").status_code == 403
    assert strays() == [MAC]


def test_others_do_not_even_look(dave, anonymous):
    make_stray()
    assert dave.get("/adopt/").status_code == 403
    assert anonymous.get("/adopt/").status_code == 302


def test_it_works_on_every_database(everywhere):
    from webapp.adopt import services

    stray = make_stray()
    with acting_as("tests"):
        phone = services.adopt(stray, stray.model, stray.site)
        db.session.commit()
    assert phone.mac == MAC
    again = make_stray()
    with pytest.raises(services.AdoptError, match="phone already"):
        services.adopt(again, again.model, again.site)
    db.session.rollback()
    assert strays() == [MAC]


def test_the_site_s_usual_sip_server_is_offered_first(bob, site):
    second = SipServer(name="second", host="10.0.0.6")
    db.session.add(second)
    db.session.commit()
    add_phone(site)
    [phone] = phones()
    phone.lines.append(Line(number=1, user="1", password="p", sip_server=second))
    db.session.commit()
    page = bob.get(f"/adopt/{make_stray('0c383e0000bb').id}").text
    assert f'<option selected value="{second.id}">second' in page


def test_one_click_takes_what_was_recognised(bob):
    stray = make_stray()
    assert "Adopt it as Fanvil X1SG at Acme / Lisbon" in bob.get("/adopt/").text
    answer = bob.post(f"/adopt/{stray.id}/take", data={"q": "10.1"})
    assert answer.location == "/adopt/?q=10.1"
    [phone] = phones()
    assert (phone.model, phone.site.name, phone.is_armed) == ("fanvil-x1sg", "Lisbon", True)
    assert strays() == []


def test_without_a_whole_suggestion_one_click_asks(bob):
    stray = make_stray(model="", user_agent="", file="")
    assert "Adopt it as" not in bob.get("/adopt/").text
    assert bob.post(f"/adopt/{stray.id}/take").location == f"/adopt/{stray.id}"
    assert bob.post("/adopt/999/take").location == "/adopt/"
    assert phones() == []


def test_clues_that_disagree_are_said_to(bob):
    stray = make_stray(model="fanvil-x3u", clues=[["pnp", "Fanvil X3U"]])
    page = bob.get("/adopt/").text
    assert "ambiguous" in page
    assert "could be Fanvil X3U, Fanvil X1SG" in page
    assert "says “Fanvil X3U”" in page
    assert bob.post(f"/adopt/{stray.id}/take").location == f"/adopt/{stray.id}"
    assert "ambiguous: Fanvil X3U, Fanvil X1SG" in bob.get(f"/adopt/{stray.id}").text


def test_a_user_agent_of_another_maker_is_no_suggestion(bob):
    make_stray(user_agent="Yealink SIP-T46S 66.84.0.15 0c:38:3e:00:00:aa", model="yealink-t46s")
    page = bob.get("/adopt/").text
    assert "says Yealink, which the MAC address is not" in page
    assert "Adopt it as" not in page


def test_a_file_s_name_can_tell_the_model(bob):
    make_stray("000413000001", vendor="snom", model="", user_agent="",
               file="snomD785-000413000001.htm", transport="tftp")  # fmt: skip
    page = bob.get("/adopt/").text
    assert "only a Snom D785 asks for it" in page
    assert "Adopt it as Snom D785 at Acme / Lisbon" in page


def test_it_says_how_it_knows_the_site(bob, site):
    make_stray()
    assert "it used the key of Lisbon" in bob.get("/adopt/").text
    make_stray("0c383e0000ab", transport="pnp", user_agent="", file="",
               clues=[["pnp", "440HD 2.2.2"], ["arp", "10.1.2.3"]])  # fmt: skip
    page = bob.get("/adopt/?transport=pnp").text
    assert "it is in 10.0.0.0/8 of Lisbon" in page
    assert "shows the MAC address at 10.1.2.3" in page


def test_sites_that_share_a_network_are_named_and_none_is_taken(bob, site):
    other = Site(company=site.company, name="Porto", networks="10.0.0.0/8")
    other.new_key()
    db.session.add(other)
    db.session.commit()
    stray = make_stray(site_id=None, transport="pnp")
    page = bob.get("/adopt/").text
    assert "2 sites have the network it is in" in page
    assert "could be Acme / Lisbon, Acme / Porto" in page
    assert bob.post(f"/adopt/{stray.id}/take").location == f"/adopt/{stray.id}"


def test_a_lot_that_looks_alike_is_adopted_at_once(bob, site):
    for number in range(3):
        make_stray(f"0c383e00000{number}")
    make_stray("0c383e000009", model="fanvil-x3u")
    make_stray("0c383e00000a", address="10.9.9.9")
    assert "Adopt 4 Fanvil X1SG at Acme / Lisbon" in bob.get("/adopt/").text
    page = bob.get("/adopt/?q=10.1.2.3").text
    assert "Adopt 3 Fanvil X1SG at Acme / Lisbon" in page
    form = {"group_model": "fanvil-x1sg", "group_site": site.id, "q": "10.1.2.3"}
    page = bob.post("/adopt/take", data=form, follow_redirects=True).text
    assert "3 phones adopted" in page
    assert strays() == ["0c383e000009", "0c383e00000a"]


@pytest.mark.parametrize("form", [{}, {"group_model": "x", "group_site": "1"},
                                  {"group_model": "fanvil-x1sg", "group_site": "99"}])  # fmt: skip
def test_a_lot_that_is_none_changes_nothing(bob, form):
    make_stray()
    assert bob.post("/adopt/take", data=form).status_code == 303
    assert strays() == [MAC]


def test_it_is_filtered_by_vendor_site_and_way(bob, site):
    make_stray()
    make_stray("00908f000001", vendor="audiocodes", model="", site_id=None, transport="tftp")
    for words in ({"vendor": "fanvil"}, {"site": site.id}, {"transport": "http"}):
        page = bob.get("/adopt/", query_string=words).text
        assert "0c:38:3e:00:00:aa" in page
        assert "00:90:8f:00:00:01" not in page
    assert "00:90:8f:00:00:01" in bob.get("/adopt/?site=0").text
    assert "No unknown phone fits" in bob.get("/adopt/?transport=pnp").text


def test_lots_are_counted_on_every_database(everywhere):
    from webapp.adopt import services

    for number in range(3):
        make_stray(f"0c383e00000{number}")
    make_stray("0c383e000009", model="")
    [group] = services.groups(services.queue("x1sg", "fanvil", db.session.scalar(select(Site.id))))
    assert (group.model, group.count) == ("fanvil-x1sg", 3)


def test_the_menu_says_how_many_phones_wait(bob):
    assert "bd-count" not in bob.get("/sites/").text
    make_stray()
    make_stray("0c383e0000ab")
    assert '<span class="bd-count">2</span>' in bob.get("/sites/").text
