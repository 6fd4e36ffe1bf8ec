"""What data cannot say: a password the phone does not accept leaves its factory one in force."""

import re

from provisioning.errors import N_, UnsafeValueError
from provisioning.model import Phone

# The web page of the X1S, X1SG, X3SG, X3U and X305 takes no symbols; one rule for all is safer.
ACCEPTED = re.compile(r"[A-Za-z0-9]{1,39}", re.ASCII)


def values(phone: Phone) -> dict[str, object]:
    for name in ("admin_password", "user_password", "menu_pin"):
        if not ACCEPTED.fullmatch(getattr(phone.secrets, name)):
            raise UnsafeValueError(
                N_("%(field)s: a Fanvil takes 1 to 39 letters and digits only"),
                field=f"secrets.{name}",
            )
    return {}
