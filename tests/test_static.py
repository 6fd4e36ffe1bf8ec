"""The front-end files are what they say they are, and the pages keep the strict CSP."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

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
ICON_USED = re.compile(
    r"""icon(?:_name)?(?:\(|\s*[=:]\s*|["']\s*:\s*)["']([a-z][a-z0-9-]+)["']"""
    r"""|(?:empty_state|page_header)\(\s*["']([a-z][a-z0-9-]+)["']"""
)


def names_used() -> dict[str, str]:
    sources = [*TEMPLATES, *(ROOT / "webapp").rglob("*.py")]
    return {
        name: str(source.relative_to(ROOT))
        for source in sources
        for found in ICON_USED.findall(source.read_text())
        for name in found
        if name
    }


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


def test_the_stylesheet_asks_for_nothing_from_elsewhere():
    for sheet in (ROOT / "static").rglob("*.css"):
        assert re.search(r"url\([\"']?(https?:)?//|@import", sheet.read_text()) is None
