"""Which column is what: names in three languages, in any order, with a number for further lines."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.errors import N_, SheetError

TEMPLATE = "mac,ramal,senha,servidor"
MOST_LINES = 20
MOST_KEYS = 99

NAMES = {
    "mac": "mac, mac address, endereço mac, adresse mac",
    "model": "model, modelo, modèle, phone model, modelo do telefone",
    "site": "site, local, filial",
    "profile": "profile, perfil, profil",
    "extension": "extension, ext, ramal, poste, number, número, numéro, user, usuário, utilisateur",
    "password": "password, senha, mot de passe, secret, sip password, senha sip",
    "server": "server, servidor, serveur, registrar, sip server, servidor sip, serveur sip",
    "auth_user": "auth user, auth, auth id, usuário auth, usuário de autenticação, "
    "utilisateur auth, identifiant auth",
    "display_name": "display name, name, nome, nom, nome de exibição, nom affiché",
    "key": "key, tecla, touche",
    "keys": "keys, teclas, touches",
    "label": "label, etiqueta, étiquette, rótulo, libellé",
    "reason": "reason, motivo, motif, raison",
}
OF_PHONE = ("mac", "model", "site", "profile", "keys", "reason")
# "reason" is what refusals_sheet() adds: a corrected sheet comes back with it.


def folded(name: str) -> str:
    """Leave letters and digits only, without accents and case."""
    plain = unicodedata.normalize("NFKD", name)
    return re.sub(r"[^a-z0-9]", "", plain.casefold())


FIELDS = {folded(name): field for field, names in NAMES.items() for name in names.split(",")}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands. `lines` are (number, field -> column), sorted by number, `keys`
    the columns of single keys by their place."""

    phone: Mapping[str, int]
    lines: tuple[tuple[int, Mapping[str, int]], ...]
    unknown: tuple[str, ...]
    keys: Mapping[int, int]

    def places(self) -> dict[str, int]:
        """Return all fields in one: "mac", "extension", "extension2" and so on."""
        found = dict(self.phone)
        for number, places in self.lines:
            found |= {f"{field}{number if number > 1 else ''}": c for field, c in places.items()}
        return found | {f"key{place}": column for place, column in self.keys.items()}


def columns_of(header: tuple[str, ...], *, server_needed: bool) -> Columns:
    """Map the header; raise SheetError if a column is missing or stands there twice."""
    phone: dict[str, int] = {}
    lines: dict[int, dict[str, int]] = {1: {}}
    keys: dict[int, int] = {}
    unknown: list[str] = []
    for column, name in enumerate(header):
        field, number = meaning(name)
        place = phone if field in (*OF_PHONE, "key", "") else lines.setdefault(number, {})
        if not field:
            unknown.extend([name] if name else [])
        elif (field in place and field != "reason") or (field == "key" and number in keys):
            raise SheetError(N_("The column “%(column)s” stands there twice"), column=name[:40])
        elif field == "key":
            keys[number] = column
        else:
            place[field] = column
    refuse_missing(header, phone, lines[1], server_needed=server_needed)
    used = tuple((number, place) for number, place in sorted(lines.items()) if place)
    return Columns(phone, used, tuple(unknown), keys)


def meaning(name: str) -> tuple[str, int]:
    """Return (field, number of the line or key); ("", 1) for a name that means nothing here."""
    found = re.fullmatch(r"([a-z]+)([0-9]{0,2})", folded(name))
    field = FIELDS.get(found[1], "") if found else ""
    number = int((found and found[2]) or 1)
    most = MOST_KEYS if field == "key" else MOST_LINES
    if not 1 <= number <= most or (number > 1 and field in OF_PHONE):
        return "", 1
    return field, number


def refuse_missing(
    header: tuple[str, ...],
    phone: Mapping[str, int],
    first: Mapping[str, int],
    *,
    server_needed: bool,
) -> None:
    needed = ["mac", "extension", "password"] + ["server"] * server_needed
    missing = [field for field in needed if field not in phone and field not in first]
    if missing:
        raise SheetError(
            N_(
                "Incompatible file format. Expected header: %(expected)s. "
                "Found: %(found)s. Missing: %(missing)s."
            ),
            expected=TEMPLATE,
            found=", ".join(header)[:200],
            missing=", ".join(missing),
        )
