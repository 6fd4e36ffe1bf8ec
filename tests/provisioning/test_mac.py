"""MAC addresses in the notations people and phones use."""

import pytest

from provisioning.errors import MacError
from provisioning.mac import format_mac, normalise_mac


@pytest.mark.parametrize(
    "text",
    [
        "0c383e000001",
        "0C383E000001",
        "0C:38:3E:00:00:01",
        "0c-38-3e-00-00-01",
        "0c38.3e00.0001",
        " 0C 38 3E 00 00 01 ",
    ],
)
def test_every_notation_becomes_one(text):
    assert normalise_mac(text) == "0c383e000001"


@pytest.mark.parametrize(
    "text", ["", "../x", "0c383e00000", "0c383e0000011", "0c383e00000g", "٠" * 12]
)
def test_it_refuses_what_is_no_mac(text):
    with pytest.raises(MacError):
        normalise_mac(text)


def test_it_is_shown_with_colons():
    assert format_mac("0c383e000001") == "0c:38:3e:00:00:01"
