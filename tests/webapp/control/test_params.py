"""What every verb refuses to be told, before anything is queued."""

import pytest

from webapp.control.allowed import is_entry
from webapp.control.params import BUILDERS, ControlError, params_for
from webapp.models import VERBS, Company

ACME = Company(
    name="Acme",
    programs="winword\nC:\\Program Files\\App\\app.exe\nC:\\Shared Files\\\n/srv/data/\n"
    "%USERPROFILE%\\Documents\\",
    keep_open="Phone\nMail",
)
STARTED = "2026-11-22T08:00:00.250Z"
ONE = {"pid": "4711", "started": STARTED, "name": "notepad.exe"}


def refused(verb, **given):
    with pytest.raises(ControlError) as caught:
        params_for(verb, given, ACME)
    return str(caught.value)


def test_no_verb_is_built_that_the_table_does_not_know():
    assert set(BUILDERS) <= set(VERBS)


@pytest.mark.parametrize("verb", ["", "shell", "LIST_PROCESSES", "list_processes\n", "x" * 5000])
def test_it_refuses_what_is_no_verb(verb):
    assert "nothing that can be asked" in refused(verb)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": ""},
        {"pid": "x"},
        {"pid": "-1"},
        {"pid": "0"},
        {"pid": "4711 "[:-1] + "\n1"},
        {"pid": "4e3"},
        {"pid": "²"},
        {"pid": "2147483648"},
        {"pid": "9" * 5000},
        {"started": ""},
        {"started": "today"},
        {"started": f"{STARTED}\nx"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 256},
    ],
)
def test_a_process_is_ended_only_by_number_start_and_name(change):
    refused("terminate", **ONE | change)


@pytest.mark.parametrize(
    "name",
    [
        "lsass.exe",
        "LSASS",
        "csrss.exe",
        "systemd",
        "systemd-logind",
        "init",
        "sshd",
        "Xorg",
        "belldesk-agent",
        "belldesk-agent.pyz",
        " lsass.exe ",
    ],
)
def test_what_the_system_needs_is_not_ended(name):
    assert "protected" in refused("terminate", **ONE | {"name": name})


def test_a_process_of_the_list_is_named_whole():
    assert params_for("terminate", ONE, ACME) == {**ONE, "pid": 4711}


@pytest.mark.parametrize(
    "program",
    ["calc", "winword ", "WINWORD", "winword /x", "winword\ncalc", "C:\\Shared Files\\", "x" * 300],
)
def test_only_programs_of_the_list_are_opened(program):
    if program.strip() == "winword":
        assert params_for("open", {"program": program}, ACME) == {"program": "winword"}
    else:
        refused("open", program=program)


@pytest.mark.parametrize(
    "folder",
    [
        "C:\\Shared Files",
        "c:\\shared files\\Ann's own",
        "C:/Shared Files/2026/",
        "/srv/data",
        "/srv/data/a b",
        "%USERPROFILE%\\Documents\\a",
    ],
)
def test_folders_of_the_list_and_below_are_opened(folder):
    assert params_for("open", {"folder": folder}, ACME) == {"folder": folder}


@pytest.mark.parametrize(
    "folder",
    [
        "C:\\",
        "C:\\Shared Files2",
        "C:\\Shared Files\\..\\Windows",
        "C:\\Shared Files\\.. \\Windows",
        "C:/Shared Files/%TEMP%",
        "C:\\Shared Files\\x:stream",
        "\\\\server\\share",
        "/srv/database",
        "/srv/data/../../etc",
        "/SRV/DATA/a",
        "/srv/data/$HOME",
        "Shared Files",
        'C:\\Shared Files\\" & calc',
        "C:\\Shared Files\\a\nb",
        "%TEMP%\\Documents",
    ],
)
def test_a_folder_outside_the_list_is_refused(folder):
    refused("open", folder=folder)


def test_a_program_and_a_folder_at_once_are_refused():
    assert "which program" in refused("open", program="winword", folder="/srv/data")
    assert "which program" in refused("open")


@pytest.mark.parametrize("window", ["x", "-5", "1.5", str(2**63), "9" * 30, "1\n2"])
def test_a_window_is_named_by_its_number(window):
    refused("close", window=window)


def test_a_title_needs_two_letters_on_one_line():
    assert params_for("close", {"title": " Note "}, ACME) == {"title": "Note"}
    for title in ("", "a", "a\nb", "x" * 121):
        refused("close", title=title)


def test_where_titles_are_hidden_nobody_guesses_them():
    shy = Company(name="Shy", hide_titles=True)
    with pytest.raises(ControlError):
        params_for("close", {"title": "Letter"}, shy)
    assert params_for("close", {"window": "7"}, shy) == {"window": 7}


def test_the_exclusions_of_the_company_always_hold():
    found = params_for("close_all", {"exclude": "Bank\r\nMail", "countdown": "30"}, ACME)
    assert found == {"exclude": ["Phone", "Mail", "Bank"], "countdown": 30, "message": ""}


@pytest.mark.parametrize(
    "change",
    [
        {"countdown": "-1"},
        {"countdown": "241"},
        {"countdown": ""},
        {"countdown": "soon"},
        {"exclude": "a"},
        {"exclude": "x" * 121},
        {"exclude": "\n".join(f"word {n}" for n in range(101))},
        {"exclude": "a\x1bb"},
        {"message": "x" * 1001},
    ],
)
def test_odd_ways_to_close_all_are_refused(change):
    refused("close_all", **{"countdown": "0"} | change)


@pytest.mark.parametrize(
    "change", [{"text": ""}, {"text": " \n"}, {"text": "x" * 1001}, {"text": "a\x07"},
               {"title": "a\nb"}, {"title": "x" * 101}]
)  # fmt: skip
def test_odd_messages_are_refused(change):
    refused("message", **{"text": "Hello", "title": "Desk"} | change)


def test_a_message_may_have_lines():
    found = params_for("message", {"text": "One\r\nTwo"}, ACME)
    assert found == {"title": "Belldesk", "text": "One\nTwo"}


@pytest.mark.parametrize(
    "line", ["winword", "C:\\Program Files\\a b.exe", "/usr/bin/xterm", "\\\\server\\share\\"]
)
def test_what_may_stand_in_the_list(line):
    assert is_entry(line)


@pytest.mark.parametrize(
    "line",
    ["app.exe\\..\\x", 'word "a"', "bin/xterm", "-rf", "..", "C:app\\x", "a|b", "x" * 261, "a\tb"],
)
def test_what_may_not_stand_in_the_list(line):
    assert not is_entry(line)


@pytest.mark.parametrize("pid", ["1", "4"])
def test_the_first_processes_of_a_system_are_not_ended_whatever_their_name(pid):
    assert "protected" in refused("terminate", **ONE | {"pid": pid})
