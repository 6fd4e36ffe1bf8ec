import pytest
from sqlalchemy import select

from tests.webapp.control.conftest import add_computer, allow, audited, commands, the_command
from webapp.extensions import db
from webapp.models import Company

PROGRAMS = [{"name": "Writer", "version": "7.1", "publisher": "Libre"}, "odd", {"name": 5}]


def company():
    db.session.rollback()
    return db.session.scalar(select(Company))


def test_what_is_installed_and_what_may_be_opened(alice, app):
    allow("calc", "C:\\Shared Files\\")
    pc = add_computer("PC-8", facts={"programs": PROGRAMS})
    page = alice.get(f"/computers/{pc.id}/programs").text
    for word in ("Writer", "7.1", "Libre", "calc", "C:\\Shared Files\\"):
        assert word in page
    assert "Writer" not in alice.get(f"/computers/{pc.id}/programs?q=calc").text


def test_a_program_or_folder_of_the_list_is_opened(alice, computer):
    allow("calc", "C:\\Shared Files\\")
    for given in ({"program": "calc"}, {"folder": "C:\\Shared Files\\Ann B"}):
        assert alice.post(f"/computers/{computer.id}/open", data=given).status_code == 303
    assert [one.params for one in commands(verb="open")] == [
        {"program": "calc"},
        {"folder": "C:\\Shared Files\\Ann B"},
    ]


def test_nothing_else_is_opened(alice, computer):
    allow("calc", "C:\\Shared Files\\")
    for given in ({"program": "cmd"}, {"folder": "C:\\"}, {}):
        assert alice.post(f"/computers/{computer.id}/open", data=given).status_code == 422
    assert not commands() and not audited()


def test_a_message_is_sent_and_lasts_longer(alice, computer):
    alice.post(f"/computers/{computer.id}/message", data={"title": "Desk", "text": "Save now"})
    command = the_command(verb="message")
    assert command.params == {"title": "Desk", "text": "Save now"}
    assert (command.expires_at - command.created_at).total_seconds() == 300


def test_the_list_of_a_company_is_kept_and_audited(alice):
    given = {"programs": " calc\r\n\r\ncalc\r\nC:\\Shared Files\\", "keep_open": "Phone"}
    address = f"/computers/companies/{company().id}"
    assert alice.post(address, data={**given, "hide_titles": "1"}).status_code == 303
    kept = company()
    assert kept.programs == "calc\nC:\\Shared Files\\"
    assert (kept.keep_open, kept.hide_titles) == ("Phone", True)
    assert audited("Company")[-1].actor == "alice"
    assert "calc" in alice.get(address).text


@pytest.mark.parametrize(
    ("field", "value"),
    [("programs", 'cmd "/c x"'), ("programs", "C:\\a\\..\\b"), ("keep_open", "a")],
)
def test_an_odd_line_is_named_and_nothing_is_lost(alice, field, value):
    address = f"/computers/companies/{company().id}"
    refused = alice.post(address, data={"programs": "calc", "keep_open": "Phone", field: value})
    assert refused.status_code == 422
    assert "is-invalid" in refused.text and company().programs is None


def test_who_only_controls_does_not_widen_the_list(bob_controls):
    address = f"/computers/companies/{company().id}"
    assert bob_controls.get(address).status_code == 403
    assert bob_controls.post(address, data={"programs": "cmd"}).status_code == 403
    assert company().programs is None
