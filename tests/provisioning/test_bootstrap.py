"""What a stranger with a site's key gets of a phone under `strict`: an address, and no secret."""

import inspect
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from provisioning.model import Login
from provisioning.registry import registry
from provisioning.render import bootstrap, render
from tests.provisioning.phones import SECRETS, URL, make_phone
from tests.provisioning.readers import read

GOLDEN = Path(__file__).parent / "bootstraps"
MODELS = registry().models
WITH = [key for key, model in MODELS.items() if model.learns_its_address]
# How such a phone asks again soon, which its own file ends.
MEANWHILE = {
    "ap.FlashMode": ("2", "1"),
    "provisioning/period/type": ("EVERY5MINUTES", "DAILY"),
    "auto_provision.repeat.enable": ("1", "0"),
    "auto_provision.repeat.minutes": ("5", None),
}
LOGIN = Login("0c383e000001", "DoorOfThisPhone")


def made(key, url=URL):
    return bootstrap(key, "0c383e000001", url).body


def values(key, body):
    if MODELS[key].vendor.key == "snom":
        [file] = ElementTree.fromstring(body)
        return {"setting_server": file.get("url")}
    return read(MODELS[key], body)


def first_of_each_family():
    return {(MODELS[key].vendor.key, MODELS[key].family): key for key in reversed(WITH)}.values()


@pytest.mark.parametrize("key", WITH)
def test_it_says_what_the_phones_own_file_says_of_its_address_and_nothing_else(key):
    said, full = values(key, made(key)), read(MODELS[key], render(make_phone(key)).body)
    for name, value in said.items():
        now, then = MEANWHILE.get(name.removeprefix("static."), (full.get(name),) * 2)
        assert (value, full.get(name)) == (now, then), name
    assert URL.split("://")[1].rstrip("/") in "".join(said.values())


@pytest.mark.parametrize("key", WITH)
def test_it_holds_no_account_and_no_password(key):
    phone = make_phone(key, fields={"password": "Line0fThisPhone", "user": "Extension1"})
    full, body = render(phone).body.decode(), made(key).decode()
    account = ("Line0fThisPhone", "Extension1", "pbx.example.net")
    own = (SECRETS.admin_password, SECRETS.user_password, SECRETS.menu_pin)
    assert all(value in full for value in account)
    for value in (*account, *own, LOGIN.password):
        assert value not in body
    assert not re.search("password|passw|pswd|_pass|auth|account|user", body, re.IGNORECASE)


def test_it_is_made_without_the_phone():
    """What the template is not handed it cannot give away."""
    assert list(inspect.signature(bootstrap).parameters) == ["key", "mac", "url", "models"]


@pytest.mark.parametrize("key", WITH)
def test_it_follows_the_scheme_of_the_address(key):
    assert made(key, "https://desk/p/Key/") != made(key, "http://desk/p/Key/")


@pytest.mark.parametrize("key", sorted(first_of_each_family()))
def test_the_bootstrap_of_a_family_is_the_golden_one(key, request):
    golden = GOLDEN / f"{MODELS[key].vendor.key}-{MODELS[key].family}"
    if request.config.getoption("--update", default=False):
        golden.write_bytes(made(key))
    assert made(key) == golden.read_bytes()


def test_each_family_that_has_none_is_known():
    without = {(model.vendor.key, model.family) for k, model in MODELS.items() if k not in WITH}
    assert {vendor for vendor, _ in without} == {"flyingvoice", "gigaset", "htek"}
    assert bootstrap("flyingvoice-fip14g", "0c383e000001", URL) is None


def test_there_is_none_while_nobody_said_how_phones_reach_the_desk():
    assert bootstrap("fanvil-x1sg", "0c383e000001", "") is None


@pytest.mark.parametrize("key", MODELS)
def test_a_file_holds_what_the_phone_shows_at_the_door_where_its_kind_can(key):
    phone = make_phone(key, login=LOGIN)
    said = read(MODELS[key], render(phone).body).values()
    assert (LOGIN.user in said and LOGIN.password in said) == MODELS[key].takes_a_login
    assert LOGIN.password not in render(make_phone(key)).body.decode()
    assert LOGIN.password not in repr(phone)


def test_the_families_that_take_a_login_are_known():
    takes = {model.vendor.key for model in MODELS.values() if model.takes_a_login}
    assert takes == {"audiocodes", "fanvil", "grandstream", "poly", "yealink"}
