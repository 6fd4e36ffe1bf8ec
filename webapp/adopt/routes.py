"""Phones that asked and that nobody has entered."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select

from provisioning.errors import ProvisioningError
from provisioning.registry import registry
from webapp import htmx
from webapp.access import needs
from webapp.adopt import services
from webapp.adopt.forms import AdoptForm
from webapp.adopt.guess import guesser
from webapp.extensions import db
from webapp.forms import model_choices, site_choices
from webapp.i18n import said
from webapp.models import Phone, Site, Stray
from webapp.paging import Key, page_of
from webapp.selection import number

bp = Blueprint("adopt", __name__, url_prefix="/adopt")
NEWEST = [Key(Stray.id, "id", descending=True)]
WORDS_SHOWN = 5
FILTERS = ("q", "vendor", "site", "transport")


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    found = wanted(request.args)
    sites = site_choices()
    return htmx.render(
        "adopt/index.html",
        "adopt/_rows.html",
        q=request.args.get("q", ""),
        strays=page_of(found, NEWEST),
        groups=services.groups(found),
        guess=guesser(),
        ticked=set(request.args.getlist("id")),
        models=model_choices(),
        vendors=[(vendor.key, vendor.name) for vendor in registry().vendors.values()],
        sites=sites,
        site_names=dict(sites),
        is_filtered=any(request.args.get(name) for name in FILTERS),
    )


def wanted(asked: Mapping[str, str]) -> Select[Stray]:
    """The part of the queue that a filter's words mean."""
    found = {name: asked.get(name, "") for name in FILTERS}
    return services.queue(found["q"], found["vendor"], number(found["site"]), found["transport"])


@bp.get("/<int:stray_id>")
@needs("phones.write")
def new(stray_id: int) -> ResponseReturnValue:
    stray = db.session.get(Stray, stray_id)
    return ask(stray, AdoptForm(stray)) if stray else gone()


def ask(stray: Stray, form: AdoptForm, status: int = 200) -> Response:
    return htmx.render(
        "adopt/new.html", "adopt/_new.html", status, stray=stray, form=form, guess=guesser()(stray)
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


@bp.post("/<int:stray_id>/take")
@needs("phones.write")
def take(stray_id: int) -> ResponseReturnValue:
    """Take the suggestion as it is; where there is none any more, the form asks."""
    stray = db.session.get(Stray, stray_id)
    if stray is None:
        return gone()
    found = guesser()(stray)
    if found.model is None or found.site is None:
        return htmx.go(url_for("adopt.new", stray_id=stray.id))
    tell_adopted(services.adopt_many([stray], found.model.key, found.site))
    db.session.commit()
    return htmx.go(back())


@bp.post("/take")
@needs("phones.write")
def take_group() -> ResponseReturnValue:
    """Adopt all of one model at one site, of those that the filter shows."""
    site = db.session.get(Site, number(request.form.get("group_site")) or 0)
    model = request.form.get("group_model", "")
    if site is None or model not in registry().models:
        return gone()
    alike = wanted(request.form).where(Stray.site_id == site.id, Stray.model == model)
    tell_adopted(services.adopt_many(list(db.session.scalars(alike)), model, site))
    db.session.commit()
    return htmx.go(back())


def back() -> str:
    """To the queue, by the same filter."""
    kept = {name: request.form[name] for name in FILTERS if request.form.get(name)}
    return f"{url_for('adopt.index')}?{urlencode(kept)}"


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
        words = ngettext(
            "%(num)d phone adopted. Give it its line, then provision it.",
            "%(num)d phones adopted. Give them their lines, then provision them.",
            done.adopted,
        )
        flash(words, "ok")
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
