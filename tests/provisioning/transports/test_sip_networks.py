"""SIP PnP over real multicast: a desk with many interfaces, and phones on two of its networks."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from tests.daemons import DIE_WITH_ME

ROOT = Path(__file__).parents[3]
DOUBLE = ROOT / "tests/doubles/pnp_phone.py"
DESK = """
from provisioning.transports.sip_pnp import Responder
responder = Responder(lambda asked: f"http://desk/{asked.address}/{asked.mac}.cfg", rescan=0.2)
print("ready", flush=True)
responder.serve()
"""
OTHERS = 12  # pairs of other interfaces: more than the 20 that one socket may join
NETWORKS = (1, 2)


def may_have_networks():
    """Whether this user may have network namespaces of its own, as root usually may."""
    command = [
        "unshare",
        "--net",
        "ip",
        "link",
        "add",
        "one",
        "type",
        "veth",
        "peer",
        "name",
        "two",
    ]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def inside(process):
    return ["nsenter", f"--target={process.pid}", "--net"]


def ip(process, *lines):
    text = "\n".join(lines)
    subprocess.run([*inside(process), "ip", "-batch", "-"], input=text, text=True, check=True)


@contextlib.contextmanager
def started(*command):
    words = [*DIE_WITH_ME, *command]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def desk_and_phones():
    """Yield how to run a command where the phones are, and the desk's and the phones' addresses.

    Where namespaces are not allowed the one network is loopback, which carries multicast too.
    """
    server = [sys.executable, "-c", DESK]
    if not may_have_networks():
        with started(*server):
            yield [], [("127.0.0.1", "127.0.0.1")]
        return
    with (
        started("unshare", "--net", *server) as desk,
        started("unshare", "--net", "sh", "-c", "echo ready; exec sleep 60") as place,
    ):
        ip(desk, *[f"link add a{n} type veth peer name b{n}" for n in range(OTHERS)])
        time.sleep(0.5)  # these are joined first, and fill the first socket
        for n in NETWORKS:
            ip(desk, f"link add desk{n} type veth peer name phone{n} netns {place.pid}")
            ip(desk, f"address add 10.9.{n}.1/24 dev desk{n}", f"link set desk{n} up")
            ip(place, f"address add 10.9.{n}.2/24 dev phone{n}", f"link set phone{n} up")
        yield inside(place), [(f"10.9.{n}.1", f"10.9.{n}.2") for n in NETWORKS]


def test_phones_of_every_network_get_their_url_from_the_desks_address_there():
    with desk_and_phones() as (where, addresses):
        for desk, phone in addresses:
            command = [*where, sys.executable, str(DOUBLE), "--host", phone]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            assert json.loads(done.stdout) == {
                "url": f"http://desk/{phone}/001565abcdef.cfg",
                "from": desk,
            }
