"""Phones, runs, uploads, sites as JSON. No secret is ever in it: they are not even read."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_login import current_user

from provisioning.mac import format_mac
from webapp.i18n import said
from webapp.imports.plan import Plan
from webapp.models import ApiToken, Phone, Run, SheetImport, Site
from webapp.runs import services as runs

FAILURES = 100
OPTIONS = ("deliver", "minutes", "percent", "wait", "reboot")


def moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def token(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
    }


def person() -> dict[str, Any]:
    department = current_user.department
    held = sorted(department.permissions) if department else []
    return {
        "name": current_user.name,
        "full_name": current_user.full_name,
        "administrator": current_user.is_admin,
        "department": department.name if department else None,
        "permissions": held,
    }


def phone(row: Phone) -> dict[str, Any]:
    return {
        "mac": format_mac(row.mac),
        "state": row.state,
        "label": row.label,
        "model": row.model,
        "site": {"id": row.site_id, "name": str(row.site)},
        "profile": {"id": row.profile_id, "name": row.profile.name} if row.profile else None,
        "lines": [
            {
                "number": line.number,
                "user": line.user,
                "auth_user": line.auth_user,
                "display_name": line.display_name,
                "label": line.label,
                "server": {"id": line.sip_server_id, "name": line.sip_server.name},
            }
            for line in row.lines
        ],
        "revised_at": moment(row.revised_at),
        "fetched_at": moment(row.fetched_at),
        "fetched_by": row.fetched_by,
        "address": row.fetched_address,
        "typed_address": row.address,
        "armed_until": moment(row.armed_until) if row.is_armed else None,
        "pinned_network": row.pinned_network,
        "firmware": row.firmware,
    }


def site(row: Site) -> dict[str, Any]:
    return {
        "id": row.id,
        "company": row.company.name,
        "name": row.name,
        "networks": row.networks.split(),
    }


def said_of(row: Run) -> str:
    """Why it halted; "" if it did not."""
    return str(_(row.message, **(row.params or {}))) if row.message else ""


def run(row: Run) -> dict[str, Any]:
    now = runs.progress(row, lines=0, failures=FAILURES)
    return {
        "id": row.id,
        "kind": row.kind,
        "options": {k: v for k, v in (row.options or {}).items() if k in OPTIONS},
        "state": row.state,
        "over": row.is_over,
        "message": said_of(row),
        "stage": row.stage + 1 if row.kind == "rollout" else None,
        "stage_until": moment(row.stage_until),
        "next": (row.options or {}).get("next"),
        "total": now.total,
        "done": now.done,
        "unchanged": now.unchanged,
        "failed": now.failed,
        "stopped": now.stopped,
        "left": now.left,
        "waiting": now.waiting,
        "returned": now.returned,
        "seconds": round(now.seconds, 1),
        "created_at": moment(row.created_at),
        "failures": [{"mac": format_mac(s.mac), "reason": said(s)} for s in now.failures],
    }


def plan(found: Plan) -> dict[str, Any]:
    return {
        "counts": found.counts,
        "refused": [
            {"row": p.row.number, "mac": p.row.mac, "reasons": [said(why) for why in p.reasons]}
            for p in found.having("refused")
        ],
    }


def upload(row: SheetImport) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "filename": row.filename,
        "counts": row.counts,
        "error": said(row),
        "created_at": moment(row.created_at),
    }
