"""From a table to rows, each good or with all its reasons."""

import difflib
from collections.abc import Container, Mapping

from provisioning.errors import N_
from provisioning.registry import Model, Registry
from provisioning.render import carriable
from provisioning.sheet.guard import original
from provisioning.sheet.header import Columns, columns_of
from provisioning.sheet.keys import keys_of
from provisioning.sheet.rows import Reason, Row, Sheet, SheetLine, Table
from provisioning.sheet.values import Remarks, extension_of, mac_of, password_of, server_of

NOTHING: Mapping[str, str] = {}
PLACES = ("extension", "password", "auth_user", "display_name", "label", "server")


def check(
    table: Table,
    registry: Registry,
    *,
    default_model: str = "",
    default_server: str = "",
    known_servers: Container[str] = (),
    server_needed: bool = True,
    chosen: Mapping[int, Mapping[str, str]] | None = None,
) -> Sheet:
    """Judge every row; the defaults stand in for what it is silent about.

    `chosen` are a row's model and server, by its number, as a person decided: they win over the
    sheet.

    `known_servers` are names (casefolded) that rows may use for a server, blanks and all. Without
    `server_needed` a sheet that has no column for it is no error as such: its rows are.
    """
    columns = columns_of(table.header, server_needed=server_needed and not default_server)
    checker = Checker(
        columns, len(table.header), registry, default_model, default_server, known_servers
    )
    checker.chosen = chosen or {}
    rows = tuple(checker.row(number, cells) for number, cells in table.rows)
    return Sheet(rows, columns.unknown, table.encoding, table.delimiter, table.header)


class Checker:
    """Holds what rows share: the columns, the defaults, and what earlier rows said."""

    def __init__(
        self,
        columns: Columns,
        width: int,
        registry: Registry,
        model: str,
        server: str,
        known_servers: Container[str],
    ) -> None:
        self.columns, self.width, self.registry = columns, width, registry
        self.default_model, self.default_server = model, server
        self.known_servers = known_servers
        self.places = columns.places()
        self.macs: dict[str, int] = {}
        self.accounts: dict[tuple[str, str], int] = {}
        self.models: dict[str, Model | None] = {}
        self.unknown: dict[str, Reason] = {}
        self.carried: dict[tuple[str, str], str | None] = {}
        self.chosen: Mapping[int, Mapping[str, str]] = {}

    def row(self, number: int, cells: tuple[str, ...]) -> Row:
        remarks = Remarks()
        # Only sheets we handed out have this column, and their cells are guarded.
        if "reason" in self.columns.phone:
            cells = tuple(map(original, cells))
        if len(cells) > self.width:
            self.refuse_width(cells, remarks)
            return Row(
                number, "", "", "", "", "", (), tuple(remarks.reasons), (), cells, self.places
            )
        values = self.trimmed(cells, remarks)
        phone = self.columns.phone
        mac = mac_of(values[phone["mac"]], self.registry, remarks)
        chosen = self.chosen.get(number, NOTHING)
        model = self.model(chosen.get("model") or picked(values, phone, "model"), remarks)
        lines = self.lines(values, model, remarks, chosen.get("server", ""))
        keys = keys_of(self.columns, values, model, lines, remarks)
        if remarks.reasons and len(cells) < self.width and self.lacks(cells):
            remarks.reasons.clear()
            self.refuse_width(cells, remarks)
        self.compare(number, mac, model, lines, remarks)
        return Row(
            number,
            mac,
            model.key if model else "",
            picked(values, phone, "site"),
            picked(values, phone, "profile"),
            picked(values, self.columns.lines[0][1], "label"),
            lines,
            tuple(remarks.reasons),
            tuple(remarks.notes),
            cells,
            self.places,
            keys,
        )

    def refuse_width(self, cells: tuple[str, ...], remarks: Remarks) -> None:
        message = N_("The line does not have the required fields: %(found)d instead of %(needed)d")
        remarks.refuse("", message, found=len(cells), needed=self.width)

    def lacks(self, cells: tuple[str, ...]) -> bool:
        """Tell whether the line ends before a column that every phone needs."""
        first = self.columns.lines[0][1]
        needed = [self.columns.phone["mac"], first["extension"], first["password"]]
        if not self.default_server and "server" in first:
            needed.append(first["server"])
        return len(cells) <= max(needed)

    def trimmed(self, cells: tuple[str, ...], remarks: Remarks) -> list[str]:
        """Return as many values as there are columns."""
        values = [cell.strip() for cell in cells]
        if values != list(cells):
            remarks.note("", N_("Blanks around a value were removed"))
        return values + [""] * (self.width - len(values))

    def model(self, name: str, remarks: Remarks) -> Model | None:
        name = name or self.default_model
        if name not in self.models:
            self.models[name] = self.registry.find(name) if name else None
        model = self.models[name]
        if not name:
            remarks.refuse("model", N_("The model is missing: name it in the sheet or choose one"))
        elif model is None:
            if name not in self.unknown:
                self.unknown[name] = unknown_model(name, self.registry)
            remarks.reasons.append(self.unknown[name])
        return model

    def lines(
        self, values: list[str], model: Model | None, remarks: Remarks, chosen_server: str = ""
    ) -> tuple[SheetLine, ...]:
        found = []
        for number, places in self.columns.lines:
            if number == 1 or any(values[c] for f, c in places.items() if f != "server"):
                line = self.line(number, places, values, model, remarks, chosen_server)
                found.append(line)
        return tuple(found)

    def line(
        self,
        number: int,
        places: Mapping[str, int],
        values: list[str],
        model: Model | None,
        remarks: Remarks,
        chosen_server: str,
    ) -> SheetLine:
        suffix = str(number) if number > 1 else ""
        user, password, auth, name, label, server = (picked(values, places, f) for f in PLACES)
        server = chosen_server or server
        # A further line without a server of its own registers where the first does.
        default = self.default_server
        if number > 1:
            default = picked(values, self.columns.lines[0][1], "server") or default
        line = SheetLine(
            number,
            extension_of(user, "extension" + suffix, remarks),
            password_of(password, "password" + suffix, remarks),
            auth,
            name,
            label,
            self.server(server, default, "server" + suffix, remarks),
        )
        if model:
            given = (line.user, line.password, auth, name, label, line.server)
            for field, value in zip(PLACES, given, strict=True):
                reason = self.not_carried(model, value)
                if reason is not None:
                    remarks.refuse(
                        field + suffix,
                        N_("%(field)s: %(reason)s"),
                        field=(field + suffix).replace("_", " "),
                        reason=reason,
                    )
        return line

    def server(self, text: str, default: str, field: str, remarks: Remarks) -> str:
        if text.casefold() in self.known_servers:
            return text
        return server_of(text, default, field, remarks)

    def not_carried(self, model: Model, value: str) -> str | None:
        """Judge plain values at a glance: they are nearly all there are."""
        if not value or (value.isascii() and value.isalnum()):
            return None
        key = (model.key, value)
        if key not in self.carried:
            self.carried[key] = carriable(model, value)
        return self.carried[key]

    def compare(
        self,
        number: int,
        mac: str,
        model: Model | None,
        lines: tuple[SheetLine, ...],
        remarks: Remarks,
    ) -> None:
        """Hold the row against its model and against the rows before it."""
        if mac:
            self.compare_mac(number, mac, model, remarks)
        if model:
            compare_lines(model, lines, remarks)
        for line in lines:
            first = self.accounts.setdefault((line.user, line.server.lower()), number)
            if first != number and line.user:
                message = N_("Extension %(user)s is also in line %(first)d: a shared line")
                remarks.note("extension", message, user=line.user[:80], first=first)

    def compare_mac(self, number: int, mac: str, model: Model | None, remarks: Remarks) -> None:
        first = self.macs.setdefault(mac, number)
        if first != number:
            message = N_("The MAC address %(mac)s is already in line %(first)d")
            remarks.refuse("mac", message, mac=mac, first=first)
        vendor = self.registry.vendor_of(mac)
        if vendor is None:
            remarks.note("mac", N_("No maker is known for the address %(mac)s"), mac=mac)
        elif model and model.vendor.key != vendor.key:
            remarks.refuse(
                "model",
                N_("The MAC address is one of %(vendor)s, but the model is %(model)s"),
                vendor=vendor.name,
                model=model.name,
            )


def picked(values: list[str], places: Mapping[str, int], field: str) -> str:
    column = places.get(field)
    return "" if column is None else values[column]


def compare_lines(model: Model, lines: tuple[SheetLine, ...], remarks: Remarks) -> None:
    if lines[-1].number > model.lines:
        remarks.refuse(
            "model",
            N_("%(model)s has %(lines)d lines: there is no line %(number)d"),
            model=model.name,
            lines=model.lines,
            number=lines[-1].number,
        )
    one_server = model.vendor.families[model.family].one_server
    if one_server and len({line.server.lower() for line in lines}) > 1:
        message = N_("%(model)s registers all its lines at one SIP server")
        remarks.refuse("server", message, model=model.name)


def unknown_model(name: str, registry: Registry) -> Reason:
    names = {known.name.lower(): known.name for known in registry.models.values()}
    names |= {n.partition(" ")[2]: names[n] for n in list(names)}
    near = difflib.get_close_matches(name.lower(), names, n=3)
    if near:
        message = N_("The model “%(model)s” is unknown. Perhaps %(near)s?")
        found = ", ".join(dict.fromkeys(names[n] for n in near))
        return Reason(message, {"model": name[:40], "near": found}, "model")
    return Reason(N_("The model “%(model)s” is unknown"), {"model": name[:40]}, "model")
