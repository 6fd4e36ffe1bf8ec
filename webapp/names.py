"""What a user may be called."""

import unicodedata

from flask_babel import gettext as _

LONGEST = 50


def normal(name: str) -> str:
    """One spelling for what looks the same: é is one character, however it was typed."""
    return unicodedata.normalize("NFC", name or "").strip()


def weakness(name: str) -> str:
    """Say what is wrong with a new user's name; "" when it will do."""
    if not name:
        return str(_("A name is needed"))
    if len(name) > LONGEST:
        return str(_("The name may have at most %(count)d characters", count=LONGEST))
    if any(c.isspace() for c in name):
        return str(_("The name must not contain blanks"))
    if not name.isprintable():
        return str(_("The name contains a character that cannot be seen"))
    return ""
