"""Whom a site lets in: chosen in its form, said on its page."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.webapp.sites.test_sites import form
from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Bootstrap, Site


def here():
    db.session.expire_all()
    return db.session.scalar(select(Site))


def choose(client, **changes):
    site = here()
    data = {"company_id": site.company_id, "company": "", "name": site.name}
    return client.post(f"/sites/{site.id}/edit", data=form(**data) | changes)


def test_a_new_site_has_windows_and_asks_for_nothing_more(bob):
    bob.post("/sites/new", data=form())
    site = db.session.scalar(select(Site).where(Site.name == "Porto"))
    assert (site.policy, site.door_auth, site.certificate_required) == ("armed", "none", False)


def test_its_form_says_in_a_sentence_what_each_policy_does(bob):
    text = bob.get("/sites/new").text
    for words in (
        "whoever asks from one of its networks",
        "pins it to that network",
        "gives no file",
    ):
        assert words in text


def test_policy_password_and_certificate_are_chosen_and_audited(bob):
    chosen = {"policy": "strict", "door_auth": "digest", "certificate_required": "y"}
    assert choose(bob, **chosen).status_code == 303
    site = here()
    assert (site.policy, site.door_auth, site.certificate_required) == ("strict", "digest", True)
    row = db.session.scalars(select(AuditEntry).where(AuditEntry.entity == "Site")).all()[-1]
    assert row.changes["policy"] == ["armed", "strict"]


@pytest.mark.parametrize("changes", [{"policy": "open"}, {"door_auth": "ntlm"}, {"policy": ""}])
def test_what_is_no_policy_is_refused(bob, changes):
    assert choose(bob, **changes).status_code == 422
    assert (here().policy, here().door_auth) == ("armed", "none")


def test_who_only_reads_changes_no_policy(carol):
    assert choose(carol, policy="lan").status_code == 403
    assert here().policy == "armed"


def test_a_site_that_became_strict_says_which_phones_must_be_provisioned(bob):
    phone = make_phone()
    choose(bob, policy="strict")
    page = f"/sites/{here().id}"
    assert "1 phone has no file with its own address yet" in bob.get(page).text
    provision.revise([phone])
    db.session.commit()
    assert "no file with its own address yet" not in bob.get(page).text


def test_a_site_that_is_strict_no_longer_forgets_what_it_kept_ready(bob):
    phone = make_phone()
    choose(bob, policy="strict")
    provision.revise([phone])
    db.session.commit()
    choose(bob, policy="armed")
    assert db.session.scalar(select(Bootstrap)) is None


def test_its_page_names_the_models_that_a_strict_site_cannot_serve(bob):
    make_phone()
    make_phone("0021f2000001", "flyingvoice-fip14g")
    choose(bob, policy="strict")
    text = bob.get(f"/sites/{here().id}").text
    assert "without their whole file: Flyingvoice FIP14G." in text


def test_its_page_names_the_models_that_must_be_told_the_password_by_hand(bob):
    make_phone()
    make_phone("000413000001", "snom-d785")
    choose(bob, door_auth="digest")
    text = bob.get(f"/sites/{here().id}").text
    assert "(Digest)" in text and "must be typed on the phone: Snom D785." in text


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("lan", "Whoever asks from one of its networks"),
        ("armed", "if the phone is open and he comes before it"),
        ("strict", "own address while it is open, and no password"),
    ],
)
def test_its_page_says_what_a_stranger_can_get(bob, policy, words):
    choose(bob, policy=policy)
    assert words in bob.get(f"/sites/{here().id}").text


def test_its_page_counts_the_open_and_the_pinned(bob):
    make_phone()
    make_phone("0c383e000002", armed_until=utcnow() - timedelta(1), pinned_network="10.0.0.0/24")
    text = bob.get(f"/sites/{here().id}").text
    assert "1 phone is open now" in text and "1 is pinned to a network" in text


SHUT = "No proxy hands certificates on here"


def test_a_site_that_asks_for_certificates_which_nobody_hands_on_says_so(bob, app):
    assert SHUT in bob.get(f"/sites/{here().id}/edit").text
    assert SHUT not in bob.get(f"/sites/{here().id}").text
    choose(bob, certificate_required="y")
    assert SHUT in bob.get(f"/sites/{here().id}").text
    config = app.extensions["belldesk"]
    app.extensions["belldesk"] = replace(config, client_cert_header="X-Cert", trusted_proxies=1)
    assert SHUT not in bob.get(f"/sites/{here().id}").text
    assert SHUT not in bob.get(f"/sites/{here().id}/edit").text


def test_a_header_of_a_proxy_that_is_not_trusted_hands_nothing_on(bob, app):
    choose(bob, certificate_required="y")
    config = app.extensions["belldesk"]
    app.extensions["belldesk"] = replace(config, client_cert_header="X-Cert", trusted_proxies=0)
    assert SHUT in bob.get(f"/sites/{here().id}").text
