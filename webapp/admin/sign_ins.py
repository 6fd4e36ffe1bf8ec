"""The sign-in log."""

from collections.abc import Iterator, Sequence

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from webapp import htmx
from webapp.access import may, needs
from webapp.admin.blueprint import bp
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.models import SignIn
from webapp.paging import Key, page_of
from webapp.whereabouts import whereabouts

NEWEST = (Key(SignIn.id, "id", descending=True),)
REASONS = {
    "ok": _l("signed in"),
    "confirmed": _l("password confirmed"),
    "wrong_password": _l("wrong password"),
    "unknown_user": _l("unknown user"),
    "disabled": _l("account disabled"),
    "throttled": _l("had to wait"),
}


def chosen() -> tuple[str, str, Select[SignIn]]:
    words, result = request.args.get("q", "")[:100], request.args.get("result", "")
    success = {"success": True, "failure": False}.get(result)
    return words, result, SignIn.matching(words, success)


@bp.get("/sign-ins")
@needs("signins.read")
def sign_ins() -> ResponseReturnValue:
    words, result, query = chosen()
    found = page_of(query.order_by(None), NEWEST)
    asked = [(row.address, row.at) for row in found.rows] if may("computers.read") else []
    return htmx.render(
        "admin/sign_ins.html",
        "admin/_sign_ins.html",
        found=found,
        there=whereabouts(asked),
        q=words,
        result=result,
        reasons=REASONS,
    )


@bp.get("/sign-ins.csv")
@needs("signins.read")
def sign_ins_csv() -> ResponseReturnValue:
    return csv_response("sign-ins.csv", table(chosen()[2]))


def table(query: Select[SignIn]) -> Iterator[Sequence[object]]:
    yield [
        _("Time (UTC)"), _("User"), _("Address"), _("Success"), _("Reason"), _("Browser"), _("OS"),
        "User-Agent",
    ]  # fmt: skip
    for row in db.session.scalars(query.execution_options(yield_per=1000)):
        yield [
            row.at.isoformat(timespec="seconds"), row.name, row.address, int(row.success),
            row.reason, row.browser, row.os, row.user_agent,
        ]  # fmt: skip
