import pytest

from provisioning.networks import inside, is_at, parsed, place


def test_the_narrowest_network_is_told():
    assert str(inside("10.1.2.3", "0.0.0.0/0 10.1.0.0/16 10.0.0.0/8")) == "10.1.0.0/16"
    assert inside("10.1.2.3", "") is None


def test_a_network_that_cannot_be_read_hinders_no_other():
    assert [str(network) for network in parsed("rubbish, 10.0.0.1/8 300.0.0.0/8")] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_address_is_at_its_place(address, network):
    assert place(address, "") == network
    assert is_at(address, network)


@pytest.mark.parametrize(
    "address", ["192.0.3.77", "192.0.2.", "192.0.2.x", "192.0.2.²", "192.0.2", "", "2001:db8::1"]
)
def test_what_is_elsewhere_is_not_at_a_place(address):
    assert not is_at(address, "192.0.2.0/24")


def test_a_place_is_as_narrow_as_the_sites_network():
    assert place("192.0.2.77", "192.0.2.64/26 192.0.0.0/16") == "192.0.2.64/26"
    assert place("192.0.2.177", "192.0.2.64/26 192.0.0.0/16") == "192.0.2.0/24"
