"""What the forms of several features share."""

from provisioning.registry import registry
from webapp.extensions import db
from webapp.models import Profile, SipServer, Site


def stripped(text: str | None) -> str:
    return (text or "").strip()


def model_choices(vendor: str = "") -> list[tuple[str, str]]:
    """The vendor's models, or all of them while nobody knows whose phone it is."""
    return [
        (model.key, model.name)
        for model in registry().models.values()
        if vendor not in registry().vendors or model.vendor.key == vendor
    ]


def models_by_vendor() -> dict[str, list[tuple[str, str]]]:
    return {vendor.name: model_choices(vendor.key) for vendor in registry().vendors.values()}


def site_choices() -> list[tuple[int, str]]:
    return [(site.id, str(site)) for site in db.session.scalars(Site.by_name())]


def server_choices() -> list[tuple[int, str]]:
    return [(server.id, server.name) for server in db.session.scalars(SipServer.by_name())]


def profile_choices() -> list[tuple[int, str]]:
    return [(profile.id, profile.name) for profile in db.session.scalars(Profile.by_name())]
