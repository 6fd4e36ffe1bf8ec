"""Whatever people type, the phone reads back exactly that, or the value is refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.errors import UnsafeValueError
from provisioning.registry import registry
from provisioning.render import carriable, render
from tests.provisioning.phones import make_phone
from tests.provisioning.readers import LABELLED, account, read

# A busy machine is no reason to fail. Every model runs it, and a family shares its template.
patient = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

FIELDS = ("user", "password", "auth_user", "display_name", "label", "host", "proxy_host")
HOSTILE = {
    "quotes": '"it\'s"',
    "markup": "</RegisterPswd><RegisterAddr>evil</RegisterAddr>",
    "ampersand": "&amp; &lt; &#10; &",
    "cdata": "<![CDATA[x]]>",
    "end of cdata": "]]>",
    "four bytes": "\N{BELL}\N{GRINNING FACE}\U0010fffd",
    "expression": "${7*7}",
    "template": "{{7*7}}{% raw %}{# #}",
    "pair": "a=b;c=d#e",
    "comment": ";<!-- x -->",
    "percent": "%(x)s %s %00",
}
REFUSED = {
    "line feed": "a\nvoip/line/0/enabled=0",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "null": "a\0b",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "lone surrogate": "a\ud800b",
    "non-character": "a\ufffeb",
    "other non-character": "a\uffffb",
}


def expected(fields, number):
    """An empty display name or authentication user means the user."""
    said = {"user": str(1000 + number), "password": f"p&w<{number}", "label": "", "proxy_host": ""}
    said |= {
        "host": "pbx.example.net",
        "auth_user": str(1000 + number),
        "display_name": "",
    } | fields
    for name in ("auth_user", "display_name"):
        said[name] = said[name] or said["user"]
    return said


def assert_read_back(key, fields, number=1):
    model = registry().model(key)
    said = account(model, render(make_phone(key, fields=fields, numbers=(number,))).body, number)
    wanted = expected({"proxy_host": ""} | fields, number)
    if key == "audiocodes-405hd-sbc" or model.family in LABELLED:
        wanted["label"] = wanted["label"] or wanted["user"]
    assert said == {name: wanted[name] for name in said}


@pytest.mark.parametrize("key", registry().models)
@patient
@given(
    number=st.sampled_from((1, 2)),
    fields=st.fixed_dictionaries({}, optional={n: st.text(st.characters()) for n in FIELDS}),
)
def test_any_text_in_any_field_reads_back_equal_or_is_refused(key, number, fields):
    fields = {"proxy_host": ""} | fields
    number = min(number, registry().model(key).lines)
    try:
        assert_read_back(key, fields, number)
    except UnsafeValueError as refused:
        name = refused.params["field"].rpartition(".")[2]
        assert carriable(registry().model(key), fields[name]) is not None


@pytest.mark.parametrize("key", registry().models)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_value_reads_back_equal_from_every_field(key, kind):
    assert carriable(registry().model(key), HOSTILE[kind]) is None
    assert_read_back(key, dict.fromkeys(FIELDS, HOSTILE[kind]))


@pytest.mark.parametrize("key", registry().models)
@pytest.mark.parametrize("field", ["user", "password", "auth_user", "display_name", "host"])
def test_what_no_format_carries_is_refused_and_named(key, field):
    for kind, value in REFUSED.items():
        assert carriable(registry().model(key), value) is not None, kind
        with pytest.raises(UnsafeValueError) as refused:
            render(make_phone(key, fields={field: value}))
        assert refused.value.params["field"].endswith(field), kind


@given(title=st.text(st.characters()))
@patient
def test_any_text_in_a_setting_reads_back_equal_or_is_refused(title):
    phone = make_phone("fanvil-x1sg")
    phone.settings["display.title"] = title
    try:
        body = render(phone).body
    except UnsafeValueError as refused:
        assert refused.params["field"] == "display.title"
    else:
        said = read(registry().model("fanvil-x1sg"), body)
        assert said["phone.display.LCDTitle"] == title
