"""Phones that asked and that nobody has entered."""

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from provisioning.errors import ProvisioningError
from webapp import htmx
from webapp.access import needs
from webapp.adopt import services
from webapp.adopt.forms import AdoptForm
from webapp.adopt.guess import guess
from webapp.extensions import db
from webapp.forms import model_choices, site_choices
from webapp.i18n import said
from webapp.models import Phone, Site, Stray
from webapp.paging import Key, page_of
from webapp.selection import number

bp = Blueprint("adopt", __name__, url_prefix="/adopt")
NEWEST = [Key(Stray.id, "id", descending=True)]
WORDS_SHOWN = 5


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    q = request.args.get("q", "")
    return htmx.render(
        "adopt/index.html",
        "adopt/_rows.html",
        q=q,
        strays=page_of(services.queue(q), NEWEST),
        guess=guess,
        ticked=set(request.args.getlist("id")),
        models=model_choices(),
        sites=site_choices(),
    )


@bp.get("/<int:stray_id>")
@needs("phones.write")
def new(stray_id: int) -> ResponseReturnValue:
    stray = db.session.get(Stray, stray_id)
    return ask(stray, AdoptForm(stray)) if stray else gone()


def ask(stray: Stray, form: AdoptForm, status: int = 200) -> Response:
    return htmx.render(
        "adopt/new.html", "adopt/_new.html", status, stray=stray, form=form, guess=guess(stray)
    )


def gone() -> Response:
    flash(_("This phone is not waiting any more: somebody adopted or dismissed it."), "warn")
    return htmx.go(url_for("adopt.index"))


@bp.post("/<int:stray_id>")
@needs("phones.write")
def create(stray_id: int) -> ResponseReturnValue:
    stray = db.session.get(Stray, stray_id)
    if stray is None:
        return gone()
    form = AdoptForm(stray)
    if not form.validate_on_submit():
        return ask(stray, form, 422)
    site = db.session.get(Site, form.site_id.data)
    try:
        phone = services.adopt(stray, form.model.data, site, form.label.data)
        if form.has_line:
            services.add_line(phone, form)
    except ProvisioningError as error:
        db.session.rollback()
        form.model.errors = [*form.model.errors, said(error)]
        return ask(stray, form, 422)
    db.session.commit()
    if form.has_line:
        flash(_("%(phone)s is adopted; its file is ready.", phone=str(phone)), "ok")
    else:
        flash(_("%(phone)s is adopted. Now give it its line.", phone=str(phone)), "ok")
    return htmx.go(page_of_phone(phone, edit=not form.has_line))


def page_of_phone(phone: Phone, edit: bool) -> str:
    endpoint = "phones.edit" if edit else "phones.show"
    return url_for(endpoint, phone_id=phone.id)


@bp.post("/bulk")
@needs("phones.write")
def bulk() -> ResponseReturnValue:
    """Adopt or dismiss the rows that were ticked."""
    strays = services.chosen(request.form.getlist("id"))
    if request.form.get("action") == "dismiss":
        tell_dismissed(services.dismiss(strays))
    else:
        site = db.session.get(Site, number(request.form.get("site")) or 0)
        found = list(db.session.scalars(strays))
        tell_adopted(services.adopt_many(found, request.form.get("model", ""), site))
    db.session.commit()
    return htmx.go(url_for("adopt.index"))


def tell_adopted(done: services.Bulk) -> None:
    if done.adopted:
        flash(ngettext("%(num)d phone adopted.", "%(num)d phones adopted.", done.adopted), "ok")
    for error in done.left[:WORDS_SHOWN]:
        flash(said(error), "warn")
    if len(done.left) > WORDS_SHOWN:
        more = len(done.left) - WORDS_SHOWN
        flash(ngettext("%(num)d more stays.", "%(num)d more stay.", more), "warn")


@bp.post("/<int:stray_id>/dismiss")
@needs("phones.write")
def dismiss(stray_id: int) -> ResponseReturnValue:
    return dismissed(services.dismiss(services.chosen([str(stray_id)])))


@bp.post("/dismiss")
@needs("phones.write")
def dismiss_all() -> ResponseReturnValue:
    return dismissed(services.dismiss(services.queue()))


def dismissed(count: int) -> Response:
    db.session.commit()
    tell_dismissed(count)
    return htmx.go(url_for("adopt.index"))


def tell_dismissed(count: int) -> None:
    words = ngettext("%(num)d unknown phone dismissed.", "%(num)d unknown phones dismissed.", count)
    flash(words, "ok")
