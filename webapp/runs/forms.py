"""How a roll-out goes: how long a stage waits, and how many phones may stay away."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, NumberRange

DAY = 24 * 60


class RolloutForm(FlaskForm):
    minutes = IntegerField(
        _l("Minutes that phones get to come back"),
        [InputRequired(_l("How many minutes?")), NumberRange(1, DAY)],
        default=10,
        render_kw={"min": 1, "max": DAY},
    )
    percent = IntegerField(
        _l("Phones in a hundred that may stay away after the first one"),
        [InputRequired(_l("How many in a hundred?")), NumberRange(0, 100)],
        default=10,
        render_kw={"min": 0, "max": 100},
    )
    wait = BooleanField(_l("Wait for phones that cannot be reached to fetch by themselves"))
    no_reboot = BooleanField(_l("Send nothing that restarts a phone"))

    own = frozenset({"minutes", "percent", "wait", "no_reboot", "csrf_token"})

    def chosen(self) -> dict[str, Any]:
        return {
            "minutes": self.minutes.data,
            "percent": self.percent.data,
            "wait": bool(self.wait.data),
            "reboot": not self.no_reboot.data,
        }
