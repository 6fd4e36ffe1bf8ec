"""What no page is asked with: numbers and characters that a database refuses with an error."""

from flask import Flask, abort, request
from werkzeug.routing import IntegerConverter

LARGEST_ID = 2**31 - 1  # PostgreSQL's and MariaDB's integer


class RowId(IntegerConverter):
    """A row's id in an address: a number too large for its column is not found, not an error."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **{"max": LARGEST_ID, **named})  # type: ignore[arg-type]


def init_app(app: Flask) -> None:
    """Call it before the first route is added."""
    app.url_map.converters["int"] = RowId
    app.before_request(refuse_nul)


def refuse_nul() -> None:
    """PostgreSQL takes no NUL in a text, no browser sends one, and no field wants one."""
    texts = [request.path, *(file.filename or "" for file in request.files.values())]
    for values in (request.args, request.form):
        texts += [text for pair in values.items(multi=True) for text in pair]
    if any("\0" in text for text in texts):
        abort(400)
