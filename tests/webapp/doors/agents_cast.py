"""An agent as the contract says, for the tests of its door; and the desk it speaks to."""

import base64
import gzip
import json
import secrets
import time

from sqlalchemy import select
from werkzeug.test import Client

from webapp.computers import enrolling
from webapp.doors import agent_keys, agents_door, mount
from webapp.extensions import db
from webapp.models import Agent, Computer, EnrolCode, Site

ENROL, REPORT, WAIT = (f"/agent/v1/{what}" for what in ("enrol", "report", "wait"))
IDENTITY = {"name": "PC-7", "serial": "CZC 1234", "uuid": "", "manufacturer": "HP", "model": "G9"}
SYSTEM = {"system": "Windows", "release": "11", "name": "Windows 11 Pro"}
FACTS = {"identity": IDENTITY, "os": SYSTEM, "remote": [{"tool": "rdp", "id": "", "port": 3389}]}


def on_it(name="marie", domain="ACME", kind="console", since=None):
    return {"domain": domain, "name": name, "kind": kind, "since": since, "session": "1"}


def beat(*accounts, address="10.1.2.3", **more):
    values = {"addresses": [{"address": address, "interface": "eth0", "mac": "", "reaches": True}]}
    return {**values, "accounts": list(accounts), "booted_at": None, "locked": False, **more}


class Desk:
    def __init__(self, app):
        self.app = mount(app)
        self.door = agents_door(app)
        self.client = Client(app)
        self.site = db.session.scalar(select(Site))

    def code(self, **more):
        made = enrolling.make_codes(self.site, 1, **more)
        db.session.commit()
        return base64.b32decode(made[0].replace("-", ""))

    def settle(self):
        """Write what is queued, and look at it anew."""
        self.door.log.flush()
        db.session.rollback()

    def one(self, model):
        db.session.rollback()
        return db.session.scalars(select(model)).one()

    def all(self, model):
        db.session.rollback()
        return db.session.scalars(select(model).order_by(model.id)).all()

    def close(self):
        self.door.close()


class Pc:
    """One agent: enrols with a code, then signs with the secret that came of it."""

    def __init__(self, desk, code=None, identity=IDENTITY, address="127.0.0.1"):
        self.desk, self.address, self.identity = desk, address, identity
        self.code = code or desk.code()
        self.key, self.name = agent_keys.enrol_key(self.code), EnrolCode.lookup_of(self.code)
        self.boot, self.seq, self.state = secrets.token_hex(8), 0, ""

    def enrol(self):
        nonce = secrets.token_bytes(32)
        said = {"v": 1, "nonce": agent_keys.to_base64(nonce), "identity": self.identity}
        answer = self.post(ENROL, {**said, "os": SYSTEM, "version": "0.1.0"})
        if answer.status_code == 200:
            desk_nonce = agent_keys.from_base64(answer.json["nonce"])
            self.key = agent_keys.agent_secret(self.code, nonce, desk_nonce)
            self.name, self.state = answer.json["agent"], answer.json["state"]
        return answer

    def report(self, *accounts, **more):
        self.seq += 1
        said = {"v": 1, "seq": self.seq, "boot": self.boot, "at": "", "beat": beat(*accounts)}
        return self.post(REPORT, {**said, "facts_sha256": "", **more})

    def post(self, path, message, pack=False, **changes):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = {}
        if pack:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        headers |= self.signed(path, body, **changes)
        return self.send(path, body, headers)

    def signed(self, path, body, at=None, nonce=None, key=None, name=None):
        at, nonce = f"{at or time.time():.3f}", nonce or secrets.token_hex(16)
        mac = agent_keys.request_mac(key or self.key, "POST", path, at, nonce, body)
        return {
            "Belldesk-Agent": name or self.name, "Belldesk-Time": at, "Belldesk-Nonce": nonce,
            "Belldesk-Mac": mac,
        }  # fmt: skip

    def send(self, path, body, headers):
        from_there = {"REMOTE_ADDR": self.address}
        return self.desk.client.post(path, data=body, headers=headers, environ_overrides=from_there)

    def agent(self):
        return db.session.scalar(select(Agent).where(Agent.key == self.name))

    def computer(self):
        db.session.rollback()
        return db.session.get(Computer, self.agent().computer_id)


def believes(pc, answer, nonce):
    """The answer is signed for this very request."""
    wanted = agent_keys.answer_mac(pc.key, nonce, answer.status_code, answer.data)
    return answer.headers.get("Belldesk-Mac") == wanted
