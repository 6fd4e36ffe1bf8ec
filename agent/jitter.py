"""Times to wait, never two alike: a thousand agents must not knock at once."""

from __future__ import annotations

import random


def around(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311


def soon() -> float:
    return random.uniform(0.2, 1.0)  # noqa: S311


def pause(failures: int, first: float, longest: float) -> float:
    """Twice as long after each failure."""
    whole: float = min(first * 2.0 ** min(failures - 1, 10), longest)
    return whole * random.uniform(0.5, 1.0)  # noqa: S311
