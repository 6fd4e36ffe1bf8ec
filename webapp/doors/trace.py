"""Fetch as this phone: what the door would answer it now, and why. Nothing of it is logged."""

from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy import select

from provisioning.answer import Request, Verdict, names_of, plain_name
from provisioning.identify import Clues
from provisioning.mac import normalise_mac
from provisioning.networks import inside, parsed
from provisioning.registry import registry
from webapp.doors import phones_door
from webapp.doors.phones import Headers
from webapp.doors.tftp import tftp_door
from webapp.extensions import db
from webapp.models import Phone, Site


@dataclass(frozen=True)
class Trace:
    """`names` are those the phone is served under, `name` the one that matched ("" if none).

    `proof` says what let it in: key, previous_key, own_key, previous_own_key or a network such as
    10.0.0.0/8. `bootstrap`: what it got is that, not its file.
    """

    via: str
    file: str
    address: str
    user_agent: str
    clues: Clues
    status: int
    reason: str
    headers: Headers
    body: bytes
    names: tuple[str, ...]
    name: str
    proof: str
    bootstrap: bool
    phone_id: int | None
    revision_id: int | None
    sha256: str

    @property
    def served(self) -> bool:
        return not self.reason


def fetch_as(
    mac: str,
    file: str | None = None,
    via: str = "http",
    key: str | None = None,
    address: str | None = None,
    user_agent: str = "",
) -> Trace:
    """Ask as the phone `mac` would; what is not said is what a phone at its site would say."""
    phone = db.session.scalar(Phone.with_mac(normalise_mac(mac)))
    site = phone.site if phone else db.session.scalar(select(Site).order_by(Site.id))
    file = usual_name(normalise_mac(mac), phone) if file is None else file
    address = usual_address(phone, site, via) if address is None else address
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if via == "tftp":
        return _over_tftp(app, Request(file, address, user_agent, None, "tftp"))
    key = usual_key(phone, site) if key is None else key
    return _over_http(app, Request(file, address, user_agent, key, "http"))


def usual_name(mac: str, phone: Phone | None) -> str:
    model = registry().models.get(phone.model) if phone else None
    vendor = registry().vendor_of(mac)
    names = model.files(mac) if model else vendor.files if vendor else ()
    return names[0].format(mac=mac, MAC=mac.upper()) if names else f"{mac}.cfg"


def usual_key(phone: Phone | None, site: Site | None) -> str:
    """Its own once it took the file that holds it, else its site's."""
    if phone and phone.key and phone.fetched_at:
        return phone.key
    return site.key if site else ""


def usual_address(phone: Phone | None, site: Site | None, via: str) -> str:
    """Where it came from last, else any address of its site."""
    if phone and phone.fetched_address and (via == "http" or phone.fetched_by == "tftp"):
        return phone.fetched_address
    networks = parsed(site.networks) if site else ()
    return str(next(iter(networks[0]))) if networks else "127.0.0.1"


def _over_http(app: Flask, request: Request) -> Trace:
    reply = phones_door(app).reply(request, vouched=True)
    return _trace(request, reply.clues, reply.verdict, reply.status, reply.headers, reply.body)


def _over_tftp(app: Flask, request: Request) -> Trace:
    door = tftp_door(app)
    clues, verdict = door.judge(request)
    body = door.body(verdict)
    headers: Headers = [("tsize", str(len(body)))] if body is not None else []
    return _trace(request, clues, verdict, 404 if body is None else 200, headers, body or b"")


def _trace(
    request: Request, clues: Clues, verdict: Verdict, status: int, headers: Headers, body: bytes
) -> Trace:
    stored = verdict.stored
    names = names_of(stored) if stored else ()
    wanted = plain_name(request.file)
    return Trace(
        via=request.transport,
        file=request.file,
        address=request.address,
        user_agent=request.user_agent,
        clues=clues,
        status=status,
        reason=verdict.reason,
        headers=headers,
        body=body,
        names=names,
        name=next((name for name in names if name.lower() == wanted), ""),
        proof=proof_of(request, verdict),
        bootstrap=verdict.bootstrap,
        phone_id=stored.phone_id if stored else None,
        revision_id=stored.revision_id if stored else None,
        sha256=stored.sha256 if stored else "",
    )


def proof_of(request: Request, verdict: Verdict) -> str:
    if verdict.proof == "network" and verdict.stored:
        return str(inside(request.address, verdict.stored.networks) or "")
    return verdict.proof
