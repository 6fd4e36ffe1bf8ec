"""What a phone that asks by SIP PnP says of itself."""

from provisioning.identify import Clues, from_user_agent
from provisioning.registry import Vendor, registry
from provisioning.transports.sip_subscribe import PnpRequest


def known_maker(mac: str) -> str:
    """A MAC that the link told counts only if a maker of phones has it: else it is a router's."""
    return mac if registry().vendor_of(mac) else ""


def clues_of(request: PnpRequest, mac: str) -> Clues:
    """The vendor by the MAC, which is harder to get wrong than a header of OEM firmware."""
    seen = from_user_agent(request.user_agent[:256])
    vendor = registry().vendor_of(mac) or vendor_named(request.vendor)
    key = vendor.key if vendor else seen.vendor
    named = registry().find(f"{vendor.name} {request.model}") if vendor and request.model else None
    model = named.key if named and named.vendor is vendor else seen.model
    return Clues(mac, key, model, request.firmware or seen.firmware)


def vendor_named(name: str) -> Vendor | None:
    wanted = name.casefold()
    for vendor in registry().vendors.values():
        if wanted and wanted in (word.casefold() for word in (vendor.name, *vendor.aliases)):
            return vendor
    return None


def words_of(request: PnpRequest) -> str:
    said = " ".join(filter(None, (request.vendor, request.model, request.firmware)))
    return said or request.user
