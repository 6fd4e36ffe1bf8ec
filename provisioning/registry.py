"""The vendors and models there are: every folder with a vendor.toml is one, no code names them."""

import hashlib
import importlib.util
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from provisioning.errors import N_, UnknownModelError
from provisioning.formats import FORMATS, Format
from provisioning.key_abilities import NO_KEYS, Ability, ability_of
from provisioning.limits import LIMITS
from provisioning.model import Phone
from provisioning.resync import Resync as Resync
from provisioning.resync import read_resync
from provisioning.settings import Layer, parse

VENDORS = Path(__file__).parent / "vendors"

Quirks = Callable[[Phone], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a template. `one_server`: all lines register at the same server.

    `files` are the names it is served under, the vendor's unless the family has its own: {mac} and
    {MAC} stand for the phone's address, any other name for a text in the model's data.
    `settings` are the keys of the catalogue that the template heeds; it ignores the others.
    `limits` are sentences about what its file cannot do. `bootstrap` makes a file with nothing but
    a phone's own address, "" where its parameter is not known for certain; `login` says that its
    file can hold what the phone shows at the door besides its address.
    """

    key: str
    template: str
    format: Format
    one_server: bool
    files: tuple[str, ...]
    data: dict[str, Any]
    settings: frozenset[str]
    limits: tuple[str, ...]
    keys: dict[str, Any]
    bootstrap: str
    login: bool


@dataclass(frozen=True, slots=True)
class Dhcp:
    """How its phones are pointed here: `{url}` stands for the address of the phone's site.

    `classes` are what their vendor class (option 60) begins with, none where they send none.
    """

    options: tuple[int, ...]
    value: str
    typed: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Vendor:
    """What vendor.toml says. `files` are served (of all its models), `known_files` only asked for.

    `secrets` are globs of the names, in its files, whose values nobody may see by chance: all,
    unless vendor.toml says which.
    """

    key: str
    name: str
    aliases: tuple[str, ...]
    ouis: tuple[str, ...]
    user_agents: tuple[re.Pattern[str], ...]
    files: tuple[str, ...]
    known_files: tuple[str, ...]
    secrets: tuple[str, ...]
    defaults: dict[str, str]
    maps: dict[str, dict[str, str | int]]
    families: dict[str, Family]
    resync: tuple[Resync, ...]
    ports: dict[str, int]
    dhcp: Dhcp | None
    folder: Path
    version: str
    quirks: Quirks


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """`lines` is the most SIP lines it has, `data` facts for its family's template.

    `names` are those of its file, with {mac} or {MAC} where the phone's address stands.
    """

    key: str
    name: str
    vendor: Vendor
    family: str
    lines: int
    defaults: dict[str, str]
    data: dict[str, Any]
    names: tuple[str, ...]
    aliases: tuple[str, ...]
    key_ability: Ability = NO_KEYS

    @property
    def format(self) -> Format:
        return self.vendor.families[self.family].format

    @property
    def settings(self) -> frozenset[str]:
        """The settings that change this model's file."""
        return self.vendor.families[self.family].settings

    @property
    def learns_its_address(self) -> bool:
        """Whether a file without secrets can tell it where to come from now on."""
        return bool(self.vendor.families[self.family].bootstrap)

    @property
    def takes_a_login(self) -> bool:
        return self.vendor.families[self.family].login

    @property
    def limits(self) -> tuple[str, ...]:
        """What this model's file cannot do, in untranslated sentences."""
        return self.vendor.families[self.family].limits

    def files(self, mac: str) -> tuple[str, ...]:
        """Return the names under which the phone `mac` asks for its own configuration."""
        return tuple(name.format(mac=mac.lower(), MAC=mac.upper()) for name in self.names)

    def layers(self) -> tuple[Layer, Layer]:
        """Return the two lowest layers of settings, the vendor's and the model's."""
        return Layer("vendor", self.vendor.defaults), Layer("model", self.defaults)


class Registry:
    def __init__(self, vendors: Iterable[Vendor], models: Iterable[Model]) -> None:
        self.vendors = {vendor.key: vendor for vendor in vendors}
        self.models = {model.key: model for model in models}
        self._names = _index(self.models.values())
        self._ouis = {oui: vendor for vendor in self.vendors.values() for oui in vendor.ouis}

    @classmethod
    def load(cls, folder: Path = VENDORS, extra: Iterable[Path] = ()) -> "Registry":
        """Read every vendor folder in `folder` and in the `extra` ones."""
        vendors, models = [], []
        for root in (folder, *extra):
            for path in sorted(root.glob("*/vendor.toml")):
                vendor, own = _read(path)
                vendors.append(vendor)
                models.extend(own)
        return cls(vendors, models)

    def model(self, key: str) -> Model:
        try:
            return self.models[key]
        except KeyError:
            raise UnknownModelError(N_("No phone model “%(model)s” is known"), model=key) from None

    def find(self, name: str) -> Model | None:
        """Return the model a person means by `name`: case, blanks and dashes do not matter."""
        return self._names.get(_bare(name))

    def vendor_of(self, mac: str) -> Vendor | None:
        """Return the vendor whose prefix the 12 lower-case digits of `mac` begin with."""
        return self._ouis.get(mac[:6])


@cache
def registry() -> Registry:
    """Return the vendors that come with the program, read once."""
    return Registry.load()


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _index(models: Iterable[Model]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for model in models:
        for name in _names(model):
            if found.setdefault(name, model) is not model:
                raise ValueError(f"{name} means {found[name].key} and {model.key}")
    return found


def _names(model: Model) -> Iterator[str]:
    vendors = ("", model.vendor.name, *model.vendor.aliases)
    short = model.name.removeprefix(model.vendor.name)
    yield _bare(model.key)
    for name in (short, *model.aliases):
        yield from (_bare(vendor + name) for vendor in vendors)


def _read(path: Path) -> tuple[Vendor, list[Model]]:
    toml = tomllib.loads(path.read_text(encoding="utf-8"))
    families = {key: _family(key, path.parent, toml) for key in toml["families"]}
    entries = {key: _like(entry, toml["models"]) for key, entry in toml["models"].items()}
    names = {key: _names_of(entry, families[entry["family"]]) for key, entry in entries.items()}
    vendor = Vendor(
        key=path.parent.name,
        name=toml["name"],
        aliases=tuple(toml.get("aliases", ())),
        ouis=tuple(_bare(oui) for oui in toml.get("ouis", ())),
        user_agents=tuple(re.compile(pattern) for pattern in toml.get("user_agents", ())),
        files=tuple(dict.fromkeys(name for own in names.values() for name in own)),
        known_files=tuple(toml.get("known_files", ())),
        secrets=tuple(toml.get("secrets", ("*",))),
        defaults=_defaults(toml),
        maps=toml.get("maps", {}),
        families=families,
        resync=read_resync(toml.get("resync", ())),
        ports=toml.get("ports", {}),
        dhcp=_dhcp(toml.get("dhcp")),
        folder=path.parent,
        version=_version(path.parent),
        quirks=_quirks(path.parent / "quirks.py"),
    )
    return vendor, [_model(key, vendor, entry, names[key]) for key, entry in entries.items()]


def _dhcp(entry: dict[str, Any] | None) -> Dhcp | None:
    if entry is None:
        return None
    classes = tuple(entry.get("classes", ()))
    return Dhcp(tuple(entry["options"]), entry["value"], entry["typed"], classes)


def _family(key: str, folder: Path, toml: dict[str, Any]) -> Family:
    entry = toml["families"][key]
    template = (folder / entry["template"]).read_text(encoding="utf-8")
    return Family(
        key=key,
        template=entry["template"],
        format=FORMATS[entry["format"]],
        one_server=entry.get("one_server", False),
        files=tuple(entry.get("files") or toml["files"]),
        data=entry.get("data", {}),
        settings=_heeded(template),
        limits=tuple(LIMITS[name] for name in entry.get("limits", ())),
        keys=entry.get("keys", {}),
        bootstrap=entry.get("bootstrap", ""),
        login="phone.login." in template,
    )


def _heeded(template: str) -> frozenset[str]:
    """A line's server carries sip.*, `comes_back` the mode; the rest is read by its own name."""
    names = set(re.findall(r'settings\["([\w.]+)"\]', template))
    for name in re.findall(r"server\.(port|transport|expires|proxy_host|proxy_port)\b", template):
        names.add("sip." + name.replace("_", "."))
    if "comes_back" in template:
        names.add("provisioning.mode")
    return frozenset(names)


def _like(entry: dict[str, Any], entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return one entry of [models]; `like` takes over what another one says, but its aliases."""
    like = entries.get(entry.get("like", ""), {})
    own = like | {"aliases": ()} | entry
    for table in ("data", "defaults"):
        own[table] = like.get(table, {}) | entry.get(table, {})
    return own


def _names_of(entry: dict[str, Any], family: Family) -> tuple[str, ...]:
    said = family.data | entry["data"] | {"mac": "{mac}", "MAC": "{MAC}"}
    return tuple(name.format_map(said) for name in family.files)


def _model(key: str, vendor: Vendor, entry: dict[str, Any], names: tuple[str, ...]) -> Model:
    family = vendor.families[entry["family"]]
    return Model(
        key=key,
        name=entry["name"],
        vendor=vendor,
        family=family.key,
        lines=entry["lines"],
        defaults=_defaults(entry),
        data=family.data | entry["data"],
        names=names,
        aliases=tuple(entry["aliases"]),
        key_ability=ability_of(family.keys, family.data | entry["data"]),
    )


def _defaults(entry: dict[str, Any]) -> dict[str, str]:
    """A vendor.toml with a setting that does not exist must fail here, not on the first phone."""
    found = {key: str(value) for key, value in entry.get("defaults", {}).items()}
    for key, text in found.items():
        parse(key, text)
    return found


def _version(folder: Path) -> str:
    """Change with anything that can change a rendered file."""
    digest = hashlib.sha256()
    for path in sorted((folder / "vendor.toml", *folder.glob("*.j2"), *folder.glob("quirks.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _quirks(path: Path) -> Quirks:
    """Return `values` of quirks.py: what its templates need and data cannot say."""
    if not path.exists():
        return lambda phone: {}
    spec = importlib.util.spec_from_file_location(f"quirks_of_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    values: Quirks = module.values
    return values
