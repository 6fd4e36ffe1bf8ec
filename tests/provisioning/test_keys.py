"""The keys beside the display: as people write them, and as each family's file says them."""

import difflib
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from provisioning.errors import FunctionKeyError, ProvisioningError
from provisioning.key_abilities import refuse_key
from provisioning.keys import KINDS, parse_key, parse_keys, written
from provisioning.model import Key
from provisioning.registry import registry
from provisioning.render import render
from tests.provisioning.phones import make_phone
from tests.provisioning.readers import read
from tests.provisioning.test_render import KNOWN_KEYS

HERE = Path(__file__).parent
NUMBERS = {"blf": "1002", "speed": "0123*", "pickup": "8200", "park": "700", "forward": "300",
           "voicemail": "*97", "url": "http://desk.example.net/x?a=1&b=2"}  # fmt: skip
# Two models of each vendor whose keys are known.
SHOWN = (
    "fanvil-x1sg", "fanvil-x5u", "audiocodes-405hd", "audiocodes-450hd", "yealink-t46s",
    "yealink-t20p", "grandstream-gxp2130", "grandstream-gxp2170", "snom-d785", "snom-d865",
    "poly-vvx400", "poly-edge-e100", "cisco-spa504g", "cisco-8841", "flyingvoice-fip14g-account",
)  # fmt: skip
HOSTILE = ['"><Fkey>', "a & b", "]]>", "it's", "Grüße 😀", "a=b", "%NULL%", "a\nb", "a\0b", "a\tb",
           "x;fnc=dnd", "$PROXY", " blank", "{line}", "{{ secrets }}"]  # fmt: skip


def able():
    return [key for key, model in registry().models.items() if doable(model)]


def doable(model):
    """A key of each kind that this model can do, at places that it has."""
    ability = model.key_ability
    if ability.most == 0:
        return []
    keys = []
    for kind, words in ability.kinds.items():
        carried = any("{value}" in str(text) for text in words.values())
        value = NUMBERS.get(kind, "") if carried else ""
        keys.append(Key(0, len(keys) + 1, kind, 1, value, f"Key {len(keys) + 1}"))
    return keys[: ability.most]


def with_keys(key, keys, numbers=(1,)):
    return replace(make_phone(key, numbers=numbers), keys=tuple(keys))


def difference(key, keys):
    plain, keyed = (render(with_keys(key, k)).body.decode().splitlines() for k in ((), keys))
    return [line for line in difflib.ndiff(plain, keyed) if line[0] in "+-"]


@pytest.mark.parametrize("key", SHOWN)
def test_what_keys_add_to_the_file_of_a_model_is_the_golden_one(key, request):
    model = registry().model(key)
    keys = doable(model)
    if model.key_ability.modules:
        keys = [*keys, Key(2, 3, "blf", 1, "1003", "Module")]
    if model.key_ability.most is None or model.key_ability.most > 11:
        keys.append(Key(0, 12, "none"))
    body = "\n".join(difference(key, keys)) + "\n"
    golden = HERE / "golden_keys" / f"{key}.diff"
    if request.config.getoption("--update", default=False):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(body, encoding="utf-8")
    assert body == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", able())
def test_every_kind_that_a_model_can_do_is_rendered(key):
    model = registry().model(key)
    keys = doable(model)
    body = render(with_keys(key, keys)).body.decode()
    for own in keys:
        assert own.label in body or own.kind == "none"
    read_back(model, body.encode())


def read_back(model, body):
    """All values of the file, by a parser that is not ours."""
    if model.vendor.key == "snom":
        root = ElementTree.fromstring(body)
        return [*root.itertext(), *(own.get("label", "") for own in root.iter("fkey"))]
    return list(read(model, body).values())


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", SHOWN)
def test_a_hostile_label_reads_back_equal_or_is_refused(key, text):
    model = registry().model(key)
    kind = next(kind for kind in ("blf", "speed") if kind in model.key_ability.kinds)
    phone = with_keys(key, [Key(0, 1, kind, 1, "1002", text)])
    try:
        body = render(phone).body
    except ProvisioningError:
        return
    assert text in read_back(model, body)


@pytest.mark.parametrize(
    "value", ["1;2", "1@2/f", "1>|*8", "1 2", "a\nb", "1,2", '1"', "1&2", "", "1" * 61, "é"]
)
@pytest.mark.parametrize("kind", ["blf", "speed"])
def test_what_cannot_be_dialled_is_refused(kind, value):
    with pytest.raises(FunctionKeyError):
        render(with_keys("yealink-t46s", [Key(0, 1, kind, 1, value)]))


@pytest.mark.parametrize(
    "value",
    [
        "ftp://x/",
        "javascript:alert(1)",
        "http://",
        "http://a b/",
        "http://a/;x",
        "http://a/\n",
        "//a",
    ],
)
def test_what_is_no_web_address_is_refused(value):
    with pytest.raises(FunctionKeyError):
        render(with_keys("yealink-t46s", [Key(0, 1, "url", 1, value)]))


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("gigaset-n670", Key(0, 1, "blf", 1, "1"), "no key can be set"),
        ("htek-uc926", Key(0, 1, "blf", 1, "1"), "no key can be set"),
        ("grandstream-grp2614", Key(0, 1, "blf", 1, "1"), "no key can be set"),
        ("flyingvoice-fip14g", Key(0, 1, "blf", 1, "1"), "no key can be set"),
        ("audiocodes-405hd", Key(0, 1, "blf", 1, "1"), "cannot do this on a key: Busy lamp"),
        ("fanvil-x1sg", Key(0, 3, "dnd"), "has no such key"),
        ("fanvil-x1sg", Key(1, 1, "dnd"), "has no such key"),
        ("fanvil-x1sg", Key(0, 1, "pickup", 1, "8"), "takes no number"),
        ("fanvil-x1sg", Key(0, 1, "park"), "needs a number"),
        ("fanvil-x1sg", Key(0, 1, "voicemail"), "needs a number"),
        ("yealink-t40p", Key(0, 4, "dnd"), "has no such key"),
        ("yealink-t46s", Key(0, 1, "line", 17), "no line 17"),
        ("yealink-t46s", Key(0, 1, "blf", 2, "1"), "no account on line 2"),
        ("cisco-spa504g", Key(0, 1, "blf", 1, "1", "a;b"), "may hold none of"),
        ("yealink-t46s", Key(0, 1, "dance"), "no kind of key"),
        ("yealink-t46s", Key(0, 0, "dnd"), "no place"),
        ("yealink-t46s", Key(0, 1, "dnd", 1, "7"), "takes no number"),
        ("yealink-t46s", Key(0, 1, "dnd", label="x" * 61), "60 characters"),
    ],
)  # fmt: skip
def test_what_a_model_cannot_do_is_refused_with_words(model, key, words):
    with pytest.raises(FunctionKeyError, match=re.escape(words)):
        render(with_keys(model, [key]))


def test_two_keys_cannot_stand_at_one_place():
    with pytest.raises(FunctionKeyError, match="Two keys"):
        render(with_keys("yealink-t46s", [Key(0, 1, "dnd"), Key(0, 1, "blf", 1, "1")]))


def test_an_unknown_number_of_keys_is_no_limit():
    assert registry().model("fanvil-x5u").key_ability.most is None
    refuse_key(registry().model("fanvil-x5u"), Key(0, 60, "dnd"))


def test_a_key_takes_the_number_of_the_voice_mail_from_the_settings():
    phone = make_phone("fanvil-x1sg", {"voicemail.number": "*97"})
    body = render(replace(phone, keys=(Key(0, 1, "voicemail"),))).body
    assert b"<Value>*97@1/m</Value>" in body


@pytest.mark.parametrize("key", [key for key in able() if key.split("-")[0] in KNOWN_KEYS])
def test_keys_bring_only_names_of_a_real_export(key):
    model = registry().model(key)
    known = (HERE / "known_keys" / KNOWN_KEYS[model.vendor.key]).read_text().splitlines()
    names = read(model, render(with_keys(key, doable(model))).body)
    assert {re.sub(r"(?<=[./])\d+(?=[./])", "N", name) for name in names} - set(known) == set()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("blf:1001:Alice", Key(0, 1, "blf", 1, "1001", "Alice")),
        (" BLF : 1001 : Alice Ng ", Key(0, 1, "blf", 1, "1001", "Alice Ng")),
        ("5=speed@2:0123|Home", Key(0, 5, "speed", 2, "0123", "Home")),
        ("1.3=dnd", Key(1, 3, "dnd")),
        ("dnd:Quiet", Key(0, 1, "dnd", label="Quiet")),
        ("line@2", Key(0, 1, "line", 2)),
        ("url:http://a.test:80/x|Web", Key(0, 1, "url", 1, "http://a.test:80/x", "Web")),
        ("url:https://a.test", Key(0, 1, "url", 1, "https://a.test")),
    ],
)
def test_a_key_is_read_as_people_write_it_and_written_back(text, key):
    assert parse_key(text, 1) == key
    assert parse_key(written(key), 1) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1001",
        "blf",
        "blf:",
        ":1001",
        "dance:1",
        "blf@99999:1",
        "1.2.3=dnd",
        "0=dnd",
        "999=dnd",
        "99.1=dnd",
        "blf:1 1",
    ],
)
def test_what_is_no_key_is_refused_with_words(text):
    with pytest.raises(FunctionKeyError) as caught:
        parse_key(text, 1)
    assert str(caught.value)


def test_keys_of_a_list_follow_each_other():
    found = parse_keys("blf:1001:Alice; speed:0123 ;; 7=dnd; park:700")
    assert [(key.position, key.kind) for key in found] == [
        (1, "blf"), (2, "speed"), (7, "dnd"), (8, "park"),
    ]  # fmt: skip
    with pytest.raises(FunctionKeyError, match="Two keys"):
        parse_keys("2=dnd; 1=dnd; dnd")


def test_every_kind_has_its_words():
    assert all(kind.title for kind in KINDS.values())
