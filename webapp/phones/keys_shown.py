"""The keys that hold for one phone, for its pages."""

from provisioning.registry import registry
from webapp.function_keys import Shown
from webapp.models import Phone
from webapp.provision import Settings


def shown(phone: Phone) -> list[Shown]:
    """The phone's own keys and its profile's, each with what keeps it out of the file; none while
    nobody knows its model."""
    if phone.model not in registry().models:
        return []
    return Settings([phone.id]).keys.shown(phone, voicemail(phone))


def voicemail(phone: Phone) -> str:
    return str(Settings([phone.id]).of(phone)["voicemail.number"].value)
