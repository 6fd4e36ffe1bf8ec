"""The invented company of `belldesk demo`. Names under example.net exist nowhere."""

import secrets
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from provisioning.registry import Model
from webapp import provision
from webapp.cli.handset import played
from webapp.extensions import db
from webapp.jobs.runs import perform
from webapp.models import Company, Line, Phone, Profile, Run, SettingValue, SipServer, Site
from webapp.runs import services as runs

COMPANY = "Lantern & Oak Freight"
SITES = ("Lisbon office", "Montréal warehouse", "Recife call centre", "Kraków workshop")
SERVERS = (
    ("Lisbon PBX", "pbx.lisbon.example.net"),
    ("Montréal PBX", "pbx.montreal.example.net"),
    ("Recife cloud", "sip.recife.example.net"),
    ("Kraków PBX", "pbx.krakow.example.net"),
)
LANGUAGES = ("pt", "fr-CA", "pt-BR", "pl")
ZONES = ("UTC", "UTC-5", "UTC-3", "UTC+1")
PROFILES = ("Reception", "Meeting room", "Workshop")
SPARE = "Spare, not plugged in"
FIRST_NAMES = (
    "Ana", "Beatriz", "Céline", "Daniel", "Élodie", "Farid", "Grażyna", "Henrique", "Ifeoma",
    "João", "Katarzyna", "Liêm", "Mariam", "Noémie", "Oluwaseun", "Piotr", "Quitéria", "Rafał",
    "Sofia", "Thiago", "Uri", "Valentina", "Wanjiru", "Xavier", "Yusuf", "Zofia",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Bergeron", "Costa", "Dąbrowski", "Eze", "Fortin", "Gagnon", "Haddad", "Ibrahim",
    "Jankowska", "Kowalczyk", "Lavoie", "Moreira", "Nguyễn", "Okafor", "Pelletier", "Queiroz",
    "Ribeiro", "Santos", "Tremblay", "Umarov", "Vieira", "Wójcik", "Xavier", "Yildiz", "Zieliński",
)  # fmt: skip
ROOMS = ("Reception", "Loading dock", "Boardroom", "Canteen", "Gate 2", "Server room", "Archive")


def populate(count: int = 200) -> Run | None:
    """Enter the company and provision all its phones; None when it is there already."""
    if db.session.scalar(select(Company).limit(1)):
        return None
    sites, servers, profiles = places()
    db.session.flush()
    settings_of(sites)
    for phone in phones(count, sites, servers, profiles):
        db.session.add(phone)
        provision.index(phone)
    db.session.commit()
    return provisioned()


def places() -> tuple[list[Site], list[SipServer], list[Profile]]:
    company = Company(name=COMPANY)
    sites = [
        Site(
            company=company,
            name=name,
            networks=f"127.0.{number}.0/24 127.0.0.1/32 10.{number}.0.0/16",
        )
        for number, name in enumerate(SITES, 1)
    ]
    for site in sites:
        site.new_key()
    servers = [SipServer(name=name, host=host) for name, host in SERVERS]
    profiles = [Profile(name=name) for name in PROFILES]
    db.session.add_all([*sites, *servers, *profiles])
    return sites, servers, profiles


def settings_of(sites: Sequence[Site]) -> None:
    """Settings at several levels, so that a phone's page shows where each value comes from."""
    for site, language, zone in zip(sites, LANGUAGES, ZONES, strict=True):
        for key, value in (("language", language), ("time.zone", zone)):
            db.session.add(SettingValue(scope="site", target=str(site.id), key=key, value=value))
    values = {"ntp.server": "ntp.example.net", "display.title": COMPANY}
    for key, value in values.items():
        db.session.add(SettingValue(scope="everywhere", key=key, value=value))


def phones(
    count: int, sites: Sequence[Site], servers: Sequence[SipServer], profiles: Sequence[Profile]
) -> Iterator[Phone]:
    models = played()
    for number in range(count):
        place = number % len(sites)
        model = models[number % len(models)]
        phone = Phone(
            mac=f"{model.vendor.ouis[0]}{0xD00000 + number:06x}",
            model=model.key,
            site=sites[place],
            label=label_of(number),
            profile=profiles[number // 7 % len(profiles)] if number % 7 == 3 else None,
            **provision.new_secrets(),
        )
        phone.lines = list(lines(number, model, servers[place]))
        yield phone


def label_of(number: int) -> str:
    if number % 40 == 39:
        return SPARE
    if number % 9 == 5:
        return ROOMS[number // 9 % len(ROOMS)]
    return person(number)


def person(number: int) -> str:
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    return f"{first} {LAST_NAMES[(number * 7 + number // 26) % len(LAST_NAMES)]}"


def lines(number: int, model: Model, server: SipServer) -> Iterator[Line]:
    """Some have a second line, shared by their group."""
    extension = str(2000 + number)
    label = label_of(number)
    name = extension if label == SPARE else label
    yield line(1, extension, name, server)
    if number % 5 == 2 and model.lines > 1:
        yield line(2, str(2900 + number), f"{name} 2", server)


def line(number: int, user: str, name: str, server: SipServer) -> Line:
    return Line(
        number=number,
        user=user,
        password=secrets.token_urlsafe(12),
        display_name=name,
        sip_server=server,
    )


def provisioned() -> Run:
    """A finished run over all phones, done here and not by a worker."""
    run = runs.start(select(Phone), None)
    db.session.commit()
    while not run.is_over:
        perform(run.id)
        db.session.refresh(run)
    return run
