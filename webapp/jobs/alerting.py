"""Alerts that the worker raises."""

from typing import Any

from sqlalchemy import update

from webapp.extensions import db, utcnow
from webapp.jobs.rows import changed
from webapp.models import Alert, Phone


def raise_alert(
    kind: str, source: str, message: str, params: dict[str, Any], phone: Phone | None = None
) -> None:
    """Count one more where the same alert is open, else open it. The caller commits."""
    now = utcnow()
    same = update(Alert).where(
        Alert.kind == kind, Alert.source == source, Alert.closed_at.is_(None)
    )
    if not changed(same.values(times=Alert.times + 1, last_at=now, params=params)):
        site_id, phone_id = (phone.site_id, phone.id) if phone else (None, None)
        db.session.add(
            Alert(kind=kind, source=source, message=message, params=params, site_id=site_id,
                  phone_id=phone_id, first_at=now, last_at=now)
        )  # fmt: skip
