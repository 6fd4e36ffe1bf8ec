"""What goes past SQLAlchemy must reach the database as if it had gone through it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from webapp.bulk import stored_time
from webapp.extensions import UtcDateTime

INDIA = timezone(timedelta(hours=5, minutes=30))
TIMES = (
    datetime(2026, 11, 22, 9, 59, 59, 123457, UTC),
    datetime(2026, 11, 22, tzinfo=UTC),
    datetime(2026, 1, 1, 2, 0, 0, 5, INDIA),
)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect(), postgresql.dialect()])
def test_a_time_is_stored_as_sqlalchemy_would(dialect, time):
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    assert stored_time(dialect)(time) == process(time)
