"""Sites: where phones stand, and the address they come to."""

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select, update

from webapp import audit, htmx, provision, setting_values
from webapp.access import confirmed, needs
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Company, Phone, SheetImport, Site
from webapp.sites import services
from webapp.sites.door import door_of, hears_certificates, set_policy
from webapp.sites.forms import OVERLAPS, RotateForm, SiteForm

bp = Blueprint("sites", __name__, url_prefix="/sites")
HIDDEN = "••••••••"


@bp.get("/")
@needs("sites.read")
def index() -> ResponseReturnValue:
    sites = db.session.scalars(Site.by_name()).all()
    return render_template("sites/index.html", sites=sites, phones=services.phone_counts())


@bp.route("/new", methods=["GET", "POST"])
@needs("sites.write")
def create() -> ResponseReturnValue:
    return written(None, SiteForm())


@bp.route("/<int:site_id>/edit", methods=["GET", "POST"])
@needs("sites.write")
def edit(site_id: int) -> ResponseReturnValue:
    site = db.get_or_404(Site, site_id)
    return written(site, SiteForm(site))


def written(site: Site | None, form: SiteForm) -> ResponseReturnValue:
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        heard = hears_certificates()
        return make_response(render_template("sites/form.html", form=form, heard=heard), status)
    chosen = form.company_id.data
    company = db.session.get_one(Company, chosen).name if chosen else form.company.data
    if site is None:
        site = services.add(company, form.name.data, form.networks.data)
    else:
        site.company = db.session.scalar(Company.named(company)) or Company(name=company)
        site.name, site.networks = form.name.data, " ".join(form.networks.data.split())
    set_policy(site, form.policy.data, form.door_auth.data, form.certificate_required.data)
    site.pace = form.pace.data
    db.session.commit()
    flash(_("%(name)s is saved", name=str(site)), "ok")
    return redirect(url_for("sites.show", site_id=site.id), 303)


@bp.get("/<int:site_id>")
@needs("sites.read")
def show(site_id: int) -> ResponseReturnValue:
    return page(db.get_or_404(Site, site_id), shown=False)


@bp.post("/<int:site_id>/key")
@needs("phones.reveal")
@confirmed
def reveal(site_id: int) -> ResponseReturnValue:
    """The site's page with its key, which lets whoever has it ask for files."""
    site = db.get_or_404(Site, site_id)
    audit.record("reveal", "Site", site.id, str(site), {"secret": "key"})
    db.session.commit()
    return page(site, shown=True)


def page(site: Site, shown: bool) -> Response:
    config: Config = current_app.extensions["belldesk"]
    url = provision.site_url(site)
    return make_response(
        render_template(
            "sites/show.html",
            site=site,
            shown=shown,
            url=url if shown else url.replace(site.key, HIDDEN),
            addresses=services.addresses(url if shown else url.replace(site.key, HIDDEN)),
            tftp_port=config.tftp_port,
            states=services.states(site),
            door=door_of(site),
            overlap=bool(site.previous_until and site.previous_until > utcnow()),
        )
    )


@bp.get("/<int:site_id>/rotate")
@needs("sites.write")
def rotate(site_id: int) -> ResponseReturnValue:
    return rotate_page(db.get_or_404(Site, site_id), RotateForm())


@bp.post("/<int:site_id>/rotate")
@needs("sites.write")
@confirmed
def rotate_key(site_id: int) -> ResponseReturnValue:
    site = db.get_or_404(Site, site_id)
    form = RotateForm()
    if not form.validate_on_submit():
        return rotate_page(site, form, 422)
    services.rotate(site, OVERLAPS[form.overlap.data])
    db.session.commit()
    flash(_("%(name)s has a new key. Provision its phones now.", name=str(site)), "ok")
    return htmx.go(url_for("sites.show", site_id=site.id))


def rotate_page(site: Site, form: RotateForm, status: int = 200) -> Response:
    phones = sum(services.states(site))
    return htmx.render(
        "sites/rotate.html", "sites/_rotate.html", status, site=site, form=form, phones=phones
    )


@bp.post("/<int:site_id>/delete")
@needs("sites.write")
def delete(site_id: int) -> ResponseReturnValue:
    site = db.get_or_404(Site, site_id)
    used = db.session.scalar(select(func.count()).where(Phone.site_id == site.id)) or 0
    if used:
        words = ngettext(
            "%(name)s stays: %(num)s phone stands there",
            "%(name)s stays: %(num)s phones stand there",
            used,
            name=str(site),
        )
        flash(words, "warn")
        return redirect(url_for("sites.show", site_id=site.id), 303)
    name = str(site)
    db.session.execute(
        update(SheetImport).where(SheetImport.site_id == site.id).values(site_id=None)
    )
    setting_values.forget("site", [str(site.id)])
    db.session.delete(site)
    db.session.commit()
    flash(_("%(name)s is deleted", name=name), "ok")
    return redirect(url_for("sites.index"), 303)


# How phones are pointed to a site hangs on the same blueprint.
from webapp.sites import dhcp as dhcp  # noqa: E402
from webapp.sites import pnp as pnp  # noqa: E402
