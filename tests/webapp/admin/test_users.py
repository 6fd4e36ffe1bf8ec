"""The users' page, and attacks on it."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD, client_of
from webapp.admin import services
from webapp.extensions import db
from webapp.models import AuditEntry, Department, User


def user(name):
    db.session.expire_all()
    return db.session.scalar(User.named(name))


def department(name):
    return db.session.scalar(select(Department).where(Department.name == name))


def give(name, *rights):
    department(name).permissions = department(name).permissions | set(rights)
    db.session.commit()


def create(client, name="erin", **more):
    form = {"name": name, "full_name": "Erin Example"}
    if "department" not in more:
        more["department"] = department("readers").id
    return client.post("/admin/users", data=form | more)


def shown_password(answer):
    return re.search(r'<code id="password">([^<]+)</code>', answer.text).group(1)


def forget_the_password(client):
    with client.session_transaction() as session:
        session["confirmed_at"] = 0


def test_a_new_user_gets_a_password_for_one_use_and_must_replace_it(app, alice):
    answer = create(alice)
    password = shown_password(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    erin = app.test_client()
    erin.post("/login", data={"name": "erin", "password": password})
    assert erin.get("/account").location == "/account/password"
    new = "a sentence to remember"
    form = {"old": password, "new": new, "again": new}
    assert erin.post("/account/password", data=form).status_code == 303
    assert erin.get("/account").status_code == 200


def test_the_password_is_nowhere_in_the_database(alice):
    password = shown_password(create(alice))
    for table in db.metadata.sorted_tables:
        assert password not in str(db.session.execute(table.select()).all())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two words", "must not contain blanks"),
        ("tab\there", "must not contain blanks"),
        ("nul\x01", "cannot be seen"),
        ("line\r\nSet-Cookie:x", "must not contain blanks"),
        ("rtl\u202eadmin", "cannot be seen"),
        ("x" * 51, "at most 50"),
        ("bob", "This name is taken"),
        ("Bob", "This name is taken"),
        ("", "A name is needed"),
    ],
)
def test_a_name_against_the_rule_is_refused(alice, name, words):
    answer = create(alice, name)
    assert answer.status_code == 422
    assert words in answer.text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'--", "{{7*7}}", "a%s", '"><b>'])
def test_a_strange_name_is_shown_as_text(alice, name):
    assert create(alice, name, full_name=name).status_code == 200
    for page in ("/admin/users", f"/admin/users/{user(name).id}", "/admin/audit"):
        text = alice.get(page).text
        assert name not in text or "<" not in name
        assert "49" not in re.findall(r"<strong>(.*?)</strong>", text)


def test_an_oversized_field_is_refused(alice):
    assert create(alice, full_name="x" * 101).status_code == 422
    assert create(alice, full_name="x" * 1_000_000).status_code == 422


def test_two_submissions_make_one_user(app, alice):
    clients = [alice, client_of(app, "alice")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda client: create(client, department=0), clients))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(app, alice, bob):
    assert bob.get("/account").status_code == 200
    alice.post(f"/admin/users/{user('bob').id}/disable")
    assert bob.get("/account").status_code == 302
    answer = bob.post("/login", data={"name": "bob", "password": PASSWORD})
    assert "disabled" in answer.text
    alice.post(f"/admin/users/{user('bob').id}/enable")
    client_of(app, "bob")


def test_a_stranger_does_not_learn_that_an_account_is_disabled(alice, bob):
    alice.post(f"/admin/users/{user('bob').id}/disable")
    answer = bob.post("/login", data={"name": "bob", "password": "wrong"})
    assert "Wrong user name or password" in answer.text


def test_a_reset_ends_sessions_and_the_old_password(alice, bob):
    password = shown_password(alice.post(f"/admin/users/{user('bob').id}/reset"))
    assert bob.get("/account").status_code == 302
    assert bob.post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 422
    bob.post("/login", data={"name": "bob", "password": password})
    assert bob.get("/account").location == "/account/password"


def test_nobody_disables_himself(alice):
    answer = alice.post(f"/admin/users/{user('alice').id}/disable")
    assert answer.status_code == 422
    assert "cannot disable yourself" in answer.text
    assert user("alice").active


def test_the_last_administrator_is_not_demoted(alice):
    answer = alice.post(f"/admin/users/{user('alice').id}", data={"name": "alice", "department": 0})
    assert answer.status_code == 422
    assert "last active administrator" in answer.text
    assert user("alice").is_admin


def test_two_administrators_who_disable_each_other_leave_one(app, alice):
    erin = user("bob")
    erin.is_admin = True
    db.session.commit()
    bob = client_of(app, "bob")
    jobs = [(alice, user("bob").id), (bob, user("alice").id)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: job[0].post(f"/admin/users/{job[1]}/disable"), jobs))
    db.session.expire_all()
    assert len(db.session.scalars(User.administrators()).all()) == 1


@pytest.fixture
def clerk(app, bob):
    """Bob, who may manage users but is no administrator."""
    give("technicians", "users.read", "users.write", "departments.read", "departments.write")
    return bob


def test_a_clerk_makes_users_of_departments_with_no_more_rights(clerk):
    assert create(clerk).status_code == 200


def test_a_clerk_makes_no_administrator(clerk):
    create(clerk, is_admin="y")
    assert not user("erin").is_admin


def test_a_clerk_grants_no_department_above_his_own(clerk):
    give("nobody", "audit.read")
    assert create(clerk, department=department("nobody").id).status_code in (403, 422)
    form = {"name": "carol", "department": department("nobody").id}
    answer = clerk.post(f"/admin/users/{user('carol').id}", data=form)
    assert answer.status_code in (403, 422)
    assert user("carol").department.name == "readers"


@pytest.mark.parametrize("deed", ["", "/reset", "/disable", "/enable", "/sessions/end"])
def test_a_clerk_takes_no_stronger_account_over(clerk, deed):
    give("nobody", "audit.read")
    for name in ("alice", "dave"):
        before = user(name).password_hash
        answer = clerk.post(f"/admin/users/{user(name).id}{deed}", data={"name": "x"})
        assert answer.status_code == 403
        assert (user(name).password_hash, user(name).active) == (before, True)


def test_a_clerk_gives_his_department_no_new_right(clerk):
    own = department("technicians")
    form = {"name": "technicians", "permission": sorted(own.permissions | {"audit.read"})}
    assert clerk.post(f"/admin/departments/{own.id}", data=form).status_code == 403
    db.session.expire_all()
    assert "audit.read" not in own.permissions


def test_a_stolen_session_without_the_password_changes_nothing(alice):
    forget_the_password(alice)
    for path in ("/admin/users", f"/admin/users/{user('bob').id}/reset", "/admin/departments",
                 f"/admin/users/{user('bob').id}/disable"):  # fmt: skip
        answer = alice.post(path, data={"name": "erin", "department": 0})
        assert answer.status_code == 403
        assert "Type your password once more" in answer.text
        wrong = {"name": "erin", "department": 0, "confirm_password": "wrong"}
        assert alice.post(path, data=wrong).status_code in (403, 429)
    assert user("erin") is None
    assert user("bob").active


def test_the_password_typed_again_lets_the_form_go_on(alice):
    forget_the_password(alice)
    assert 'name="name" value="erin"' in create(alice).text
    assert create(alice, confirm_password=PASSWORD).status_code == 200
    assert create(alice, "frank").status_code == 200  # for five minutes


def test_the_page_hides_what_would_be_refused(app, carol):
    give("readers", "users.read")
    text = carol.get("/admin/users").text
    assert "New user" not in text
    page = carol.get(f"/admin/users/{user('bob').id}").text
    assert "Disable" not in page
    assert "<fieldset disabled>" in page


def test_a_change_leaves_old_and_new_in_the_audit(alice):
    form = {"name": "bob", "full_name": "Bob Builder", "department": department("readers").id}
    alice.post(f"/admin/users/{user('bob').id}", data=form)
    entry = db.session.scalar(AuditEntry.of("User", user("bob").id))
    assert entry.actor == "alice"
    assert entry.changes["full_name"] == ["", "Bob Builder"]
    assert "department_id" in entry.changes


@pytest.mark.parametrize("name", ["bob", "alice"])
def test_a_user_is_disabled_on_every_database(everywhere, name):
    """The last administrator is counted under a lock, which not every database takes alike."""
    db.session.scalar(User.named("carol")).is_admin = True
    db.session.commit()
    services.disable(db.session.scalar(User.named(name)))
    db.session.commit()
    assert not db.session.scalar(User.named(name)).active
