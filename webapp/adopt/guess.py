"""What the clues of an unknown phone make of it, how we know, and where they disagree."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from provisioning.identify import Clues, from_user_agent, identify, models_of_file
from provisioning.mac import format_mac
from provisioning.networks import Network, inside
from provisioning.registry import Model, registry
from webapp.extensions import db
from webapp.models import Site, Stray

SHOWN = 4  # models or sites that are named where several are possible


@dataclass(frozen=True, slots=True)
class Guess:
    """`model` and `site` are None when nothing names them, or when what names them disagrees:
    then `models` and `sites` are what they could be. `reasons` are sentences for people."""

    vendor: str
    model: Model | None
    models: tuple[str, ...]
    site: Site | None
    sites: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return self.model is not None and self.site is not None


def guesser() -> Callable[[Stray], Guess]:
    """Read the sites once for all the rows of a page."""
    sites = list(db.session.scalars(Site.by_name()))
    return lambda stray: guess(stray, sites)


def guess(stray: Stray, sites: Sequence[Site]) -> Guess:
    vendor = registry().vendor_of(stray.mac) or registry().vendors.get(stray.vendor)
    models = possible_models(stray)
    around = sites_around(stray, sites)
    return Guess(
        vendor=vendor.name if vendor else "",
        model=models[0] if len(models) == 1 else None,
        models=names([model.name for model in models]) if len(models) > 1 else (),
        site=stray.site,
        sites=names([str(site) for site, _ in around]) if not stray.site else (),
        reasons=(*of_phone(stray), *of_site(stray, around)),
    )


def names(found: Sequence[str]) -> tuple[str, ...]:
    more = len(found) - SHOWN
    return (*found[:SHOWN], _("%(count)d more", count=more)) if more > 0 else tuple(found)


def possible_models(stray: Stray) -> list[Model]:
    """One if all that names a model names the same; those of another maker's are no candidates."""
    maker = registry().vendor_of(stray.mac)
    said = [registry().models.get(key) for key in (stray.model, spoken(stray).model)]
    named = {model.key: model for model in said if model and maker in (None, model.vendor)}
    by_file = {model.key: model for model in models_of_file(stray.file, stray.mac)}
    if named and by_file:
        both = [model for key, model in named.items() if key in by_file]
        return both or [*named.values(), *by_file.values()]
    return list((named or by_file).values())


def spoken(stray: Stray) -> Clues:
    return from_user_agent(stray.user_agent[:256])


def sites_around(stray: Stray, sites: Sequence[Site]) -> list[tuple[Site, Network]]:
    """The sites whose network is the narrowest around its address; several may claim the same."""
    found = [(site, network) for site in sites if (network := inside(stray.address, site.networks))]
    narrowest = max((network.prefixlen for _, network in found), default=0)
    return [(site, network) for site, network in found if network.prefixlen == narrowest]


def of_phone(stray: Stray) -> Iterator[str]:
    maker = registry().vendor_of(stray.mac)
    if maker:
        prefix = format_mac(stray.mac)[:8]
        yield _("MAC address: %(prefix)s is %(vendor)s", prefix=prefix, vendor=maker.name)
    else:
        yield _("MAC address: of no vendor we know")
    yield from of_user_agent(stray)
    if stray.transport == "tftp" and not stray.user_agent:
        yield _("TFTP: says nothing but the file's name")
    if stray.file and stray.mac == identify(stray.file, "").mac:
        yield _("File name: carries the MAC address")
    by_file = models_of_file(stray.file, stray.mac)
    if len(by_file) == 1:
        yield _("File name: only a %(model)s asks for it", model=by_file[0].name)
    for kind, value in stray.clues or ():
        if kind == "pnp":
            yield _("SIP PnP: says “%(words)s”", words=value)
        elif kind == "arp":
            yield _("ARP: this desk's own link shows the MAC address at %(address)s", address=value)


def of_user_agent(stray: Stray) -> Iterator[str]:
    said, maker = spoken(stray), registry().vendor_of(stray.mac)
    vendor = registry().vendors.get(said.vendor)
    if not stray.user_agent:
        return
    if vendor and maker and vendor is not maker:
        yield _("User-Agent: says %(vendor)s, which the MAC address is not", vendor=vendor.name)
    elif said.model:
        yield _("User-Agent: names the model")
    elif said.vendor:
        yield _("User-Agent: names the vendor only")
    else:
        yield _("User-Agent: not understood")


def of_site(stray: Stray, around: Sequence[tuple[Site, Network]]) -> Iterator[str]:
    if stray.site and stray.transport == "http":
        yield _("Site: it used the key of %(site)s", site=stray.site.name)
    elif stray.site and around and around[0][0] is stray.site:
        network = str(around[0][1])
        yield _("Site: it is in %(network)s of %(site)s", network=network, site=stray.site.name)
    elif not stray.site and len(around) > 1:
        yield _("Site: %(count)d sites have the network it is in", count=len(around))
