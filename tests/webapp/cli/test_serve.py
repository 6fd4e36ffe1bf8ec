"""`belldesk serve` before and around its three processes."""

import socket
from contextlib import closing
from dataclasses import replace

import click
import pytest

from tests.conftest import make_config
from tests.daemons import free_port
from webapp import create_app
from webapp.cli.serve import announce, check_ports, commands, prepare

LOCAL = {"host": "127.0.0.1", "tftp_host": "127.0.0.1"}


@pytest.fixture
def listener():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as found:
        found.bind(("127.0.0.1", 0))
        yield found.getsockname()[1]


def test_a_taken_port_is_named_with_the_variable_that_chooses_another(tmp_path, listener):
    config = make_config(tmp_path, port=free_port(), tftp_port=listener, **LOCAL)
    with pytest.raises(click.ClickException, match=rf"{listener}.*BELLDESK_TFTP_PORT"):
        check_ports(config)


def test_without_the_phones_door_there_is_no_tftp(tmp_path, listener, capsys):
    config = make_config(
        tmp_path, port=free_port(), tftp_port=listener, doors=frozenset({"people"}), **LOCAL
    )
    check_ports(config)
    announce(config, None)
    assert str(listener) not in capsys.readouterr().out
    assert [child.name for child in commands(config)] == ["web", "worker"]


def test_sip_pnp_can_be_switched_off(tmp_path, capsys):
    config = make_config(tmp_path)
    assert [child.name for child in commands(config)].count("pnp") == 1
    off = replace(config, pnp=False)
    assert "pnp" not in [child.name for child in commands(off)]
    announce(off, None)
    assert "off (BELLDESK_PNP)" in capsys.readouterr().out


def test_without_the_peoples_door_no_link_is_printed_that_would_lead_nowhere(tmp_path):
    config = make_config(tmp_path, doors=frozenset({"phones"}))
    assert prepare(create_app(config), "http://desk") is None
    people = replace(config, doors=frozenset({"people"}))
    assert prepare(create_app(people), "http://desk").startswith("http://desk/setup/")


def test_a_database_that_does_not_answer_is_said_in_words(tmp_path):
    url = f"postgresql+psycopg://user:s3cret@127.0.0.1:{free_port()}/desk"
    with pytest.raises(click.ClickException, match="The database refused: ") as error:
        prepare(create_app(make_config(tmp_path, database_url=url)), "")
    assert "s3cret" not in error.value.message
