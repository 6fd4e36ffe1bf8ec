"""The macros of the pages, rendered in a bare Jinja environment."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.datastructures import MultiDict


def fill(text: str, **values: Any) -> str:
    return text % values if values else text


@pytest.fixture
def request_args():
    return MultiDict(
        [("q", 'a&"b'), ("site", "1"), ("site", "2"), ("after", "x9"), ("sort", "mac")]
    )


@pytest.fixture
def render(request_args):
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(
        fill, lambda one, many, number, **values: fill(many, num=number), newstyle=True
    )
    environment.filters["datetimeformat"] = lambda moment, style: moment.strftime("%d/%m/%Y")
    environment.globals.update(
        asset=lambda name: f"/static/{name}",
        csrf_token=lambda: "token",
        request=SimpleNamespace(args=request_args),
    )

    def render(source: str, **values: Any) -> str:
        page = '{% import "_macros.html" as m %}' + source
        return environment.from_string(page).render(**values)

    return render


def test_a_mac_is_shown_with_colons(render):
    assert "0c:38:3e:00:00:01</span>" in render("{{ m.mac('0c383e000001') }}")


def test_a_status_has_a_shape_and_a_word(render):
    html = render("{{ m.status('bad', 'Failed') }}")
    assert "#dot-bad" in html
    assert "Failed" in html


def test_a_sort_link_keeps_the_filters_and_drops_the_place_in_the_list(render):
    html = render("{{ m.table_head([('mac', 'MAC'), ('', 'Lines')], 'mac') }}")
    assert 'href="?q=a%26%22b&amp;site=1&amp;site=2&amp;sort=-mac"' in html
    assert 'aria-sort="ascending"' in html
    assert html.count("bd-sort") == 1


def test_progress_never_draws_beyond_its_bar(render):
    html = render("{{ m.progress(12, 5, 10) }}")
    assert 'width="100"' in html
    assert 'width="0"' in html


def test_progress_of_nothing_is_empty(render):
    assert 'aria-valuenow="0"' in render("{{ m.progress(0, 0, 0) }}")


@pytest.mark.parametrize(
    "moment", [datetime(2026, 11, 22, 9), datetime(2026, 11, 22, 9, tzinfo=UTC)]
)
def test_a_moment_says_that_it_is_utc(render, moment):
    html = render("{{ m.when(moment) }}", moment=moment)
    assert 'datetime="2026-11-22T09:00:00Z"' in html or "09:00:00+00:00" in html
    assert "22/11/2026" in html


def test_no_moment_is_said_in_words(render):
    assert "never" in render("{{ m.when(none, 'never') }}")


def test_a_secret_is_not_in_the_page_until_asked_for(render):
    html = render("{{ m.secret('/phones/1/secret') }}")
    assert "••••" in html
    assert 'name="csrf_token" value="token"' in html


def test_what_people_typed_is_escaped(render):
    html = render("{{ m.status('ok', name) }}{{ m.copy(name) }}", name='"><script>')
    assert "<script>" not in html
    assert '"">' not in html


def test_lists_of_nothing_draw_nothing_and_do_not_fail(render):
    assert "<polyline" in render("{{ m.sparkline([], 'none') }}")
    assert "<circle" in render("{{ m.donut([(0, 'ok', 'Current')]) }}")


@pytest.mark.parametrize(
    ("category", "kind"),
    [("success", "ok"), ("error", "bad"), ("warning", "warn"), ("message", "info"), ("ok", "ok")],
)
def test_a_flash_category_becomes_a_kind_of_toast(render, category, kind):
    assert f'data-toast="{kind}"' in render("{{ m.toast('x', category) }}", category=category)
