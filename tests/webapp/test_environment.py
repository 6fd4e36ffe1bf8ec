"""Wrong values of the environment are refused in words, before anything starts."""

import re

import pytest

from webapp.config import Config, new_key
from webapp.environment import ConfigError


@pytest.fixture
def read(tmp_path, monkeypatch):
    def read(**values):
        monkeypatch.setenv("BELLDESK_INSTANCE", str(tmp_path / "instance"))
        for name, value in values.items():
            monkeypatch.setenv(f"BELLDESK_{name}", value)
        return Config.from_environment()

    return read


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "abc", "a whole number is needed"),
        ("PORT", "0", "from 1 to 65535"),
        ("TFTP_PORT", "70000", "from 1 to 65535"),
        ("WEB_WORKERS", "0", "from 1 to"),
        ("SESSION_MINUTES", "0", "from 1 to"),
        ("TOKEN_SECONDS", "0", "from 1 to"),
        ("PNP", "maybe", "1 or 0"),
        ("PNP_PORT", "0", "from 1 to 65535"),
        ("PNP_GROUP", "ff02::1", "an IPv4 address"),
        ("WALK_IN_HOURS", "0", "from 1 to"),
        ("ARMED_HOURS", "721", "from 0 to 720"),
        ("ENV", "production", "one of prod, dev, test"),
        ("DOORS", "people,fones", "no “fones”, only people, phones, agents"),
        ("SECURE_COOKIES", "maybe", "1 or 0"),
        ("BASE_URL", "desk.example.net", "begin with http"),
        ("DATABASE_URL", "s3cret", "no address of a database"),
        ("KEYS", "s3cret", "no key"),
        ("INSTANCE", "/dev/null/here", "cannot be made"),
    ],
)
def test_it_refuses_a_wrong_value_naming_the_variable(read, name, value, words):
    with pytest.raises(ConfigError) as error:
        read(**{name: value})
    assert f"BELLDESK_{name}" in str(error.value)
    assert words in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "secure"), [("1", True), ("yes", True), ("TRUE", True), ("0", False), ("off", False)]
)
def test_a_switch_understands_what_people_write(read, value, secure):
    assert read(SECURE_COOKIES=value).secure_cookies is secure


def test_no_word_about_doors_opens_all(read):
    assert read(DOORS="").doors == {"people", "phones", "agents"}
    assert read(DOORS=" Phones, ").doors == {"phones"}


def test_several_keys_are_read_in_their_order(read):
    keys = new_key(), new_key()
    assert read(KEYS=" ".join(keys)).keys == keys


def test_the_secrets_are_made_once_and_for_the_owner_only(read, tmp_path):
    first, again = read(), read()
    assert (first.secret_key, first.keys) == (again.secret_key, again.keys)
    for name in ("secret", "keys"):
        assert (tmp_path / "instance" / name).stat().st_mode & 0o077 == 0


def test_phones_reach_this_machine_unless_told_otherwise(read):
    assert re.fullmatch(r"http://[0-9.]+:8123", read(PORT="8123").base_url)
    assert read(BASE_URL="https://desk.example.net/").base_url == "https://desk.example.net"
