"""The ways to make a phone take its configuration now, as [[resync]] of vendor.toml has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

COSTS = {"sip-notify": 10, "http-get": 20, "http-push": 30, "ssh": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebStep:
    """One request to the phone's web pages; it is a POST if there is a `form` or a `file`.

    Texts of `form`, `cookies` and `md5` may hold {user}, {password}, {password64}, {mac}, {MAC},
    {url} (the folder of its file, with a / at the end) and what an earlier step took: `take` has a
    name and the regular expression whose group finds its value in the answer, `md5` a name and the
    text whose MD5 it is. `file` uploads the configuration: field, name, type. `needs` must be in
    the answer, `wrong` in none: it says that name or password are refused. `tries` is for phones
    that do not answer every time. An `optional` step may fail, one that `drops` may end the
    connection without an answer, one that is done `always` frees the phone also when an earlier
    one failed. After one that `drops`, or whose answer has `ends` in it, the phone restarts:
    optional steps are left out.
    """

    says: str
    path: str
    form: dict[str, str] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    md5: dict[str, str] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)
    expect: tuple[int, ...] = (200,)
    needs: str = ""
    needs_cookie: str = ""
    wrong: str = ""
    ends: str = ""
    tries: int = 1
    optional: bool = False
    drops: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellStep:
    """One command; {url}, {mac} and {MAC} in it are quoted for a POSIX shell.

    `stdin` hands it the configuration; `expect` are the exit codes that mean success.
    """

    says: str
    command: str
    stdin: bool = False
    expect: tuple[int, ...] = (0,)
    needs: str = ""
    optional: bool = False
    drops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """A way: sip-notify (`event`), http-get (`path`), http-push (`web`) or ssh (`shell`).

    `reboot` says that the phone starts anew, and cuts off who is talking. The lowest `cost` is
    tried first. `schemes` are tried in their order: plain HTTP only where nothing speaks HTTPS.
    `old_tls` and `old_ssh` let in what such phones cannot do without: TLS below 1.2 and its weak
    ciphers; the named algorithms of SSH.
    """

    method: str
    reboot: bool
    cost: int
    event: str = ""
    path: str = ""
    web: tuple[WebStep, ...] = ()
    shell: tuple[ShellStep, ...] = ()
    schemes: tuple[str, ...] = ("https",)
    old_tls: bool = False
    old_ssh: frozenset[str] = frozenset()

    @property
    def points(self) -> bool:
        """Whether the phone is told where its configuration is."""
        texts = [text for step in self.web for text in step.form.values()]
        return any("{url}" in text for text in (*texts, *(step.command for step in self.shell)))

    @property
    def uploads(self) -> bool:
        """Whether the configuration itself is handed over, not only word that there is one."""
        return any(step.file for step in self.web) or any(step.stdin for step in self.shell)


def read_resync(entries: Iterable[Mapping[str, Any]]) -> tuple[Resync, ...]:
    """Return the ways in the order in which they are to be tried: the cheapest first."""
    return tuple(sorted(map(_way, entries), key=lambda way: way.cost))


def _way(entry: Mapping[str, Any]) -> Resync:
    method = entry["method"]
    steps = entry.get("steps", ())
    plain = {key: value for key, value in entry.items() if key != "steps"}
    own = {"cost": COSTS[method]} | _fitting(Resync, plain)
    if method == "ssh":
        own["shell"] = tuple(ShellStep(**_fitting(ShellStep, step)) for step in steps)
    elif method == "http-push":
        own["web"] = tuple(WebStep(**_fitting(WebStep, step)) for step in steps)
    elif method == "http-get":
        says = "restart" if own["reboot"] else "fetch"
        own["web"] = (WebStep(says=says, path=own["path"], drops=own["reboot"]),)
    return Resync(**own)


def _fitting(kind: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has lists where the classes have tuples; a misspelt key must fail here."""
    if unknown := entry.keys() - {one.name for one in fields(kind)}:
        raise ValueError(f"[[resync]] does not know {', '.join(sorted(unknown))}")
    own = {key: tuple(x) if isinstance(x, list) else x for key, x in entry.items()}
    if "old_ssh" in own:
        own["old_ssh"] = frozenset(own["old_ssh"])
    return own
