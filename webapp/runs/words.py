"""What became of a step, in the language of who looks."""

from flask_babel import gettext as _

from webapp.models import RunStep


def reason(step: RunStep) -> str:
    """Why the step failed: its template is translated first and filled then.

    A parameter named `reason` is a sentence of ours too (UnsafeValueError).
    """
    if not step.message:
        return ""
    params = dict(step.params or {})
    if "reason" in params:
        params["reason"] = _(params["reason"])
    return str(_(step.message) % params if params else _(step.message))
