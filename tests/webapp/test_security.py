"""What every answer of the people's door carries, and what it must not."""

import pytest


@pytest.mark.parametrize("path", ["/account", "/login", "/nothing", "/static/belldesk.css?v=1"])
def test_every_answer_carries_the_headers(bob, path):
    headers = bob.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_never_kept_and_their_use_prolongs_the_session(bob):
    answer = bob.get("/account")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "belldesk=" in answer.headers["Set-Cookie"]


def test_a_static_file_may_be_kept_by_all_and_so_carries_no_session(bob):
    answer = bob.get("/static/belldesk.css?v=1", buffered=True)
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(("scheme", "said"), [("https", True), ("http", False)])
def test_only_https_asks_for_https(anonymous, scheme, said):
    answer = anonymous.get("/login", base_url=f"{scheme}://desk.example.net")
    assert ("Strict-Transport-Security" in answer.headers) is said
