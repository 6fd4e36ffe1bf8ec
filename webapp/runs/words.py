"""What became of a step, in the language of who looks."""

from flask_babel import gettext as _

from webapp.models import RunStep


def reason(step: RunStep) -> str:
    """Why the step failed: its template is translated first and filled then."""
    return str(_(step.message, **(step.params or {}))) if step.message else ""
