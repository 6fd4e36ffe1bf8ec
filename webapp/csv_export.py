"""CSV that a spreadsheet may open: no cell can become a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from flask import Response, stream_with_context

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Where the list separator is a semicolon, as in Brazil and France, a spreadsheet splits there.
LATER = re.compile("([;\t\r\n][ \"'\u00a0]*)(?=[=+@-])")
BATCH = 500


def safe(value: object) -> str:
    """Source of the rule: OWASP, CSV injection. The apostrophe keeps the text a text."""
    text = "" if value is None else str(value)
    text = LATER.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) else text


def lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the file in pieces; the mark at its head tells Excel that it is UTF-8."""
    yield "\ufeff"
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, 1):
        writer.writerow([safe(value) for value in row])
        if number % BATCH == 0:
            yield taken(buffer)
    yield taken(buffer)


def taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def csv_response(name: str, rows: Iterable[Sequence[object]]) -> Response:
    response = Response(stream_with_context(lines(rows)), mimetype="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
