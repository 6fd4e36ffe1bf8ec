"""What a sheet is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioning.model import Key


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text. `rows` are (line number as a person sees it, cells), blank lines left out."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...] = field(repr=False)
    encoding: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is refused, or what was noted. `message` is the untranslated template."""

    message: str
    params: Mapping[str, object]
    field: str

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One SIP account; "" where the sheet is silent. `server` may end in ":port"."""

    number: int
    user: str
    password: str = field(repr=False)
    auth_user: str = ""
    display_name: str = ""
    label: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One phone. `model` is a registry key or ""; `raw` is the line as it stood in the file."""

    number: int
    mac: str
    model: str
    site: str
    profile: str
    label: str
    lines: tuple[SheetLine, ...]
    reasons: tuple[Reason, ...]
    notes: tuple[Reason, ...]
    raw: tuple[str, ...] = field(repr=False)
    places: Mapping[str, int] = field(repr=False)
    keys: tuple[Key, ...] = ()

    @property
    def cells(self) -> dict[str, str]:
        """Return the raw values by field: "mac", "extension", "password2"."""
        return {name: self.raw[c] for name, c in self.places.items() if c < len(self.raw)}

    @property
    def ok(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Sheet:
    rows: tuple[Row, ...]
    unknown_columns: tuple[str, ...]
    encoding: str
    delimiter: str
    header: tuple[str, ...]
