"""The vendor-neutral settings of a phone: what a value may be and which layer wins."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from provisioning.catalogue import CATALOGUE, Kind, Setting
from provisioning.errors import N_, SettingError
from provisioning.formats import control_refusal
from provisioning.model import SipServer, Value

__all__ = ["CATALOGUE", "Effective", "Layer", "Setting", "effective_server", "offset_minutes"]
__all__ += ["parse", "resolve", "values"]

HOST = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,251}[A-Za-z0-9_])?|[0-9A-Fa-f:]{2,39}", re.ASCII
)
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


@dataclass(frozen=True, slots=True)
class Layer:
    """What one level (vendor, model, company, site, profile, phone) sets, as text."""

    origin: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Effective:
    """A value and where it comes from; the built-in default's origin is "default"."""

    value: Value
    origin: str


def parse(key: str, text: str) -> Value:
    """Return the value that a person, a sheet or a vendor.toml wrote; raise SettingError."""
    setting = CATALOGUE.get(key)
    if setting is None:
        raise SettingError(N_("There is no setting “%(key)s”"), key=key)
    return READERS[setting.kind](setting, text.strip())


def resolve(layers: Iterable[Layer]) -> dict[str, Effective]:
    """Return every setting of the catalogue; later layers win."""
    found = {key: Effective(setting.default, "default") for key, setting in CATALOGUE.items()}
    for layer in layers:
        for key, text in layer.values.items():
            found[key] = Effective(parse(key, text), layer.origin)
    return found


def effective_server(
    host: str, overrides: Mapping[str, Value | None], settings: Mapping[str, Value]
) -> SipServer:
    """Return `host` as a line's server: what `overrides` leaves out or None comes from sip.*.

    `overrides` may have port, transport, expires, proxy_host, proxy_port (a SIP server's profile).
    """

    def pick(name: str) -> Value:
        own = overrides.get(name)
        return settings["sip." + name.replace("_", ".")] if own is None else own

    return SipServer(
        host=host,
        port=int(pick("port")),
        transport=str(pick("transport")),
        proxy_host=str(pick("proxy_host")),
        proxy_port=int(pick("proxy_port")),
        expires=int(pick("expires")),
    )


def offset_minutes(zone: str) -> int:
    """Return "UTC-3:30" as -210."""
    hours, _, minutes = zone[4:].partition(":")
    total = int(hours or 0) * 60 + int(minutes or 0)
    return -total if zone[3:4] == "-" else total


def _text(setting: Setting, text: str) -> Value:
    reason = control_refusal(text)
    if reason is not None:
        raise SettingError(reason, key=setting.key)
    if setting.choices and text:
        return ",".join(_member(setting, item.strip()) for item in text.split(","))
    return text


def _host(setting: Setting, text: str) -> Value:
    if text and not HOST.fullmatch(text):
        raise SettingError(
            N_("“%(value)s” is not a host name or address (%(key)s)"),
            key=setting.key,
            value=text[:60],
        )
    return text


def _number(setting: Setting, text: str, low: int, high: int) -> int:
    if re.fullmatch(r"\d{1,10}", text, re.ASCII) and low <= int(text) <= high:
        return int(text)
    raise SettingError(
        N_("“%(value)s” is not a number from %(low)d to %(high)d (%(key)s)"),
        key=setting.key,
        value=text[:60],
        low=low,
        high=high,
    )


def _port(setting: Setting, text: str) -> Value:
    return _number(setting, text, 1, 65535)


def _int(setting: Setting, text: str) -> Value:
    return _number(setting, text, setting.minimum, setting.maximum)


def _bool(setting: Setting, text: str) -> Value:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise SettingError(
        N_("“%(value)s” is neither yes nor no (%(key)s)"), key=setting.key, value=text[:60]
    )


def _member(setting: Setting, text: str) -> str:
    """Accept any case, return the catalogue's own."""
    for choice in setting.choices:
        if choice.lower() == text.lower():
            return choice
    raise SettingError(
        N_("“%(value)s” is not one of %(choices)s (%(key)s)"),
        key=setting.key,
        value=text[:60],
        choices=", ".join(setting.choices),
    )


READERS: dict[Kind, Callable[[Setting, str], Value]] = {
    "text": _text,
    "secret": _text,
    "host": _host,
    "port": _port,
    "int": _int,
    "bool": _bool,
    "choice": _member,
}


def values(layers: Sequence[Layer]) -> dict[str, Value]:
    """Return what `Phone.settings` wants: the effective values without their origins."""
    return {key: effective.value for key, effective in resolve(layers).items()}
