import pytest
from sqlalchemy import func, select

from tests.webapp.test_provision import make_phone
from webapp.extensions import db
from webapp.models import SipServer


def test_what_is_left_empty_comes_from_the_settings(bob):
    data = {"name": "Provider", "host": "sip.test", "port": "", "transport": "", "proxy_host": ""}
    assert bob.post("/sip-servers/new", data=data).status_code == 303
    server = db.session.scalar(SipServer.named("Provider"))
    values = (server.port, server.transport, server.proxy_host, server.proxy_port, server.expires)
    assert values == (None,) * 5


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "two words"), ("host", ""), ("port", "0"), ("port", "70000"), ("port", "x"),
     ("transport", "sctp"), ("proxy_host", "<x>"), ("expires", "5"), ("name", "pbx"),
     ("name", "x" * 101), ("host", "h" * 300)],
)  # fmt: skip
def test_it_refuses_what_is_none(bob, field, value):
    data = {"name": "New", "host": "sip.test"} | {field: value}
    assert bob.post("/sip-servers/new", data=data).status_code == 422
    assert db.session.scalar(select(func.count(SipServer.id))) == 1


def test_a_server_with_lines_stays(bob):
    phone = make_phone()
    bob.post(f"/sip-servers/{phone.lines[0].sip_server_id}/delete")
    assert "1 line registers at it" in bob.get("/sip-servers/").text
    assert db.session.scalar(select(func.count(SipServer.id))) == 1


def test_an_unused_server_goes(bob):
    server = db.session.scalar(select(SipServer))
    assert bob.post(f"/sip-servers/{server.id}/delete").status_code == 303
    assert db.session.scalar(select(func.count(SipServer.id))) == 0
    assert bob.get(f"/sip-servers/{server.id}/edit").status_code == 404


def test_who_may_not_write_settings_changes_nothing(carol, dave):
    for client in (carol, dave):
        for url in ("/sip-servers/new", "/sip-servers/1/edit", "/sip-servers/1/delete"):
            assert client.post(url).status_code == 403
