"""An uploaded list of phones: bytes -> table -> rows, each good or with its reasons."""

from provisioning.sheet.check import check
from provisioning.sheet.header import TEMPLATE
from provisioning.sheet.reader import read
from provisioning.sheet.refusals import refusals_sheet
from provisioning.sheet.rows import Reason, Row, Sheet, SheetLine, Table

__all__ = [
    "TEMPLATE",
    "Reason",
    "Row",
    "Sheet",
    "SheetLine",
    "Table",
    "check",
    "read",
    "refusals_sheet",
]
