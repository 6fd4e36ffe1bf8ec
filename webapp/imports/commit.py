"""Carrying out a plan in one transaction."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from flask import current_app
from sqlalchemy import insert, select

from provisioning.sheet import Row, SheetLine
from webapp import audit, door_keys, function_keys, provision
from webapp.chunks import chunks
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.imports.keys import keys_of, part_of_state, put, written_keys
from webapp.imports.plan import Plan, Planned, servers_by_name
from webapp.imports.services import preview, require
from webapp.models import FunctionKey, ImportChange, Line, Phone, SheetImport, SipServer

OWN = ("model", "label", "site_id", "profile_id")
OF_LINE = (
    "number",
    "user",
    "auth_user",
    "password",
    "display_name",
    "label",
    "sip_server_id",
)


def commit(draft: SheetImport) -> Plan:
    """Add and change all good rows of the sheet. The caller commits, or rolls back the whole."""
    require(draft, "draft", "committing")
    plan = preview(draft)
    servers = make_servers(plan, draft)
    added = add(draft, [p for p in plan.rows if p.status == "added"], servers)
    changed = change(draft, [p for p in plan.rows if p.status == "changed"], servers)
    if added or changed:
        db.session.execute(insert(ImportChange), added + changed)
    draft.state, draft.committed_at, draft.counts = "committed", utcnow(), plan.counts
    audit.record("import", "SheetImport", draft.id, draft.filename, plan.counts)
    return plan


def make_servers(plan: Plan, draft: SheetImport) -> dict[str, SipServer]:
    """Return every server that the good rows name; one nobody entered yet is entered now."""
    servers = servers_by_name()
    for planned in plan.rows:
        for line in planned.row.lines if planned.status in ("added", "changed") else ():
            key = line.server.casefold()
            if key and key not in servers:
                servers[key] = server_from(line.server)
                db.session.add(servers[key])
    if draft.sip_server:
        servers[""] = draft.sip_server
    db.session.flush()
    return servers


def server_from(text: str) -> SipServer:
    """`host`, `host:port` or `[IPv6]:port`; a bare IPv6 address has more than one colon."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and port.isdigit() and (bracketed or ":" not in host):
        return SipServer(name=text, host=host.strip("[]"), port=int(port))
    return SipServer(name=text, host=text.strip("[]"))


def add(
    draft: SheetImport, rows: list[Planned], servers: dict[str, SipServer]
) -> list[dict[str, Any]]:
    values = [phone_values(planned, draft.id) for planned in rows]
    for part in chunks(values):
        db.session.execute(insert(Phone), part)
    ids = ids_of([planned.row.mac for planned in rows])
    lines = [
        line_values(ids[planned.row.mac], line, servers)
        for planned in rows
        for line in planned.row.lines
    ]
    for part in chunks(lines):
        db.session.execute(insert(Line), part)
    add_keys({ids[planned.row.mac]: planned.row for planned in rows if planned.row.keys})
    own: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        own.setdefault(line["phone_id"], []).append(line)
    return [
        noted(
            draft,
            row.row,
            ids[row.row.mac],
            "added",
            None,
            added_mark(phone, own[ids[row.row.mac]], written_keys(row.row.keys)),
        )
        for row, phone in zip(rows, values, strict=True)
    ]


def add_keys(rows: dict[int, Row]) -> None:
    """Insert the keys of new phones, by their ids."""
    values = [
        {"phone_id": number, **function_keys.values(key)}
        for number, row in rows.items()
        for key in row.keys
    ]
    for part in chunks(values):
        db.session.execute(insert(FunctionKey), part)


def added_mark(phone: dict[str, Any], lines: list[dict[str, Any]], keys: Mapping[str, str]) -> str:
    """The fingerprint of a phone that was inserted in bulk, without reading it back."""
    own = {name: phone[name] for name in OWN} | {"lines": [line_part(x) for x in lines]}
    return fingerprint(own | part_of_state(keys))


def phone_values(planned: Planned, import_id: int) -> dict[str, Any]:
    row, site, profile = planned.row, planned.site, planned.profile
    words = [w for x in row.lines for w in (x.user, x.display_name or x.user, x.label or x.user)]
    return {
        "mac": row.mac,
        "model": row.model,
        "site_id": site.id if site else None,
        "profile_id": profile.id if profile else None,
        "label": row.label,
        "search": provision.search_text(row.mac, row.model, row.label, *words),
        "import_id": import_id,
        "created_at": utcnow(),
        **provision.new_secrets(),
    }


def line_values(phone_id: int, line: SheetLine, servers: dict[str, SipServer]) -> dict[str, Any]:
    return {
        "phone_id": phone_id,
        "number": line.number,
        "user": line.user,
        "auth_user": line.auth_user,
        "password": line.password,
        "display_name": line.display_name,
        "label": line.label,
        "sip_server_id": servers[line.server.casefold()].id,
    }


def ids_of(macs: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(macs):
        query = select(Phone.mac, Phone.id).where(Phone.mac.in_(part))
        found |= db.session.execute(query).all()
    return found


def change(
    draft: SheetImport, rows: list[Planned], servers: dict[str, SipServer]
) -> list[dict[str, Any]]:
    notes = []
    held = keys_of([planned.phone.id for planned in rows if planned.phone])
    for planned in rows:
        phone = planned.phone
        if phone is None:
            continue
        keys = written_keys(held.get(phone.id, ()))
        before = json.dumps(snapshot(phone, keys))
        apply(planned, phone, servers)
        put(phone.id, planned.row.keys, held.get(phone.id, ()))
        after = fingerprint(snapshot(phone, keys | written_keys(planned.row.keys)))
        notes.append(noted(draft, planned.row, phone.id, "changed", before, after))
    db.session.flush()
    return notes


def apply(planned: Planned, phone: Phone, servers: dict[str, SipServer]) -> None:
    row, identity = planned.row, door_keys.identity(phone)
    phone.model, phone.label = row.model, row.label or phone.label
    if planned.site:
        phone.site = planned.site
    phone.profile = planned.profile or phone.profile
    for line in row.lines:
        values = line_values(phone.id, line, servers)
        own = next((known for known in phone.lines if known.number == line.number), None)
        if own is None:
            phone.lines.append(Line(**values))
            continue
        for name in ("user", "password"):
            setattr(own, name, values[name])
        for name in ("auth_user", "display_name", "label"):
            setattr(own, name, values[name] or getattr(own, name))
        own.sip_server_id = values["sip_server_id"]
    door_keys.welcome(phone, identity)
    provision.index(phone)


def noted(
    draft: SheetImport, row: Row, phone_id: int, action: str, before: str | None, after: str
) -> dict[str, Any]:
    return {
        "import_id": draft.id,
        "phone_id": phone_id,
        "mac": row.mac,
        "action": action,
        "row": row.number,
        "before": before,
        "after": after,
    }


def snapshot(phone: Phone, keys: Mapping[str, str]) -> dict[str, Any]:
    """What an import may change of a phone, as it stands now; `keys` as `written_keys` has them."""
    lines = sorted(phone.lines, key=lambda line: line.number)
    return {name: getattr(phone, name) for name in OWN} | {
        "lines": [{name: getattr(line, name) for name in OF_LINE} for line in lines],
        **part_of_state(keys),
    }


def line_part(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in OF_LINE}


def fingerprint(state: dict[str, Any]) -> str:
    """Keyed, because there are passwords in it and the result is stored in the open."""
    config: Config = current_app.extensions["belldesk"]
    message = json.dumps(state, sort_keys=True).encode()
    return hmac.new(config.secret_key.encode(), message, hashlib.sha256).hexdigest()
