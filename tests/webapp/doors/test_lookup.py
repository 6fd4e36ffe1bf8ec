"""Reading what is known of a phone when the database is not there."""

import pytest

from tests.daemons import free_port
from webapp.doors.lookup import StoredPhones
from webapp.doors.reader import UnavailableError


@pytest.mark.parametrize("driver", ["mysql+pymysql", "postgresql+psycopg"])
def test_a_server_that_does_not_answer_is_told_as_such(driver):
    phones = StoredPhones(f"{driver}://user:word@127.0.0.1:{free_port()}/desk")
    with pytest.raises(UnavailableError):
        phones.by_mac("0c383e000001")


def test_a_missing_file_is_told_and_not_made(tmp_path):
    phones = StoredPhones(f"sqlite:///{tmp_path / 'a desk?.sqlite3'}")
    with pytest.raises(UnavailableError):
        phones.by_mac("0c383e000001")
    assert list(tmp_path.iterdir()) == []
