"""One's own tokens: what programs sign in with."""

from flask import Response, abort, flash, make_response, redirect, render_template
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp import tokens
from webapp.access import confirmed, signed_in
from webapp.account.forms import TokenForm
from webapp.account.routes import bp
from webapp.extensions import db
from webapp.models import ApiToken
from webapp.paging import Key, page_of

NEWEST = (Key(ApiToken.id, "id", descending=True),)


@bp.get("/tokens")
@signed_in
def own_tokens() -> ResponseReturnValue:
    return tokens_page(TokenForm())


def tokens_page(form: TokenForm, status: int = 200) -> Response:
    found = page_of(ApiToken.of(current_user).order_by(None), NEWEST, 20)
    page = render_template(
        "account/tokens.html", form=form, found=found, lifetime=tokens.config().token_lifetime
    )
    return make_response(page, status)


@bp.post("/tokens")
@signed_in
@confirmed
def create_token() -> ResponseReturnValue:
    """Make one and show it, on the only page that ever has it."""
    form = TokenForm()
    if not form.validate_on_submit():
        return tokens_page(form, 422)
    row, text = tokens.issue(current_user, form.name.data)
    db.session.commit()
    return render_template("account/token.html", row=row, text=text)


@bp.post("/tokens/<int:token_id>/revoke")
@signed_in
def revoke_token(token_id: int) -> ResponseReturnValue:
    row = db.session.get(ApiToken, token_id)
    if row is None or row.user_id != current_user.id:
        abort(404)
    tokens.revoke(row)
    db.session.commit()
    flash(_("The token “%(name)s” is revoked: it opens nothing any more.", name=str(row)), "ok")
    return redirect(url(".own_tokens"), 303)


@bp.post("/tokens/revoke")
@signed_in
def revoke_tokens() -> ResponseReturnValue:
    count = tokens.revoke_all(current_user)
    db.session.commit()
    flash(ngettext("%(num)s token is revoked.", "%(num)s tokens are revoked.", count), "ok")
    return redirect(url(".own_tokens"), 303)
