"""Where a phone is reached: where it was seen itself, or where an administrator says that it is.

Never an address from a sheet, a header or another machine: whoever could choose it would be sent
the phone's password.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from provisioning.errors import N_, ProvisioningError
from provisioning.registry import Resync, registry
from provisioning.transports.push_peer import PushError, check_address
from provisioning.transports.push_words import NOT_A_PHONE
from webapp.extensions import db
from webapp.models import Phone

NOT_ONE_PHONE = N_("%(text)s cannot be the address of one phone")


class AddressError(ProvisioningError):
    """Not where one phone can be."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a phone is and how it may be told, the cheapest first; or why it is not."""

    address: str = ""
    methods: tuple[Resync, ...] = ()
    message: str = ""
    params: dict[str, object] | None = None


def typed_address(text: str) -> str:
    """Return what a person typed in its shortest form; raise AddressError."""
    text = text.strip()
    try:
        check_address(text)
    except PushError as error:
        if error.message == NOT_A_PHONE:
            raise AddressError(NOT_ONE_PHONE, text=text) from None
        raise AddressError(
            N_("“%(text)s” is not an IP address; names are not looked up"), text=text[:60]
        ) from None
    found = ipaddress.ip_address(text)
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback or found.is_reserved:
        raise AddressError(NOT_ONE_PHONE, text=str(found))
    return str(found)


def free_address(phone: Phone, text: str) -> str:
    """Return the address, if no other phone is said to be there; raise AddressError."""
    address = typed_address(text)
    other = db.session.scalar(
        select(Phone).where(Phone.address == address, Phone.id != phone.id).limit(1)
    )
    if other is not None:
        raise AddressError(
            N_("%(text)s is typed as the address of %(phone)s already"),
            text=address, phone=str(other),
        )  # fmt: skip
    return address


def address_of(phone: Phone) -> str:
    return phone.address or phone.fetched_address or ""


def methods_of(phone: Phone, reboot: bool = True) -> tuple[Resync, ...]:
    found = registry().models.get(phone.model)
    return tuple(way for way in found.vendor.resync if reboot or not way.reboot) if found else ()


def ways(phones: Sequence[Phone], reboot: bool = True) -> dict[int, Way]:
    several = shared(address_of(phone) for phone in phones if not phone.address)
    return {phone.id: way_to(phone, several, reboot) for phone in phones}


def way_to(phone: Phone, several: set[str], reboot: bool) -> Way:
    address, methods = address_of(phone), methods_of(phone, reboot)
    if not methods:
        return Way(message=N_("No way of reaching this model is known: it fetches by itself"))
    if not address:
        words = N_("It was never seen here: start it, or type its address")
        return Way(message=words)
    if not phone.address and address in several:
        words = N_(
            "Several phones were seen from %(address)s, which is their router's:"
            " a push would meet one of them or none. Type the phone's own address."
        )
        return Way(message=words, params={"address": address})
    return Way(address, methods)


def shared(addresses: Iterable[str]) -> set[str]:
    """Those of the addresses that are of more than one phone."""
    wanted = {address for address in addresses if address}
    if not wanted:
        return set()
    effective = func.coalesce(Phone.address, Phone.fetched_address)
    query = select(effective).where(
        or_(Phone.fetched_address.in_(wanted), Phone.address.in_(wanted))
    )
    query = query.group_by(effective).having(func.count() > 1)
    return wanted & {str(address) for address in db.session.scalars(query)}
