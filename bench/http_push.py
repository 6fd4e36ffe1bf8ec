"""Push a configuration by the web pages to 1,000 doubles of Fanvil phones, at a set pace.

    python -m bench.http_push [--phones 1000]

The doubles are one process with an HTTPS port for each phone. The pace is what a site's line was
said to bear: neither more, nor much less; and what one push needs must be free after it.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE, Popen

from bench.figures import Figure
from provisioning.registry import registry
from provisioning.transports.push import Peer, Pushed, http_push
from provisioning.transports.sip_exchange import Target
from provisioning.transports.sip_pace import Pace

PHONES = 1000
PACE = 50.0  # a second
AT_A_TIME = 50
DOUBLE = Path(__file__).parents[1] / "tests/doubles/fanvil_phone.py"
PASSWORD = "of-the-bench"  # noqa: S105 - of doubles that live as long as the bench
BODY = b"<sysConf>" + b"x" * 20_000 + b"</sysConf>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=PHONES)
    found = [asdict(figure) for figure in measure(parser.parse_args().phones)]
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def measure(phones: int = PHONES) -> list[Figure]:
    command = [sys.executable, str(DOUBLE), "--tls", "--quiet", "--password", PASSWORD]
    with Popen([*command, "--count", str(phones)], stdout=PIPE, text=True) as process:
        try:
            ports = json.loads(process.stdout.readline())["ports"] if process.stdout else []
            run(ports[: phones // 5])  # threads, contexts, modules: what is needed once
            before = memory()
            seconds, done = run(ports)
            after = memory()
        finally:
            process.kill()
    pace = (phones - 1) / seconds
    taken = sum(one.success for one in done)
    slowest = max(one.milliseconds for one in done)
    note = f"{pace:.1f} of {PACE:g} pushes/s, the slowest took {slowest} ms"
    kept = f"{before >> 10} MB, then {after >> 10} MB"
    return [
        Figure("HTTP push: the pace / the pace that was set", pace / PACE, 0.95, note=note),
        Figure("HTTP push: the same, at most", pace / PACE, 1.02, at_most=True),
        Figure("HTTP push: part of the phones that took their file", taken / phones, 1.0),
        Figure("HTTP push: memory after / before", after / before, 1.05, at_most=True, note=kept),
    ]


def run(ports: Sequence[int]) -> tuple[float, list[Pushed]]:
    """Return the seconds from the first push's start to the last one's, and what came of each."""
    begin = time.monotonic()
    pace = Pace((Target("127.0.0.1", port=port) for port in ports), PACE, 0, begin)
    found: list[Future[Pushed]] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while (due := pace.due()) is not None:
            time.sleep(max(0.0, due - time.monotonic()))
            if target := pace.take(time.monotonic()):
                found.append(pool.submit(push, target.port))
        last = time.monotonic()
        return last - begin, [one.result() for one in found]


def push(port: int) -> Pushed:
    model = registry().model("fanvil-x1sg")
    way = next(way for way in model.vendor.resync if way.method == "http-push")
    peer = Peer("127.0.0.1", "0c383e000001", model.key, "admin", PASSWORD, port=port)
    return http_push(peer, way, body=BODY, url="http://192.0.2.10/p/key/")


def memory() -> int:
    """Return the kB this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
