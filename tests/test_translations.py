"""Every text of the screens stands in every catalogue, whole and with its placeholders."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
LANGUAGES = ("fr", "pt_BR")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
EXTRACT = ("extract", "-F", "babel.cfg", "-k", "N_", "-k", "lazy_gettext", "-k", "_l")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    target = tmp_path_factory.mktemp("texts") / "messages.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", *EXTRACT, "-o", target, "."]
    subprocess.run(command, cwd=ROOT, check=True)
    with target.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module", params=LANGUAGES)
def catalogue(request):
    path = ROOT / "webapp/translations" / request.param / "LC_MESSAGES/messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=request.param)


def texts(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def originals(message):
    return message.id if isinstance(message.id, tuple) else (message.id,)


def test_no_text_of_the_screens_is_missing(wanted, catalogue):
    missing = []
    for message in wanted:
        if message.id:
            found = catalogue.get(message.id)
            if found is None or found.fuzzy or not all(texts(found)):
                missing.append(message.id)
    assert missing == []


def test_nothing_is_kept_that_no_screen_says(wanted, catalogue):
    assert [m.id for m in catalogue if m.id and wanted.get(m.id) is None] == []


def test_every_placeholder_is_carried_over(catalogue):
    wrong = []
    for message in catalogue:
        known = {name for text in originals(message) for name in PLACEHOLDER.findall(text)}
        for text in texts(message) if message.id else ():
            used = set(PLACEHOLDER.findall(text))
            if not used <= known or (len(originals(message)) == 1 and used != known):
                wrong.append((message.id, text))
    assert wrong == []
