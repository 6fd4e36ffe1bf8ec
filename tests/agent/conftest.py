import pytest

from agent.state import State
from tests.agent.desk import Desk, serving


@pytest.fixture
def desk():
    with serving(Desk()) as running:
        yield running


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "state")
