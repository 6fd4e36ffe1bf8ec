"""Long lists in parts: databases limit how many values one statement may carry."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
SIZE = 500


def chunks(items: Sequence[T], size: int = SIZE) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
