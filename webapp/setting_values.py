"""Reading and writing what people chose at one scope. Below the features that show it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete

from provisioning.errors import SettingError
from provisioning.registry import registry
from provisioning.settings import CATALOGUE, Effective, Layer, Setting, parse, resolve
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Company, Phone, Profile, SettingValue, Site
from webapp.provision import Settings

EMPTY = "-"  # typed to say "empty here", where a blank field means "as inherited"
LONGEST = 500
GROUPS = {
    "ntp": _l("Time"),
    "time": _l("Time"),
    "language": _l("Language and tones"),
    "tone": _l("Language and tones"),
    "display": _l("Language and tones"),
    "sip": _l("Telephony"),
    "nat": _l("Telephony"),
    "voicemail": _l("Telephony"),
    "vlan": _l("Network"),
    "lldp": _l("Network"),
    "syslog": _l("Network"),
    "web": _l("The phone itself"),
    "provisioning": _l("The phone itself"),
}
SCOPE_NAMES = {
    "everywhere": _l("Everywhere"),
    "vendor": _l("Vendor"),
    "model": _l("Model"),
    "company": _l("Company"),
    "site": _l("Site"),
    "profile": _l("Profile"),
    "phone": _l("Phone"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """A place where settings are chosen; `name` is what people call it."""

    kind: str
    target: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One setting at one scope: `own` as typed there or None, `inherited` what it has without."""

    setting: Setting
    own: str | None
    inherited: Effective
    origin: str
    error: str = ""

    @property
    def field(self) -> str:
        return f"set:{self.setting.key}"

    @property
    def typed(self) -> str:
        return EMPTY if self.own == "" else self.own or ""


def scope_of(kind: str, target: str) -> Scope | None:
    """The scope people ask for, None if there is no such thing."""
    if kind == "everywhere":
        return Scope(kind, "", str(SCOPE_NAMES[kind]))
    if kind in ("vendor", "model"):
        known = registry().vendors if kind == "vendor" else registry().models
        return Scope(kind, target, known[target].name) if target in known else None
    tables = {"company": Company, "site": Site, "profile": Profile, "phone": Phone}
    if kind not in tables or not (target.isascii() and target.isdigit() and len(target) < 10):
        return None
    found = db.session.get(tables[kind], int(target))
    return Scope(kind, str(int(target)), str(found)) if found else None


def groups(
    scope: Scope, typed: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> dict[str, list[Row]]:
    """Every setting by the heading it stands under; `typed` and `errors` of a refused form."""
    own = values_at(scope)
    below, names = inherited(scope)
    found: dict[str, list[Row]] = {}
    for key, setting in CATALOGUE.items():
        shown = own.get(key)
        if typed is not None and f"set:{key}" in typed:
            shown = stored_form(typed[f"set:{key}"])
        row = Row(
            setting,
            shown,
            below[key],
            names.get(below[key].origin, below[key].origin),
            (errors or {}).get(key, ""),
        )
        found.setdefault(str(GROUPS.get(setting.group, setting.group)), []).append(row)
    return found


def values_at(scope: Scope) -> dict[str, str]:
    rows = db.session.scalars(SettingValue.of(scope.kind, scope.target))
    return {row.key: row.value for row in rows}


def inherited(scope: Scope) -> tuple[dict[str, Effective], dict[str, str]]:
    """What holds at the scope before its own values, and the names of where that comes from."""
    settings = Settings()
    if scope.kind == "phone":
        phone = db.session.get_one(Phone, int(scope.target))
        return resolve(settings.layers(phone)[:-1]), origins(phone)
    layers, names = [], {"default": _("built in")}
    for kind, target, name, data in below(scope):
        layers.append(
            Layer(kind, data if data is not None else settings.values.get((kind, target), {}))
        )
        names[kind] = named(kind, name if kind != "everywhere" else "")
    return resolve(layers), names


def below(scope: Scope) -> Iterator[tuple[str, str, str, dict[str, str] | None]]:
    """Less specific scopes in their order: kind, target, name, and the data of a vendor.toml."""
    found = registry().models.get(scope.target) if scope.kind == "model" else None
    vendor = found.vendor if found else registry().vendors.get(scope.target)
    if scope.kind in ("vendor", "model") and vendor:
        yield "vendor", vendor.key, vendor.name, vendor.defaults
        if found:
            yield "model", found.key, found.name, found.defaults
    if scope.kind != "everywhere":
        yield "everywhere", "", str(SCOPE_NAMES["everywhere"]), None
    if found and vendor:
        yield "vendor", vendor.key, vendor.name, None
    if scope.kind == "site":
        company = db.session.get_one(Site, int(scope.target)).company
        yield "company", str(company.id), company.name, None


def origins(phone: Phone) -> dict[str, str]:
    """Who can have set a value of this phone, by the words of `Settings.layers`."""
    model = registry().model(phone.model)
    return {
        "default": _("built in"),
        "vendor": named("vendor", model.vendor.name),
        "model": named("model", model.name),
        "everywhere": named("everywhere"),
        "company": named("company", phone.site.company.name),
        "site": named("site", phone.site.name),
        "profile": named("profile", phone.profile.name if phone.profile else ""),
        "phone": _("this phone"),
    }


def named(kind: str, name: str = "") -> str:
    return f"{SCOPE_NAMES[kind]} {name}".rstrip()


def stored_form(text: str) -> str | None:
    text = text.strip()
    return None if not text else "" if text == EMPTY else text


def save(
    scope: Scope, typed: Mapping[str, str], keep_secrets: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Write what changed; return the changed keys, and words for each refused one (then nothing is
    written). A key that was not sent is left alone; so is a secret sent blank, as its field never
    shows it, unless `keep_secrets` is off. The caller commits."""
    rows = {row.key: row for row in db.session.scalars(SettingValue.of(scope.kind, scope.target))}
    wanted, errors = {}, {}
    for key in CATALOGUE:
        if f"set:{key}" not in typed:
            continue
        if CATALOGUE[key].kind == "secret" and keep_secrets and not typed[f"set:{key}"]:
            continue
        wanted[key] = stored_form(typed[f"set:{key}"])
        if error := refusal(key, wanted[key]):
            errors[key] = error
    if errors:
        return [], errors
    changed = [
        key for key, text in wanted.items() if text != (rows[key].value if key in rows else None)
    ]
    for key in changed:
        write(scope, key, wanted[key], rows.get(key))
    return changed, {}


def write(scope: Scope, key: str, text: str | None, row: SettingValue | None) -> None:
    if text is None:
        db.session.delete(row)
    elif row is None:
        db.session.add(SettingValue(scope=scope.kind, target=scope.target, key=key, value=text))
    else:
        row.value = text


def refusal(key: str, text: str | None) -> str:
    if text is None:
        return ""
    if len(text) > LONGEST:
        return str(_("That is too long: %(most)d characters at most", most=LONGEST))
    try:
        parse(key, text)
    except SettingError as error:
        return said(error)
    return ""


def forget(kind: str, targets: list[str]) -> None:
    """Drop the values of things that are gone."""
    db.session.execute(
        delete(SettingValue).where(SettingValue.scope == kind, SettingValue.target.in_(targets))
    )


def used_by(scope: Scope) -> dict[str, str]:
    """The words of `webapp.selection` for the phones this scope reaches."""
    return {} if scope.kind in ("everywhere", "phone") else {scope.kind: scope.target}
