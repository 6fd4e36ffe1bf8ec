import pytest

from tests.webapp.control.conftest import WINDOW, allow, answer, commands, the_command
from webapp.extensions import db

EXCLUDED = {**WINDOW, "id": 78, "title": "Phone", "program": "phone.exe"}
STAYED = {**WINDOW, "id": 79, "title": "Draft", "why": "It asks first: “Save Draft?”"}


def listed(client, computer, *rows):
    client.post(f"/computers/{computer.id}/windows")
    answer(the_command(verb="list_windows"), windows=list(rows))
    return client.get(f"/computers/{computer.id}/windows").text


def test_windows_are_listed_each_once(alice, computer):
    page = listed(alice, computer, WINDOW, WINDOW, EXCLUDED)
    assert page.count('id="w-77"') == 1
    for word in ("Letter to Ann", "notepad.exe", "ACME\\marie", "2 windows"):
        assert word in page


def test_one_is_closed_by_its_number_or_a_part_of_its_title(alice, computer):
    for given in ({"window": "77"}, {"title": "Letter"}):
        assert alice.post(f"/computers/{computer.id}/close", data=given).status_code == 303
    assert [one.params for one in commands(verb="close")] == [{"window": 77}, {"title": "Letter"}]


def test_what_closed_or_why_not_is_told(alice, computer):
    alice.post(f"/computers/{computer.id}/close", data={"window": "77"})
    command = the_command(verb="close")
    answer(command, **WINDOW, closed=True, why="")
    assert "closed" in alice.get(f"/computers/{computer.id}/commands/{command.id}").text
    answer(command, **WINDOW, closed=False, why="It asks first: “Save?”")
    page = alice.get(f"/computers/{computer.id}/commands/{command.id}").text
    assert "stayed open: It asks first: “Save?”" in page


def test_all_are_closed_but_the_exclusions_and_those_that_ask_are_listed(alice, computer):
    allow("notepad", keep_open="Phone")
    given = {"exclude": "Bank", "countdown": "30", "message": "Good night"}
    assert alice.post(f"/computers/{computer.id}/close-all", data=given).status_code == 303
    command = the_command(verb="close_all")
    assert command.params["exclude"] == ["Phone", "Bank"]
    answer(command, closed=[WINDOW], stayed=[STAYED], excluded=[EXCLUDED])
    page = alice.get(f"/computers/{computer.id}/commands/{command.id}").text
    for word in ("1 window closed, 1 stayed open, 1 excluded", "Save Draft?", "phone.exe"):
        assert word in page


def test_what_was_closed_is_opened_again_as_far_as_the_list_has_it(alice, computer):
    allow("C:\\Windows\\Notepad.exe", "calc")
    alice.post(f"/computers/{computer.id}/close-all", data={"countdown": "0"})
    command = the_command(verb="close_all")
    again = f"/computers/{computer.id}/commands/{command.id}/reopen"
    assert alice.post(again).status_code == 404
    answer(command, closed=[WINDOW, WINDOW, EXCLUDED], stayed=[], excluded=[])
    assert "Open again: C:\\Windows\\Notepad.exe" in alice.get(again.removesuffix("/reopen")).text
    assert alice.post(again).status_code == 303
    assert the_command(verb="open").params == {"program": "C:\\Windows\\Notepad.exe"}


def test_nothing_is_opened_again_that_is_not_on_the_list(alice, computer):
    alice.post(f"/computers/{computer.id}/close", data={"window": "77"})
    command = the_command()
    answer(command, **WINDOW, closed=True, why="")
    again = alice.post(f"/computers/{computer.id}/commands/{command.id}/reopen")
    assert again.status_code == 422 and not commands(verb="open")


def test_where_titles_are_hidden_no_page_shows_one(alice, computer):
    page = listed(alice, computer, WINDOW)
    alice.post(f"/computers/{computer.id}/close-all", data={"countdown": "0"})
    command = the_command(verb="close_all")
    answer(command, closed=[WINDOW], stayed=[STAYED], excluded=[])
    allow(hide_titles=True)
    for address in ("windows", f"commands/{command.id}", "activity", "activity.csv"):
        page = alice.get(f"/computers/{computer.id}/{address}").text
        assert "Letter to Ann" not in page and "Draft" not in page, address
    assert "hides the titles" in alice.get(f"/computers/{computer.id}/windows").text
    assert alice.post(f"/computers/{computer.id}/close", data={"title": "Le"}).status_code == 422


@pytest.mark.parametrize("deed", ["windows", "close", "close-all", "open", "message", "snapshots"])
def test_who_may_not_control_asks_nothing(anonymous, carol, bob_controls, computer, deed):
    given = {"window": "77", "countdown": "0", "program": "calc", "text": "Hi"}
    db.session.commit()
    for client, status in ((anonymous, 302), (carol, 403)):
        assert client.post(f"/computers/{computer.id}/{deed}", data=given).status_code == status
    assert bob_controls.post(f"/computers/999/{deed}", data=given).status_code == 404
    assert not commands()
