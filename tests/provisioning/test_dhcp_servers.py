"""What we tell people to paste, in real DHCP servers, asked by clients that say what they are."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioning.dhcp import configuration
from provisioning.registry import registry
from tests.daemons import DIE_WITH_ME, need, path_of
from tests.provisioning.transports.test_sip_networks import inside, ip, may_have_networks, started

ROOT = Path(__file__).parents[2]
DOUBLE = ROOT / "tests/doubles/dhcp_client.py"
URL = "http://10.0.0.5:8000/p/Ab-9_x\\y\"z,'/"
STRANGER = "020000000001"
STAY = ("sh", "-c", "echo ready; exec sleep 300")


def dnsmasq(folder):
    need("dnsmasq")
    (folder / "conf").write_text(
        "port=0\ninterface=wire\nbind-interfaces\nno-ping\nno-resolv\nno-hosts\nuser=root\n"
        f"dhcp-range=10.9.0.50,10.9.0.200,1h\ndhcp-leasefile={folder}/leases\npid-file=\n"
        + configuration("dnsmasq", URL, "Lisbon\nport=53")
    )
    return [path_of("dnsmasq"), "--no-daemon", f"--conf-file={folder}/conf"]


def isc(folder):
    need("dhcpd")
    (folder / "conf").write_text(
        "ping-check false;\nauthoritative;\n"
        "subnet 10.9.0.0 netmask 255.255.255.0 { range 10.9.0.50 10.9.0.200; }\n"
        + configuration("isc", URL, "Lisbon\n}")
    )
    (folder / "leases").touch()
    names = ["-cf", f"{folder}/conf", "-lf", f"{folder}/leases", "-pf", f"{folder}/pid"]
    return [path_of("dhcpd"), "-4", "-f", "-d", "--no-pid", *names, "wire"]


def kea(folder):
    need("kea-dhcp4")
    text = configuration("kea", URL, "Lisbon\n}")
    ours = json.loads(text.partition("\n")[2])
    subnet = {"id": 1, "subnet": "10.9.0.0/24", "pools": [{"pool": "10.9.0.50-10.9.0.200"}]}
    own = {
        "interfaces-config": {"interfaces": ["wire"], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": False},
        "subnet4": [subnet],
    }
    file = folder / "conf"
    file.write_text(text.partition("\n")[0] + "\n" + json.dumps({"Dhcp4": own | ours}))
    return [*kea_environment(folder), path_of("kea-dhcp4"), "-c", str(file)]


def kea_environment(folder):
    names = ("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_LOGGER_DESTINATION")
    values = (str(folder), str(folder), "stdout")
    return ["env", *(f"{name}={value}" for name, value in zip(names, values, strict=True))]


@contextlib.contextmanager
def network(command, folder):
    """A DHCP server on one end of a wire; yield how to ask it from the other end."""
    with contextlib.ExitStack() as stack:
        desk = stack.enter_context(started("unshare", "--net", *STAY))
        place = stack.enter_context(started("unshare", "--net", *STAY))
        ip(desk, "link set lo up", f"link add wire type veth peer name wire netns {place.pid}")
        ip(desk, "address add 10.9.0.1/24 dev wire", "link set wire up")
        ip(place, "address add 10.9.0.2/24 dev wire", "link set wire up")
        time.sleep(0.2)
        log = stack.enter_context((folder / "log").open("w"))
        words = [*DIE_WITH_ME, *inside(desk), *command]
        server = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
        stack.callback(server.wait)
        stack.callback(server.kill)

        def ask(mac, vendor_class="", wait=20):
            assert server.poll() is None, (folder / "log").read_text()
            asked = [*inside(place), sys.executable, str(DOUBLE), "--interface", "wire"]
            asked += ["--mac", mac, "--vendor-class", vendor_class, "--wait", str(wait)]
            done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
            found = json.loads(done.stdout)
            assert found, (folder / "log").read_text()
            # dnsmasq ends option 66 with a NUL, which phones leave out (RFC 2132, 2: they must).
            return {int(code): bytes.fromhex(value).rstrip(b"\0") for code, value in found.items()}

        yield ask


def told(vendor, server):
    """Kea makes numbers of option 159; whoever wants it takes 160 as well."""
    value = vendor.dhcp.value.replace("{url}", URL).encode()
    found = dict.fromkeys(vendor.dhcp.options, value)
    if server is kea:
        found.pop(159, None)
    assert found
    return found


@pytest.mark.parametrize("server", [dnsmasq, isc, kea])
def test_phones_of_every_vendor_are_told_their_own_and_others_nothing(server, tmp_path):
    if not may_have_networks():
        pytest.skip("needs the right to network namespaces")
    ours = (43, 66, 114, 159, 160)
    with network(server(tmp_path), tmp_path) as ask:
        for number, vendor in enumerate(registry().vendors.values()):
            by_mac = ask(f"{vendor.ouis[0]}{number:06x}")
            assert {code: by_mac[code] for code in ours if code in by_mac} == told(
                vendor, server
            ), vendor
            for word in vendor.dhcp.classes:
                by_class = ask(f"0200000001{number:02x}", f"{word} 1.2")
                got = {code: by_class[code] for code in ours if code in by_class}
                assert got == told(vendor, server), (vendor, word)
        assert not set(ours) & set(ask(STRANGER, "MSFT 5.0"))
