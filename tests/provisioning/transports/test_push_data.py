"""What vendors' data says of pushing can be done: no step names what is not known."""

import re
import string

import pytest

from provisioning.registry import registry
from provisioning.resync import read_resync
from provisioning.transports import push_words as words

WAYS = [(key, way) for key, vendor in registry().vendors.items() for way in vendor.resync]
NAMES = [f"{key} {way.method} {way.cost}" for key, way in WAYS]
KNOWN = {"user", "password", "password64", "url", "mac", "MAC"}


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(("key", "way"), WAYS, ids=NAMES)
def test_every_name_in_a_step_is_known_when_it_is_used(key, way):
    known = set(KNOWN)
    for step in way.web:
        assert step.says in words.STEPS
        assert step.path.startswith("/")
        texts = [*step.form.values(), *step.cookies.values(), step.file.get("name", "")]
        assert fields("".join(texts)) <= known
        known |= {name for name, pattern in step.take.items() if re.compile(pattern).groups == 1}
        assert fields("".join(step.md5.values())) <= known
        known |= step.md5.keys()
        assert not step.file or step.file.keys() == {"field", "name", "type"}
        for pattern in (step.needs, step.wrong, step.ends):
            re.compile(pattern)
    for command in way.shell:
        assert command.says in words.STEPS
        assert fields(command.command) <= {"url", "mac", "MAC"}


@pytest.mark.parametrize(("key", "way"), WAYS, ids=NAMES)
def test_no_password_stands_in_an_address_or_a_command(key, way):
    assert not any("{" in step.path for step in way.web)
    assert not any("password" in command.command for command in way.shell)


@pytest.mark.parametrize(("key", "way"), WAYS, ids=NAMES)
def test_a_way_has_what_its_method_needs(key, way):
    assert way.method in ("sip-notify", "http-get", "http-push", "ssh")
    assert bool(way.event) == (way.method == "sip-notify")
    assert bool(way.web) == (way.method in ("http-get", "http-push"))
    assert bool(way.shell) == (way.method == "ssh")
    assert set(way.schemes) <= {"https", "http"}


def test_the_cheapest_way_comes_first():
    for vendor in registry().vendors.values():
        costs = [way.cost for way in vendor.resync]
        assert costs == sorted(costs)


@pytest.mark.parametrize(
    "entry",
    [
        {"method": "ssh", "reboot": True, "event": "x", "stpes": []},
        {"method": "ssh", "reboot": True, "steps": [{"says": "look", "comand": "x"}]},
        {"method": "http-push", "reboot": True, "steps": [{"says": "look", "pth": "/"}]},
    ],
)
def test_a_misspelt_key_fails_at_the_start(entry):
    with pytest.raises((ValueError, TypeError)):
        read_resync([entry])
