"""Which rows of a preview are looked at: those of one fate, or those that one cause stops."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request

from webapp.imports.causes import Cause, causes
from webapp.imports.plan import STATUSES, Plan, Planned


@dataclass(frozen=True, slots=True)
class Shown:
    plan: Plan
    status: str
    causes: list[Cause]
    cause: Cause | None
    rows: Sequence[Planned]

    @classmethod
    def asked(cls, plan: Plan) -> "Shown":
        """By `status` and `cause` of the address; a cause that is healed shows its status."""
        status = request.args.get("status", "")
        status = status if status in STATUSES else ""
        known = causes(plan)
        wanted = request.args.get("cause", "")
        cause = next((one for one in known if one.key == wanted), None)
        rows = cause.rows if cause else plan.having(status)
        return cls(plan, "refused" if cause else status, known, cause, rows)
