"""A spreadsheet runs a cell that begins like a formula; an apostrophe before it makes it text.

Source: OWASP, CSV injection.
"""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(cell: str) -> str:
    """Guard a cell. One that looks guarded gets one more, so that original() gives it back."""
    return "'" + cell if cell.lstrip(" '\u00a0").startswith(FORMULA) else cell


def original(cell: str) -> str:
    """Undo harmless()."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell
