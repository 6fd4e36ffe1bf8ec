"""What a phone's file cannot do, in words for whoever looks after the phone.

vendor.toml names them (`limits` of a family), so that they can be translated here.
"""

from provisioning.errors import N_

LIMITS = {
    "web-password": N_(
        "This phone keeps its factory web password: its file has no certain name for it. "
        "Change it by hand, on the phone or in its web page."
    ),
    "newer-file": N_(
        "Its newer firmware reads another file, which can do more: if a phone takes nothing of "
        "this one, choose the model with “(account)” in its name."
    ),
}
