"""What kind of run is wanted, and how: the choices of the pages, validated by their form."""

from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.api import reading
from webapp.api.errors import ApiError
from webapp.runs.forms import RolloutForm

KINDS: dict[str, tuple[str, ...]] = {
    "provision": ("deliver",),
    "deliver": (),
    "rollout": ("minutes", "percent", "wait", "reboot"),
}


def kind_of(sent: dict[str, Any]) -> str:
    kind = reading.text(sent, "kind") or "provision"
    if kind not in KINDS:
        words = _("“%(name)s” is not known here, only %(known)s", name=kind[:60],
                  known=", ".join(KINDS))  # fmt: skip
        raise ApiError(422, words, field="kind")
    return kind


def options_of(kind: str, sent: dict[str, Any]) -> dict[str, Any] | None:
    """What the page of this kind would hand to services.start."""
    given = sent.get("options", {})
    if not isinstance(given, dict):
        raise ApiError(422, _("A JSON object is needed"), field="options")
    if given and not KINDS[kind]:
        words = _("A run of the kind %(kind)s takes no options", kind=kind)
        raise ApiError(422, words, field="options")
    reading.only(given, KINDS[kind], "options.")
    if kind == "rollout":
        return rollout(given)
    return {"deliver": True} if flag(given, "deliver", False) else None


def rollout(given: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: number(given, name) for name in ("minutes", "percent")}
    wanted["wait"] = "1" if flag(given, "wait", False) else ""
    wanted["no_reboot"] = "" if flag(given, "reboot", True) else "1"
    form = RolloutForm(formdata=MultiDict(wanted), meta={"csrf": False})
    if not form.validate():
        name, errors = next(iter(form.errors.items()))
        raise ApiError(422, str(errors[0]), field=f"options.{name}")
    return form.chosen()


def number(given: dict[str, Any], name: str) -> str:
    """As a form would have it; what is left out is as the form proposes it."""
    value = given.get(name, RolloutForm(formdata=None, meta={"csrf": False}).data[name])
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiError(422, _("A whole number is needed"), field=f"options.{name}")
    return str(value)


def flag(given: dict[str, Any], name: str, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise ApiError(422, _("true or false is needed"), field=f"options.{name}")
    return value
