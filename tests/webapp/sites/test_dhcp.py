"""What a site's page tells people to paste into their DHCP server."""

from dataclasses import replace

import pytest

from provisioning.dhcp import SERVERS
from tests.conftest import client_of
from webapp import create_app
from webapp.extensions import db
from webapp.models import AuditEntry, Site


@pytest.fixture
def url(site):
    return f"/sites/{site.id}/dhcp"


@pytest.mark.parametrize("server", SERVERS)
def test_the_key_is_in_no_server_s_words_until_asked_for(bob, carol, site, url, server):
    spelled = [site.key, site.key.encode().hex(), ",".join(f"0x{o:02X}" for o in site.key.encode())]
    for page in (carol.get(url, query_string={"server": server}), carol.get(f"/sites/{site.id}")):
        assert page.status_code == 200
        assert not any(key in page.text for key in spelled)
    hidden = carol.get(url, query_string={"server": server}).text
    assert "/p/••••••••/;&lt;MAC&gt;.cfg" in hidden
    assert f"/p/{site.key}/;&lt;MAC&gt;.cfg" in bob.post(url, data={"server": server}).text
    entry = db.session.scalar(AuditEntry.of("Site", site.id))
    assert (entry.action, entry.actor, entry.changes["for"]) == ("reveal", "bob", server)
    assert site.key not in str(entry.changes)


def test_readers_may_look_but_not_at_the_key(carol, dave, url):
    assert carol.post(url, data={"server": "kea"}).status_code == 403
    assert "Show with the key" not in carol.get(url).text
    assert dave.get(url).status_code == 403


def test_it_comes_as_a_file(bob, site, url):
    answer = bob.post(url, data={"server": "isc", "download": "1"})
    assert "belldesk-dhcpd.conf" in answer.headers["Content-Disposition"]
    assert f'tftp-server-name "http://desk.example.net/p/{site.key}/$mac.cfg";' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_tab_is_a_part_of_the_page(carol, url):
    part = carol.get(url, query_string={"server": "mikrotik"}, headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "/ip dhcp-server option add" in part


def test_a_site_shown_with_its_key_shows_it_here_too(bob, site):
    page = bob.post(f"/sites/{site.id}/key").text
    assert f'160,"http://desk.example.net/p/{site.key}/' in page.replace("&#34;", '"')


def test_a_server_that_nobody_knows_is_not_there(bob, url):
    assert bob.get(url, query_string={"server": "x"}).status_code == 404
    assert bob.post(url, data={"server": "x"}).status_code == 404
    assert bob.get("/sites/999/dhcp").status_code == 404


@pytest.mark.parametrize(
    ("base_url", "words"),
    [("", "does not know its own address"), (f"http://{'x' * 240}", "too long for DHCP")],
)
def test_what_cannot_be_written_is_said(config, base_url, words):
    app = create_app(replace(config, base_url=base_url))
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        site = db.session.query(Site).one()
        bob = client_of(app, "bob")
        assert words in bob.get(f"/sites/{site.id}/dhcp").text
        answer = bob.post(f"/sites/{site.id}/dhcp", data={"download": "1"})
        assert "Content-Disposition" not in answer.headers
        db.engine.dispose()


def test_a_site_s_name_cannot_add_lines(bob, site, url):
    site.name = "Lisbon\nport=53\u2028x"
    db.session.commit()
    answer = bob.post(url, data={"server": "dnsmasq", "download": "1"}).text
    assert "port=53" not in answer.splitlines()
    assert answer.splitlines()[0].startswith("# Belldesk: Acme / Lisbon")
