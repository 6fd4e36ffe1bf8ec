"""All that is sealed gets a new key, on every database, while others write, after any death."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, func, insert, select, type_coerce, update

from tests.conftest import KEY
from tests.webapp.test_bootstraps import revised
from tests.webapp.test_provision import make_phone
from webapp import create_app, key_file, resealing
from webapp.audit import acting_as
from webapp.cli import keys
from webapp.config import Config, new_key
from webapp.extensions import UtcDateTime, db
from webapp.models import Phone, Revision, Site
from webapp.resealing import remains, reseal, sealed_columns
from webapp.secretbox import Packed, Sealed, SecretBox

PLAIN = "sealed with the old key"


def rows_of_every_sealed_column():
    """A row in each table that seals, and in those it refers to."""
    with db.engine.begin() as connection:
        for table in sealed_columns():
            connection.execute(insert(table).values(filled(connection, table)))


FILLINGS = {str: "x", int: 7, bool: True, datetime: datetime(2026, 1, 1, tzinfo=UTC), dict: {}}


def filled(connection, table):
    """What must not be NULL is filled by its type, and all that is sealed."""
    values = {}
    for column in table.columns:
        if isinstance(column.type, Sealed | Packed):
            values[column.name] = PLAIN.encode() if isinstance(column.type, Packed) else PLAIN
        elif column.foreign_keys and not column.nullable:
            values[column.name] = referred(connection, column)
        elif not (column.nullable or column.default is not None or column.primary_key):
            time = isinstance(column.type, UtcDateTime)
            values[column.name] = FILLINGS[datetime if time else column.type.python_type]
    return values


def referred(connection, column):
    [target] = (key.column for key in column.foreign_keys)
    found = connection.scalar(select(func.min(target)))
    if found is not None:
        return found
    made = insert(target.table).values(filled(connection, target.table))
    return connection.execute(made).inserted_primary_key[0]


def raw():
    """Every sealed value as it is stored, by table, column and row."""
    found = {}
    for table, columns in sealed_columns().items():
        [own] = table.primary_key.columns
        for column in columns:
            stored = type_coerce(column, LargeBinary)
            for number, value in db.session.execute(select(own, stored)):
                if value is not None:
                    found[table.name, column.name, number] = bytes(value)
    db.session.rollback()
    return found


def take(app, *these):
    app.extensions["secretbox"] = SecretBox(these)


def plain(box, key, sealed):
    table, column, _ = key
    packed = isinstance(db.metadata.tables[table].columns[column].type, Packed)
    return box.unpack(sealed) if packed else box.open(sealed)


def test_every_sealed_column_there_is_gets_the_new_key(everywhere):
    rows_of_every_sealed_column()
    before, new = raw(), new_key()
    assert {key[:2] for key in before} >= {
        (table.name, c.name) for table, columns in sealed_columns().items() for c in columns
    }
    take(everywhere, new, KEY)
    assert remains()[0] >= len(sealed_columns())
    done = reseal()
    assert (done.left, done.unreadable) == (0, [])
    assert sum(done.changed.values()) == len(before)
    alone, old = SecretBox([new]), SecretBox([KEY])
    after = raw()
    assert after.keys() == before.keys()
    for key, sealed in after.items():
        assert plain(alone, key, sealed) == plain(old, key, before[key])


def test_what_has_the_first_key_is_not_written_again(everywhere):
    revised(make_phone())
    before = raw()
    assert sum(reseal().changed.values()) == 0
    assert raw() == before


def test_more_rows_than_a_batch_has_are_all_done(everywhere, monkeypatch):
    monkeypatch.setattr(resealing, "TEXTS", 3)
    monkeypatch.setattr(resealing, "BODIES", 2)
    revised(*(make_phone(f"0c383e0000{n:02d}") for n in range(11)))
    take(everywhere, new_key(), KEY)
    done = reseal()
    assert (done.left, done.changed["revisions"], done.changed["lines"]) == (0, 11, 11)


def test_what_somebody_writes_meanwhile_is_not_overwritten(everywhere, monkeypatch):
    """Read, then changed by the desk, then written: the desk's value must stay."""
    phone = make_phone(menu_pin="111111")
    new = new_key()
    take(everywhere, new, KEY)
    real = resealing.rewritten

    def late(table, columns, rows):
        if table.name == "phones" and rows:
            with db.engine.begin() as connection:
                connection.execute(update(table).values(menu_pin="222222"))
        return real(table, columns, rows)

    monkeypatch.setattr(resealing, "rewritten", late)
    assert reseal().left == 0
    db.session.expire_all()
    assert phone.menu_pin == "222222"
    assert phone.admin_password


def test_rows_that_no_key_opens_are_named_and_hinder_nobody(everywhere):
    lost, number = SecretBox([new_key()]).seal(b"gone"), make_phone().id
    table = Phone.__table__
    statement = update(table).values(menu_pin=type_coerce(lost, LargeBinary))
    db.session.execute(statement)
    db.session.commit()
    take(everywhere, new_key(), KEY)
    done = reseal()
    assert done.unreadable == [f"phones {number}"]
    assert done.left == 1
    assert raw()["phones", "menu_pin", number] == lost


def test_old_bodies_that_were_fernet_tokens_are_rewritten_too(everywhere):
    phone = make_phone()
    revised(phone)
    token = Fernet(KEY).encrypt(zlib.compress(b"an old body"))
    table = Revision.__table__
    db.session.execute(update(table).values(body=type_coerce(token, LargeBinary)))
    db.session.commit()
    new = new_key()
    take(everywhere, new, KEY)
    assert reseal().left == 0
    take(everywhere, new)
    assert db.session.get(Revision, phone.revision_id).body == b"an old body"


# --- the file, and others that have it open ---


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(KEY + "\n")
    return path


def test_a_new_key_stands_in_front_of_the_old_and_for_the_owner_only(file):
    fresh = key_file.add(file)
    assert key_file.read(file) == [fresh, KEY]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys"]
    assert key_file.keep_first(file) == 1
    assert key_file.read(file) == [fresh]


def test_a_write_that_fails_leaves_the_file_as_it_was(file, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        key_file.add(file)
    assert key_file.read(file) == [KEY]
    assert [path.name for path in file.parent.iterdir()] == ["keys"]


def test_two_that_add_at_once_lose_no_key(file):
    call = "from pathlib import Path; from webapp import key_file; key_file.add(Path({!r}))"
    running = [subprocess.Popen([sys.executable, "-c", call.format(str(file))]) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert len(set(key_file.read(file))) == 5


def test_another_process_reads_what_the_new_key_sealed_at_once(file):
    theirs = SecretBox([KEY], file)
    fresh = key_file.add(file)
    ours = SecretBox([fresh, KEY])
    assert theirs.open(ours.seal(b"text")) == b"text"
    assert SecretBox([KEY], file).unpack(ours.pack(b"body")) == b"body"


def test_another_process_seals_with_the_new_key_within_a_second(file):
    theirs = SecretBox([KEY], file)
    theirs.seal(b"now it has looked")
    fresh = key_file.add(file)
    time.sleep(1.1)
    assert SecretBox([fresh]).open(theirs.seal(b"text")) == b"text"


def test_a_key_that_is_forgotten_still_opens_for_who_is_running(file):
    theirs = SecretBox([KEY], file)
    held = theirs.seal(b"in its hands")
    key_file.add(file)
    key_file.keep_first(file)
    time.sleep(1.1)
    theirs.seal(b"it has looked again")
    assert theirs.open(held) == b"in its hands"


@pytest.mark.parametrize("text", ["", "no key at all", "dG9vIHNob3J0"])
def test_a_file_that_holds_no_keys_is_not_taken_over(file, text):
    theirs = SecretBox([KEY], file)
    file.write_text(text)
    assert theirs.open(theirs.seal(b"text")) == b"text"


# --- the command ---


@pytest.fixture
def belldesk(app, file, monkeypatch):
    object.__setattr__(app.extensions["belldesk"], "keys_file", file)
    app.extensions["secretbox"] = SecretBox([KEY], file)

    @contextlib.contextmanager
    def here():
        with app.app_context(), acting_as("cli:tester"):
            yield app

    monkeypatch.setattr(keys, "application", here)
    monkeypatch.setattr(keys, "LOOK", 0.0)
    return lambda *words: CliRunner().invoke(keys.group, words)


def test_rotate_then_forget_leaves_one_key_that_opens_all(belldesk, app, file):
    phone = make_phone()
    revised(phone)
    assert belldesk("rotate").exit_code == 0
    fresh, old = key_file.read(file)
    assert old == KEY
    assert belldesk("list").output.strip().endswith(": 0.")
    assert belldesk("forget", "--now").exit_code == 0
    assert key_file.read(file) == [fresh]
    take(app, fresh)
    db.session.expire_all()
    assert phone.admin_password and db.session.get(Revision, phone.revision_id).body


def test_forget_refuses_while_anything_needs_an_old_key(belldesk, file):
    make_phone()
    belldesk("add")
    answer = belldesk("forget", "--now")
    assert answer.exit_code == 1 and "belldesk keys rotate" in answer.output
    assert len(key_file.read(file)) == 2


def test_forget_waits_for_those_who_sealed_before_they_saw_the_new_key(belldesk, file):
    belldesk("rotate")
    answer = belldesk("forget")
    assert answer.exit_code == 1 and "Wait 15 minutes" in answer.output
    assert len(key_file.read(file)) == 2
    long_ago = time.time() - 3600
    os.utime(file, (long_ago, long_ago))
    assert belldesk("forget").exit_code == 0


def test_rotate_goes_on_with_the_key_that_is_there_until_it_is_through(belldesk, file):
    make_phone()
    belldesk("add")
    fresh = key_file.read(file)[0]
    assert belldesk("rotate").exit_code == 0
    assert key_file.read(file) == [fresh, KEY]
    assert belldesk("rotate").exit_code == 0
    assert len(key_file.read(file)) == 3


@pytest.mark.parametrize("word", ["add", "rotate", "forget"])
def test_keys_of_the_environment_are_left_to_who_set_them(belldesk, app, file, word):
    object.__setattr__(app.extensions["belldesk"], "keys_file", None)
    app.extensions["secretbox"] = SecretBox([KEY])
    make_phone()
    answer = belldesk(word)
    assert answer.exit_code == 1 and "BELLDESK_KEYS" in answer.output
    assert key_file.read(file) == [KEY]


def test_keys_of_the_environment_are_used_to_seal_again(belldesk, app):
    new = new_key()
    phone = make_phone()
    object.__setattr__(app.extensions["belldesk"], "keys_file", None)
    object.__setattr__(app.extensions["belldesk"], "keys", (new, KEY))
    take(app, new, KEY)
    assert belldesk("rotate").exit_code == 0
    take(app, new)
    db.session.expire_all()
    assert phone.admin_password


def test_no_key_is_ever_said(belldesk, file):
    make_phone()
    said = "".join(belldesk(*words).output for words in (("rotate",), ("list",), ("forget",)))
    for key in key_file.read(file):
        assert key not in said


def test_killed_in_the_middle_it_goes_on_where_it_was(app, config, tmp_path):
    """A real process, killed for good while it writes; the desk's own process reads all along."""
    (tmp_path / "keys").write_text(KEY + "\n")
    site = db.session.scalar(select(Site))
    made = {"model": "fanvil-x1sg", "site_id": site.id, "admin_password": "admin of it"}
    made |= {"user_password": "user of it", "menu_pin": "123456", "key": "k" * 32}
    db.session.execute(insert(Phone), [made | {"mac": f"0c383e{n:06x}"} for n in range(4000)])
    db.session.commit()
    db.session.remove()
    names = {"BELLDESK_INSTANCE": str(tmp_path), "BELLDESK_ENV": "test"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BELLDESK_")} | names
    command = [sys.executable, "-m", "webapp.cli", "keys", "rotate"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    app.extensions["secretbox"] = SecretBox([KEY], tmp_path / "keys")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        fresh = key_file.read(tmp_path / "keys")[0]
        done = SecretBox([fresh])
        some = [v for key, v in raw().items() if key[0] == "phones" and key[1] == "key"]
        if fresh != KEY and 0 < sum(map(done.is_first, some)) < len(some):
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    assert process.wait() == -signal.SIGKILL, "it was through before it could be killed"
    keys_then = key_file.read(tmp_path / "keys")
    assert len(keys_then) == 2
    left = remains()[0]
    assert left > 0
    assert db.session.scalars(select(Phone.admin_password).distinct()).all()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert again.returncode == 0, again.stderr
    assert key_file.read(tmp_path / "keys") == keys_then, "no second new key for the same work"
    alone = SecretBox(keys_then[:1])
    assert all(plain(alone, key, sealed) for key, sealed in raw().items())


def test_the_file_of_the_keys_is_known_unless_the_environment_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", str(tmp_path))
    assert Config.from_environment().keys_file == tmp_path / "keys"
    monkeypatch.setenv("BELLDESK_KEYS", KEY)
    assert Config.from_environment().keys_file is None


def test_the_application_follows_the_file(tmp_path, config):
    file = tmp_path / "keys"
    file.write_text(KEY)
    object.__setattr__(config, "keys_file", file)
    app = create_app(config)
    fresh = key_file.add(file)
    assert app.extensions["secretbox"].open(SecretBox([fresh]).seal(b"new")) == b"new"
