import re

import pytest

from provisioning.mask import HIDDEN, mask, secrets_of
from provisioning.model import Login
from provisioning.registry import registry
from provisioning.render import render
from tests.provisioning.phones import SECRETS, URL, make_phone

PASSWORD = "Zq<7&x\"'=;#"
MODELS = sorted(registry().models)


@pytest.mark.parametrize("key", MODELS)
def test_no_secret_of_the_phone_is_in_the_masked_file(key):
    model = registry().model(key)
    fields, login = {"password": PASSWORD}, Login("0c383e000001", "DoorOfThisPhone")
    phone = make_phone(key, fields=fields, numbers=range(1, model.lines + 1), login=login)
    text = mask(model, render(phone).body)
    for secret in (
        PASSWORD,
        "Zq",
        SECRETS.admin_password,
        SECRETS.user_password,
        "471100",
        login.password,
    ):
        assert secret not in text
    assert "SiteKey" not in text
    assert not re.search(r"\$1\$\w+\$", text), "a crypted password is worth a dictionary attack"
    assert HIDDEN in text


@pytest.mark.parametrize("key", MODELS)
def test_all_the_rest_is_left_as_it_is(key):
    model = registry().model(key)
    body = render(make_phone(key)).body.decode()
    masked = mask(model, body.encode())
    pairs = zip(body.splitlines(), masked.splitlines(), strict=True)
    differing = [line for line, shown in pairs if line != shown]
    assert len(differing) == masked.count(HIDDEN)
    assert "1001" in masked


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("yealink-t46s", b"account.1.password = %s\n"),
        ("snom-d785", b'<user_pass idx="1" perm="R">%s</user_pass>'),
        ("grandstream-gxp2170", b'<item name="users.admin.password">%s</item>'),
        ("gigaset-n870", b'<param name="SipAccount.00001.AuthPassword" value="%s"/>'),
        ("poly-vvx400", b'reg.1.auth.password="%s"'),
    ],
)
def test_a_secret_is_hidden_in_every_shape_a_format_has(key, line):
    shown = mask(registry().model(key), line % b"Zq&lt;7")
    assert shown == (line % HIDDEN.encode()).decode()


def test_an_empty_secret_is_seen_to_be_empty():
    model = registry().model("fanvil-x1sg")
    assert mask(model, b"<ProxyPswd></ProxyPswd>") == "<ProxyPswd></ProxyPswd>"


def test_two_files_tell_which_secrets_differ():
    model = registry().model("audiocodes-405hd")
    assert secrets_of(model, b"a=1\nsystem/password=x\n") == [("system/password", "x")]


def test_the_address_of_the_site_is_a_secret():
    model = registry().model("audiocodes-405hd")
    assert URL not in mask(model, render(make_phone("audiocodes-405hd")).body)
