"""Times as messages carry them: ISO 8601 in UTC, with Z and milliseconds."""

from __future__ import annotations

import re
from datetime import datetime, timezone

PARTS = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")


def iso(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def seconds(text: str) -> float:
    """Unix seconds of an ISO time in UTC; raises ValueError for anything else."""
    found = PARTS.fullmatch(text)
    if found is None:
        raise ValueError(f"“{text[:40]}” is no time in UTC")
    *whole, fraction = found.groups()
    at = datetime(*map(int, whole), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    return at.timestamp() + float(f"0.{fraction or 0}")
