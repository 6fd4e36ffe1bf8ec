"""Windows without their titles, for companies that want nobody to read them."""

from typing import Any

ASKS = "It asks first"
OF_WINDOWS = ("list_windows", "close", "close_all")


def without_titles(value: Any) -> Any:
    """What an agent told of windows, before it is stored or shown."""
    if isinstance(value, list):
        return [without_titles(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: hidden(key, one) for key, one in value.items()}


def hidden(key: str, value: Any) -> Any:
    if key == "title":
        return ""
    if key == "why" and isinstance(value, str) and value.startswith(ASKS):
        return f"{ASKS}."  # then comes the title of its question
    return without_titles(value)
