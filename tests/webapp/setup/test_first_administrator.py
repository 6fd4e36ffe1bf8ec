"""The one-time link to the first administrator."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from webapp.extensions import db
from webapp.models import AuditEntry, SignIn, User
from webapp.setup.services import setup_link, token_file

FORM = {"name": "erin", "password": "a sentence to remember", "again": "a sentence to remember"}


@pytest.fixture
def link(app, anonymous):
    db.session.scalar(User.named("alice")).is_admin = False
    db.session.commit()
    return setup_link("")


def test_there_is_no_link_once_there_is_an_administrator(app):
    token_file().write_text("left over")
    assert setup_link("http://desk") is None
    assert not token_file().exists()


def test_only_a_hash_is_kept_for_the_owner_only(link):
    token = link.rsplit("/", 1)[1]
    assert len(token) >= 27  # 160 bits
    assert token not in token_file().read_text()
    assert stat.S_IMODE(token_file().stat().st_mode) == 0o600


def test_the_link_makes_an_administrator_who_is_signed_in(anonymous, link):
    assert "Create the first administrator" in anonymous.get(link).text
    answer = anonymous.post(link, data=FORM)
    assert answer.status_code == 303
    assert db.session.scalar(User.named("erin")).is_admin
    assert anonymous.get("/account").status_code == 200
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.entity, entry.actor) == ("User", "setup")
    attempt = db.session.scalar(SignIn.newest_first())
    assert (attempt.name, attempt.success) == ("erin", True)


def test_the_link_works_once(anonymous, link):
    anonymous.post(link, data=FORM)
    assert anonymous.get(link).status_code == 404
    assert anonymous.post(link, data=FORM | {"name": "mallory"}).status_code == 404


def test_a_new_start_ends_the_old_link(anonymous, link):
    newer = setup_link("")
    assert anonymous.get(link).status_code == 404
    assert anonymous.get(newer).status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "two words"}, "must not contain blanks"),
        ({"name": "x" * 51}, "at most 50"),
        ({"name": ""}, "A name is needed"),
        ({"name": "er\u202ein"}, "cannot be seen"),
        ({"name": "BOB"}, "This name is taken"),
        ({"password": "short", "again": "short"}, "at least 10"),
        ({"password": "aaaaaaaaaaaa", "again": "aaaaaaaaaaaa"}, "repeats too few"),
        ({"password": "my name is erin", "again": "my name is erin"}, "must not contain the user"),
        ({"again": "another sentence"}, "The two passwords differ"),
    ],
)
def test_each_broken_rule_has_its_words_and_the_link_stays(anonymous, link, change, words):
    answer = anonymous.post(link, data=FORM | change)
    assert answer.status_code == 422
    assert words in answer.text
    assert anonymous.get(link).status_code == 200


def test_two_at_the_same_moment_make_one_administrator(app, link):
    def submit(name):
        return app.test_client().post(link, data=FORM | {"name": name}).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(submit, ["erin", "frank", "grace", "heidi"]))
    assert codes == [303, 404, 404, 404]
    assert len(db.session.scalars(User.administrators()).all()) == 1


def test_a_guessed_link_reads_like_any_missing_page(anonymous, link):
    assert anonymous.get("/setup/" + "A" * 27).status_code == 404
