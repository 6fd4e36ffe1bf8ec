"""A phone as its configuration sees it, whoever made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class SipServer:
    """A registrar and the way to it. `transport` is udp, tcp or tls; `expires` in seconds."""

    host: str
    port: int = 5060
    transport: str = "udp"
    proxy_host: str = ""
    proxy_port: int = 5060
    expires: int = 3600


@dataclass(frozen=True, slots=True)
class Line:
    """One SIP account; `number` counts from 1."""

    number: int
    user: str
    password: str = field(repr=False)
    auth_user: str
    display_name: str
    label: str
    server: SipServer


@dataclass(frozen=True, slots=True)
class Secrets:
    """The passwords of the phone itself, made for it alone."""

    admin_password: str = field(repr=False)
    user_password: str = field(repr=False)
    menu_pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """What a key beside the display does: `kind` is one of `provisioning.keys.KINDS`.

    `module` 0 is the phone itself, 1 and on its expansion modules; `position` counts from 1.
    """

    module: int
    position: int
    kind: str
    line: int = 1
    value: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """What a phone shows at the door besides its address."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    """`model` is a registry key, `url` its own base address at the door ("" when none)."""

    mac: str
    model: str
    lines: tuple[Line, ...]
    settings: Mapping[str, Value]
    secrets: Secrets
    url: str = ""
    login: Login | None = None
    keys: tuple[Key, ...] = ()
