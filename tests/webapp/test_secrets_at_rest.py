"""What lies about: a dump of the database, the jobs, every log. No secret may stand in it."""

import logging
import re
from io import BytesIO

import pytest
from sqlalchemy import func, select, text
from werkzeug.test import Client

from provisioning.registry import registry
from provisioning.transports.sip_notify import Timers
from tests.conftest import PASSWORD, client_of
from tests.provisioning.transports.push_phones import phone as web_page
from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import SIP, at, begin, come_back, unpaced, work
from tests.webapp.test_provision import make_phone
from webapp import resealing
from webapp.doors import mount, phones_door
from webapp.extensions import db
from webapp.jobs import crew
from webapp.models import (
    Delivery,
    Fetch,
    Line,
    Phone,
    Run,
    RunStep,
    SettingValue,
    SheetImport,
    Site,
    User,
)
from webapp.phones import door_services
from webapp.secretbox import Sealed
from webapp.tokens import issue

SHORT = 8  # a menu's PIN has 6 digits: any time of day may hold them
ADMIN = "a-dmin-of-the-phone"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(crew, "TIMERS", Timers(t1=0.04))


def let_a_fleet_live(everywhere):
    """A phone of every vendor, made, provisioned, pushed to, asked for rightly and wrongly."""
    unpaced(everywhere)
    everywhere.config["WTF_CSRF_ENABLED"] = False
    client = client_of(everywhere, "alice")
    site = db.session.scalar(select(Site))
    site.door_auth, site.networks = "basic", "127.0.0.0/8"
    for number, vendor in enumerate(registry().vendors.values()):
        model = next(model for model in registry().models.values() if model.vendor is vendor)
        make_phone(f"0c383e0000{number:02x}", model.key, f"sip-passw0rd-{number:02d}",
                   admin_password=f"{ADMIN}{number}".replace("-", ""))  # fmt: skip
    sheet = "mac,ramal,senha,servidor\n0c383e0000f0,1099,sip-passw0rd-sheet,10.0.0.5\n"
    sent = {
        "sheet": (BytesIO(sheet.encode()), "phones.csv"),
        "model": "fanvil-x1sg",
        "site": site.id,
    }
    client.post("/imports/", data=sent, content_type="multipart/form-data")
    client.post(f"/imports/{db.session.scalar(select(SheetImport.id))}/commit")
    work(everywhere)
    provision(everywhere)
    pushed_to(everywhere)
    asked_for(everywhere, site)
    looked_at(client)
    door_services.rotate_keys(select(Phone), 7)
    db.session.commit()
    provision(everywhere)
    assert not resealing.reseal().unreadable


def provision(app):
    begin(list(db.session.scalars(select(Phone.id))), "provision")
    work(app)


def pushed_to(app):
    """One phone asks for the proof of a password, one is silent, one is told by its web page."""
    phones = list(db.session.scalars(select(Phone).where(Phone.model.startswith("fanvil"))))
    first = phones[0]
    come_back(first, at(1))
    db.session.commit()
    options = ("--user", "1001", "--password", first.lines[0].password)
    with doubles("challenge", "--hosts", at(1), *SIP, *options):
        begin([first.id])
        work(app)
    first.address = at(2)
    db.session.commit()
    with web_page("fanvil", "--tls", "--host", at(2), "--password", "another") as there:
        ports = registry().vendors["fanvil"].ports
        before, ports["https"] = ports.get("https"), there.port
        begin([first.id])
        work(app)
        ports["https"] = before or 443


def asked_for(app, site):
    door, file = Client(mount(app)), "0c383e0000aa.cfg"
    for phone in db.session.scalars(select(Phone)):
        own = registry().model(phone.model).files(phone.mac)[0]
        for key in (site.key, phone.key, "guess"):
            for login in (None, (phone.mac, phone.door_password or ""), (phone.mac, "wrong")):
                door.get(f"/p/{key}/{own}", auth=login)
            for path in (f"/p//{key}/{file}", f"/P/{key}/../{key}/{file}", f"/x/p/{key}/{file}"):
                door.get(path, headers={"User-Agent": "Fanvil X1SG"})
    phones_door(app).fetch_log.flush()
    phones_door(app).close()


def looked_at(client):
    phone = db.session.scalar(select(Phone))
    password = f"lines/{phone.lines[0].id}/password"
    for path in ("file", "secrets/admin_password", "address", password):
        client.post("/confirm", data={"password": PASSWORD})
        assert client.post(f"/phones/{phone.id}/{path}").status_code == 200, path
    assert client.post(f"/phones/{phone.id}/secrets/nothing").status_code == 404
    client.post("/w/AAAA-BBBB-CCCC-DDDD")
    client.post("/login", data={"name": "alice", "password": f"{PASSWORD} and more"})


def secrets():
    """Each value of each sealed column by where it stands, as the application itself reads it."""
    found = {PASSWORD: "a person's password"}
    for table in db.metadata.sorted_tables:
        if table.name == SettingValue.__tablename__:  # sealed, but pages show it
            continue
        for column in (column for column in table.columns if isinstance(column.type, Sealed)):
            values = db.session.scalars(select(column))
            named = f"{table.name}.{column.name}"
            found |= {value: named for value in values if value and len(value) >= SHORT}
    return found


def dump():
    """All that any SELECT returns, octets as they are."""
    named = db.engine.dialect.identifier_preparer.format_table
    with db.engine.connect() as connection:
        rows = [
            value
            for table in db.metadata.sorted_tables
            for row in connection.execute(text(f"SELECT * FROM {named(table)}"))
            for value in row
        ]
    return b"\n".join(plain(value) for value in rows)


def plain(value):
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def test_a_dump_of_the_database_and_all_logs_hold_no_password_of_the_test_fleet(
    everywhere, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    let_a_fleet_live(everywhere)
    _, token = issue(db.session.scalar(select(User)), "a program")
    db.session.commit()
    held = secrets() | {token: "an API token"}
    assert {"lines.password", "phones.key", "sites.key", "phones.door_password"} <= set(
        held.values()
    )
    assert sum(where == "lines.password" for where in held.values()) > len(registry().vendors)
    for table in (Delivery, Fetch, RunStep, Run, Line):
        assert db.session.scalar(select(func.count()).select_from(table)), table
    out = capfd.readouterr()
    lying = {"the database": dump(), "the logs": caplog.text.encode(),
             "the output": (out.out + out.err).encode()}  # fmt: skip
    for file in everywhere.extensions["belldesk"].instance.glob("queue*"):
        lying[file.name] = file.read_bytes()
    assert len(lying["the logs"]) > 1000
    for secret, where in held.items():
        for place, octets in lying.items():
            assert secret.encode() not in octets, f"{where} stands in {place}"
    assert not re.search(rb"sip-passw0rd", b"".join(lying.values()))
