"""bench.tftp as a part of `make bench`: it may have to start itself again, so it has a process."""

import json
import subprocess
import sys
from typing import Any

from bench.figures import Figure, MissingError

LIMITS = {"tftpd-hpa": 3.0, "dnsmasq": 0.5}
DOOR = "the door"


def measure() -> list[Figure]:
    command = [sys.executable, "-m", "bench.tftp"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError("bench.tftp did not end well, see above") from None
    if len(result["skipped"]) == len(LIMITS):
        raise MissingError("; ".join(result["skipped"]))
    for reason in result["skipped"]:
        sys.stdout.write(f"  skipped: {reason}\n")
    return figures(result["cases"])


def figures(cases: list[dict[str, Any]]) -> list[Figure]:
    found = [against(case, peer) for case in cases for peer in LIMITS if peer in case["ratios"]]
    failed = sum(case["figures"][DOOR]["failed"] for case in cases)
    return [*found, Figure("TFTP: failed transfers", failed, 0, at_most=True)]


def against(case: dict[str, Any], peer: str) -> Figure:
    ours, theirs = case["figures"][DOOR], case["figures"][peer]
    rates = f"{ours['rate']:,.0f} to {theirs['rate']:,.0f} transfers/s"
    cpu = f"CPU {ours['server_cpu_us']:.0f} to {theirs['server_cpu_us']:.0f} us"
    name = f"TFTP: the door / {peer}, {case['clients']} clients, blksize {case['blksize']}"
    note = f"{rates}, {cpu}"
    return Figure(name, case["ratios"][peer], LIMITS[peer], note=note, detail=case["figures"])
