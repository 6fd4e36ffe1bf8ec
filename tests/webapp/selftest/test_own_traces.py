"""What a self-test leaves behind: nothing, wherever it was run from."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from webapp.audit import acting_as
from webapp.extensions import db, utcnow
from webapp.models import Alert, Ban, Fetch
from webapp.selftest import services
from webapp.selftest.decoys import Decoy

MACS = ("0699000000d1", "0699000000d2")


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8::9", "2001:db8::/64"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
    ],
)
def test_its_own_ban_and_alert_go_with_it_over_ipv6_too(app, address, source):
    pair = tuple(Decoy(n, mac, f"{mac}.cfg", "", "", b"", "") for n, mac in enumerate(MACS, 90))
    started = utcnow()
    for mac in MACS:
        db.session.add(Fetch(transport="http", method="GET", file=f"{mac}.cfg", mac=mac,
                             address=address, status=404, reason="unknown_phone"))  # fmt: skip
    db.session.add(Ban(source=source, until=started + timedelta(minutes=15)))
    db.session.add(Alert(kind="walk", source=source, message="a walk", last_at=utcnow()))
    with acting_as("tests"):
        db.session.commit()
        assert services.ours(pair, started)
        services.clean_up(pair, started)
    assert db.session.scalar(select(func.count(Ban.id))) == 0
    assert not db.session.scalars(Alert.open()).all()
