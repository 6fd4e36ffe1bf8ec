"""The pages of one phone."""

from typing import Any

from flask import Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from provisioning.errors import ProvisioningError
from provisioning.mac import normalise_mac
from provisioning.mask import mask
from provisioning.registry import registry
from provisioning.render import render
from webapp import audit, htmx, provision, setting_values
from webapp.access import confirmed, needs
from webapp.doors.trace import fetch_as
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Fetch, Line, Phone, Revision
from webapp.paging import Key, page_of
from webapp.phones import services
from webapp.phones.forms import PhoneForm
from webapp.phones.keys_shown import shown
from webapp.phones.routes import bp
from webapp.selection import number

ASKED = ("via", "file", "key", "address", "user_agent")
REASONS = {
    "unknown_phone": _l("No phone of this address is entered here"),
    "wrong_key": _l("The key in the address is not the one of its site"),
    "old_key": _l("The key in the address was replaced, and its overlap is over"),
    "unknown_file": _l("This phone is not served under that name"),
    "not_allowed": _l("The address it comes from is in none of the site's networks"),
    "closed_window": _l("Its window is closed: open it, or let it ask with its own key"),
    "other_network": _l(
        "It is pinned to another network than it asks from: if it moved, open it again"
    ),
    "banned": _l("The address it comes from is banned after too many failures: see Alerts"),
    "no_password": _l("Its site wants a user and password besides, which TFTP cannot carry"),
    "wrong_password": _l("Its site wants a user and password besides, and they are wrong"),
    "wrong_certificate": _l("Its site wants the phone's own certificate besides"),
    "no_revision": _l("Its file was not made yet: provision it"),
}
SECRETS = ("admin_password", "user_password", "menu_pin")


def found(phone_id: int) -> Phone:
    """The phone if this person may see it; what they may not see is not there."""
    query = Phone.visible_to(current_user).where(Phone.id == phone_id)
    phone: Phone | None = db.session.scalar(query)
    return phone or abort(404)


def revision_of(phone: Phone, revision_id: int | None) -> Revision:
    """The phone's revision of that id: another phone's is not there."""
    query = Revision.of(phone).where(Revision.id == revision_id)
    revision: Revision | None = db.session.scalar(query)
    return revision or abort(404)


def page(template: str, phone: Phone, status: int = 200, **more: Any) -> Response:
    model = registry().models.get(phone.model)
    return make_response(
        render_template(
            f"phones/{template}.html",
            phone=phone,
            model=model,
            url=provision.site_url(phone.site),
            **more,
        ),
        status,
    )


@bp.get("/<int:phone_id>")
@needs("phones.read")
def show(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    last = db.session.scalars(Fetch.of_phone(phone.id).limit(5)).all()
    return page("show", phone, fetches=last, secrets=SECRETS, shown=shown(phone))


@bp.route("/new", methods=["GET", "POST"])
@needs("phones.write")
def create() -> ResponseReturnValue:
    form = PhoneForm()
    if request.method == "GET":
        form.mac.data = request.args.get("mac", "")[:40]
        form.model.data = request.args.get("model", form.model.data)
        form.add_line()
        return form_page(form)
    return written(Phone(**provision.new_secrets()), form)


@bp.route("/<int:phone_id>/edit", methods=["GET", "POST"])
@needs("phones.write")
def edit(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    form = PhoneForm(phone)
    return form_page(form) if request.method == "GET" else written(phone, form)


def written(phone: Phone, form: PhoneForm) -> ResponseReturnValue:
    if changed_shape(form):
        return form_page(form)
    if not form.validate_on_submit():
        return form_page(form, 422)
    try:
        services.write(phone, form)
        db.session.commit()
    except ProvisioningError as error:
        db.session.rollback()
        return form_page(form, 422, said(error))
    except IntegrityError:
        db.session.rollback()
        return form_page(form, 422, _("Somebody entered this phone a moment ago"))
    flash(_("%(phone)s is saved. It gets its new file by “Provision”.", phone=str(phone)), "ok")
    return redirect(url_for("phones.show", phone_id=phone.id), 303)


def changed_shape(form: PhoneForm) -> bool:
    """True when a button asked for one line more or less, not to save."""
    if "add_line" in request.form:
        form.add_line()
        return True
    index = number(request.form.get("remove_line"))
    if index is not None:
        form.remove_line(index)
        return True
    return False


def form_page(form: PhoneForm, status: int = 200, error: str = "") -> Response:
    return htmx.render(
        "phones/form.html", "phones/_form.html", status, form=form, phone=form.phone, error=error
    )


@bp.post("/<int:phone_id>/delete")
@needs("phones.write")
@confirmed
def delete(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    setting_values.forget("phone", [str(phone.id)])
    db.session.delete(phone)
    db.session.commit()
    flash(_("%(phone)s is deleted", phone=str(phone)), "ok")
    return htmx.go(url_for("phones.index"))


@bp.route("/<int:phone_id>/settings", methods=["GET", "POST"])
@needs("phones.read")
def settings(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    scope = setting_values.scope_of("phone", str(phone.id))
    if scope is None:
        abort(404)
    errors: dict[str, str] = {}
    if request.method == "POST":
        if not current_user.may("phones.write"):
            abort(403)
        typed = request.form.to_dict()
        if "inherit" in typed:
            typed = {f"set:{typed['inherit']}": ""}
        changed, errors = setting_values.save(scope, typed, "inherit" not in request.form)
        if not errors:
            db.session.commit()
            flash(_("Saved. The phone gets its new file by “Provision”.") if changed
                  else _("Nothing was changed"), "ok" if changed else "info")  # fmt: skip
            return redirect(url_for("phones.settings", phone_id=phone.id), 303)
    groups = setting_values.groups(scope, request.form if errors else None, errors)
    return page("settings", phone, 422 if errors else 200, groups=groups)


@bp.get("/<int:phone_id>/revisions")
@needs("phones.read")
def revisions(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    older, newer = (number(request.args.get(name)) for name in ("older", "newer"))
    comparison = None
    if older is not None and newer is not None:
        pair = revision_of(phone, older), revision_of(phone, newer)
        comparison = (*pair, *services.compare(*pair))
    shown = page_of(
        select(Revision).where(Revision.phone_id == phone.id),
        [Key(Revision.number, "number", descending=True)],
        20,
    )
    return page("revisions", phone, revisions=shown, comparison=comparison)


@bp.post("/<int:phone_id>/revisions/<int:revision_id>/roll-back")
@needs("phones.provision")
def roll_back(phone_id: int, revision_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    older = revision_of(phone, revision_id)
    again = provision.roll_back(phone, older)
    audit.record(
        "roll back", "Phone", phone.id, str(phone), {"revision": [older.number, again.number]}
    )
    db.session.commit()
    words = _(
        "Revision %(old)d is the newest again, as %(new)d", old=older.number, new=again.number
    )
    flash(words, "ok")
    return redirect(url_for("phones.revisions", phone_id=phone.id), 303)


@bp.get("/<int:phone_id>/fetches")
@needs("phones.read")
def fetches(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    shown = page_of(
        select(Fetch).where(Fetch.phone_id == phone.id), [Key(Fetch.id, "id", descending=True)]
    )
    return page("fetches", phone, fetches=shown)


@bp.get("/<int:phone_id>/file")
@needs("phones.read")
def file(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    revision, body, _type = chosen_file(phone)
    text = mask(registry().model(revision.model if revision else phone.model), body)
    return page("file", phone, revision=revision, text=text, size=len(body), shown=False)


@bp.post("/<int:phone_id>/file")
@needs("phones.reveal")
@confirmed
def file_shown(phone_id: int) -> ResponseReturnValue:
    """The file as the phone gets it, on the page or as a download."""
    phone = found(phone_id)
    revision, body, content_type = chosen_file(phone)
    what = f"revision {revision.number}" if revision else "preview"
    audit.record("reveal", "Phone", phone.id, str(phone), {"file": what})
    db.session.commit()
    if "download" not in request.form:
        text = body.decode("utf-8", "replace")
        return page("file", phone, revision=revision, text=text, size=len(body), shown=True)
    response = make_response(body)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{phone.mac}.cfg"'
    return response


def chosen_file(phone: Phone) -> tuple[Revision | None, bytes, str]:
    """The revision asked for, else the newest, else what the first one would be."""
    wanted = number(request.values.get("revision")) or phone.revision_id
    if wanted:
        revision = revision_of(phone, wanted)
        return revision, revision.body, revision.content_type
    made = render(provision.provisioned(phone, provision.Settings([phone.id])))
    return None, made.body, made.content_type


@bp.route("/<int:phone_id>/trace", methods=["GET", "POST"])
@needs("phones.read")
def trace(phone_id: int) -> ResponseReturnValue:
    """Ask the door as this phone would. A form posts, so that no key stands in a history."""
    return traced(found(phone_id), shown=False)


@bp.post("/<int:phone_id>/trace/shown")
@needs("phones.reveal")
@confirmed
def trace_shown(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    audit.record("reveal", "Phone", phone.id, str(phone), {"fetched as this phone": "file"})
    db.session.commit()
    return traced(phone, shown=True)


def traced(phone: Phone, shown: bool) -> Response:
    typed = {name: request.form.get(name, "")[:200].strip() for name in ASKED}
    wanted = {name: typed[name] or None for name in ("file", "key", "address")}
    via = "tftp" if typed["via"] == "tftp" else "http"
    try:
        answer = fetch_as(phone.mac, via=via, user_agent=typed["user_agent"], **wanted)
    except ValueError:  # the address is none
        words = _("“%(text)s” is no IP address", text=typed["address"])
        return page("trace", phone, 422, answer=None, typed=typed, error=words, why=REASONS)
    revision = db.session.get(Revision, answer.revision_id) if answer.revision_id else None
    made_for = registry().models.get(revision.model if revision else phone.model)
    text = answer.body.decode("utf-8", "replace") if shown or not answer.served else ""
    if made_for and answer.served and not shown:
        text = mask(made_for, answer.body)
    return page(
        "trace", phone, answer=answer, typed=typed, text=text, shown=shown, revision=revision,
        error="", why=REASONS,
    )  # fmt: skip


@bp.post("/<int:phone_id>/secrets/<name>")
@needs("phones.reveal")
@confirmed
def secret(phone_id: int, name: str) -> ResponseReturnValue:
    phone = found(phone_id)
    value = getattr(phone, name) if name in (*SECRETS, "door_password") else None
    return revealed(phone, name, value) if value is not None else abort(404)


@bp.post("/<int:phone_id>/lines/<int:line_id>/password")
@needs("phones.reveal")
@confirmed
def line_password(phone_id: int, line_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    line = db.session.get(Line, line_id)
    if line is None or line.phone_id != phone.id:
        abort(404)
    return revealed(phone, f"line {line.number}", line.password)


def revealed(phone: Phone, what: str, value: str) -> Response:
    audit.record("reveal", "Phone", phone.id, str(phone), {"secret": what})
    db.session.commit()
    return htmx.render("phones/secret.html", "phones/_secret.html", phone=phone, value=value)


@bp.get("/mac/<mac>")
@needs("phones.read")
def by_mac(mac: str) -> ResponseReturnValue:
    """A link that a label printer or another program can make without knowing our ids."""
    try:
        digits = normalise_mac(mac)
    except ProvisioningError:
        abort(404)
    phone = db.session.scalar(Phone.visible_to(current_user).where(Phone.mac == digits))
    return redirect(url_for("phones.show", phone_id=phone.id)) if phone else abort(404)
