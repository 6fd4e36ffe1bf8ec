"""The front-end files are what they say they are, and the pages keep the strict CSP."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from webapp.menu import MENU

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
MANIFEST = tomllib.loads((VENDOR / "VENDOR.toml").read_text())
FILES = [file for package in MANIFEST["package"] for file in package["files"]]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = {
    "a style attribute": re.compile(r"<[^>{]*\sstyle\s*="),
    "a style element": re.compile(r"<style\b"),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=\s*[\"']"),
    "a script of its own": re.compile(r"<script(?![^>]*\ssrc=)"),
    "evaluated code": re.compile(r"\shx-(on|vals\s*=\s*[\"']js:|vars)|javascript:"),
}
# Where each macro takes the name of an icon, by position; by keyword it is icon_name.
ICON_AT = {
    "icon": 0,
    "empty_state": 0,
    "modal": 1,
    "badge": 2,
    "button": 2,
    "modal_button": 2,
    "page_header": 2,
    "post_button": 2,
    "stat": 2,
}
ICON_IN_PYTHON = re.compile(r"""icon["']?\s*[=:]\s*["']([a-z][a-z0-9-]*)["']""")


def icons_of(template: str) -> set[str]:
    calls = Environment(extensions=["jinja2.ext.i18n"]).parse(template).find_all(nodes.Call)
    return {
        argument.value
        for call in calls
        for argument in icon_arguments(call)
        if isinstance(argument, nodes.Const) and argument.value
    }


def icon_arguments(call: nodes.Call) -> list[nodes.Expr]:
    macro = getattr(call.node, "attr", None) or getattr(call.node, "name", None)
    if macro not in ICON_AT:
        return []
    by_name = [keyword.value for keyword in call.kwargs if keyword.key == "icon_name"]
    return [*call.args[ICON_AT[macro] : ICON_AT[macro] + 1], *by_name]


def names_used() -> dict[str, str]:
    pages = [(name, file) for file in TEMPLATES for name in icons_of(file.read_text())]
    modules = [
        (name, file)
        for file in (ROOT / "webapp").rglob("*.py")
        for name in ICON_IN_PYTHON.findall(file.read_text())
    ]
    return {name: str(file.relative_to(ROOT)) for name, file in [*pages, *modules]}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["to"])
def test_a_vendored_file_is_the_one_that_was_recorded(file):
    content = (VENDOR / file["to"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_the_sprite_is_the_one_that_was_recorded():
    content = (ROOT / "static" / "icons.svg").read_bytes()
    assert hashlib.sha256(content).hexdigest() == MANIFEST["icons"]["sha256"]


def test_nothing_is_vendored_without_record_and_licence():
    licences = {package["licence_file"] for package in [*MANIFEST["package"], MANIFEST["icons"]]}
    recorded = {file["to"] for file in FILES} | licences | {"VENDOR.toml"}
    present = {str(file.relative_to(VENDOR)) for file in VENDOR.rglob("*") if file.is_file()}
    assert present == recorded


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
@pytest.mark.parametrize("what", INLINE)
def test_a_template_keeps_the_content_security_policy(template, what):
    found = INLINE[what].search(template.read_text())
    assert found is None, f"{template.name} has {what}: {found and found.group()}"


@pytest.mark.parametrize(
    "html",
    [
        '<p style="x">',
        "<style>",
        '<a onclick="x()">',
        "<script>x()</script>",
        '<i hx-on:click="x">',
    ],
)
def test_the_guard_sees_what_the_policy_would_block(html):
    assert any(pattern.search(html) for pattern in INLINE.values())


def test_every_icon_used_is_in_the_sprite():
    sprite = (ROOT / "static" / "icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    missing = {name: where for name, where in names_used().items() if name not in drawn}
    assert missing == {}


def test_every_icon_of_the_menu_is_in_the_sprite():
    sprite = (ROOT / "static" / "icons.svg").read_text()
    icons = {item.icon for section in MENU for item in section.items}
    assert {name for name in icons if f'<symbol id="{name}"' not in sprite} == set()


def test_the_guard_finds_an_icon_wherever_a_macro_takes_one():
    page = """{{ m.icon("a") }}{% call modal(_("T"), "b") %}{% endcall %}
              {{ stat("x", 1, icon_name="c") }}"""
    assert icons_of(page) == {"a", "b", "c"}


def test_the_stylesheet_asks_for_nothing_from_elsewhere():
    for sheet in (ROOT / "static").rglob("*.css"):
        assert re.search(r"url\([\"']?(https?:)?//|@import", sheet.read_text()) is None
