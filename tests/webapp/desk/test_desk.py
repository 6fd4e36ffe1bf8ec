from tests.webapp.phones.test_phone_list import client_everywhere
from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db
from webapp.models import Fetch, Run, Stray


def test_an_empty_desk_names_the_three_steps(bob):
    text = bob.get("/").text
    assert "Step 2" in text and "Upload the list" in text and "Point the phones here" in text


def test_the_desk_counts_what_there_is(everywhere):
    client = client_everywhere(everywhere, "bob")
    phone = make_phone()
    make_phone("0c383e000002")
    provision.revise([phone])
    db.session.commit()
    phone.fetched_sha256 = phone.revision_sha256
    db.session.add_all(
        [
            Fetch(transport="http", file="x", mac=phone.mac, address="10.0.0.1", status=200,
                  phone_id=phone.id),
            Stray(mac="0c383e0000ff", address="10.0.0.9", transport="tftp"),
            Run(state="ended", total=2),
        ]
    )  # fmt: skip
    db.session.commit()
    text = client.get("/").text
    assert "Three steps" not in text
    assert "Fetches of the last 24 hours: 1" in text and "2 phones" in text


def test_a_roll_out_that_halted_is_not_said_to_be_running(bob):
    make_phone()
    db.session.add(Run(kind="rollout", state="halted", total=2))
    db.session.commit()
    text = bob.get("/").text
    assert "Halted itself" in text and "running" not in text


def test_who_has_no_rights_is_welcome_and_sees_no_figures(dave):
    make_phone()
    text = dave.get("/").text
    assert "no rights here yet" in text and "Never fetched" not in text


def test_a_visitor_is_sent_to_the_sign_in_page(anonymous):
    assert anonymous.get("/").status_code == 302
