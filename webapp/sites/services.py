"""What is done to sites, for pages and the command line."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from provisioning.registry import registry
from webapp.extensions import db, utcnow
from webapp.models import Company, Phone, Site


@dataclass(frozen=True, slots=True)
class Address:
    """How phones of one vendor are pointed here."""

    vendor: str
    options: str
    value: str
    typed: str


def add(company_name: str, name: str, networks: str) -> Site:
    """A new site with a key; the company is made if there is none of that name."""
    company = db.session.scalar(Company.named(company_name)) or Company(name=company_name)
    site = Site(company=company, name=name, networks=" ".join(networks.split()))
    site.new_key()
    db.session.add(site)
    return site


def rotate(site: Site, overlap_hours: int) -> None:
    until = utcnow() + timedelta(hours=overlap_hours) if overlap_hours else None
    site.new_key(until)


def addresses(url: str) -> list[Address]:
    """What to put into DHCP and what to type, for each vendor that says how it is pointed here."""
    return [
        Address(
            vendor.name,
            ", ".join(str(option) for option in vendor.dhcp.options),
            vendor.dhcp.value.replace("{url}", url),
            vendor.dhcp.typed.replace("{url}", url),
        )
        for vendor in registry().vendors.values()
        if vendor.dhcp
    ]


def states(site: Site) -> tuple[int, int, int]:
    """How many of its phones are current, stale, never fetched."""
    row = db.session.execute(select(*Phone.by_state()).where(Phone.site_id == site.id)).one()
    return int(row[0]), int(row[1]), int(row[2])


def phone_counts() -> dict[int, int]:
    query = select(Phone.site_id, func.count()).group_by(Phone.site_id)
    return {row[0]: row[1] for row in db.session.execute(query)}
