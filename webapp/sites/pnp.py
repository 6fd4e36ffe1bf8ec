"""Whether new phones of a site are answered by SIP PnP."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.access import needs
from webapp.extensions import db
from webapp.models import Site
from webapp.sites.routes import bp


@bp.post("/<int:site_id>/pnp")
@needs("sites.write")
def pnp(site_id: int) -> ResponseReturnValue:
    site = db.get_or_404(Site, site_id)
    site.pnp = request.form.get("answer") == "1"
    db.session.commit()
    if site.pnp:
        flash(_("New phones of %(name)s are answered by SIP PnP", name=str(site)), "ok")
    else:
        flash(_("Nobody at %(name)s is answered by SIP PnP any more", name=str(site)), "ok")
    return redirect(url_for("sites.show", site_id=site.id), 303)
