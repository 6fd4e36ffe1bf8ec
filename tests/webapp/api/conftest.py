from dataclasses import replace

import pytest

from tests.webapp.api.program import Program


@pytest.fixture
def config(config):
    """Tokens that live longer than the second they have in the test environment."""
    return replace(config, token_seconds=3600)


@pytest.fixture
def desk(everywhere):
    """The application on each of the databases, with such tokens too."""
    config = everywhere.extensions["belldesk"]
    everywhere.extensions["belldesk"] = replace(config, token_seconds=3600)
    return everywhere


def program(name):
    @pytest.fixture(name=f"{name}s_program")
    def signed_in(app):
        return Program(app).sign_in(name)

    return signed_in


alices, bobs, carols, daves = map(program, ("alice", "bob", "carol", "dave"))


@pytest.fixture
def program_without_a_token(app):
    return Program(app)
