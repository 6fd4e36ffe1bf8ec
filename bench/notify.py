"""Send one NOTIFY to each of 5,000 doubles of phones on loopback, with pacing off.

    python -m bench.notify [--phones 5000]

The doubles are one process with a UDP port for each phone. There is no peer to compare with: the
figure is what a desk must reach, and every answer must have been matched to its own phone.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.figures import Figure
from provisioning.transports.sip_notify import Notifier, Outcome, Target

PHONES = 5000
TARGET = 1500  # a second
TURNS = 3
DOUBLE = Path(__file__).parents[1] / "tests/doubles/sip_phone.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=PHONES)
    found = [asdict(figure) for figure in measure(parser.parse_args().phones)]
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def measure(phones: int = PHONES) -> list[Figure]:
    with doubles(phones) as ports:
        turns = [turn(ports) for _ in range(TURNS)]
    # The middle one: the first may meet a cold machine, and one lost packet costs half a second.
    seconds, _, tries = sorted(turns)[TURNS // 2]
    speed = phones / seconds
    worst = min(matched for _, matched, _ in turns)
    note = f"{phones} phones in {seconds:.2f} s, {tries - phones} sent again"
    detail = {"seconds": [seconds for seconds, _, _ in turns], "tries": [t for *_, t in turns]}
    return [
        Figure("NOTIFY: phones a second", speed, TARGET, note=note, detail=detail),
        Figure("NOTIFY: answers matched to their phone", worst / phones, 1.0),
    ]


def turn(ports: Sequence[int]) -> tuple[float, int, int]:
    """Return seconds, phones whose own answer was matched, and NOTIFYs sent."""
    targets = [Target("127.0.0.1", port=port, user=f"{port}", key=port) for port in ports]
    start = time.perf_counter()
    outcomes = Notifier().run(targets)
    seconds = time.perf_counter() - start
    matched = {outcome.target.key for outcome in outcomes if is_own(outcome)}
    return seconds, len(matched), sum(outcome.tries for outcome in outcomes)


def is_own(outcome: Outcome) -> bool:
    """Tell by the port that the double puts into its answer's reason."""
    return outcome.code == 200 and outcome.reason == f"OK {outcome.target.port}"


@contextmanager
def doubles(phones: int) -> Iterator[list[int]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < phones + 64:
        raise RuntimeError(
            f"{phones} doubles need that many open files; this machine allows {hard}"
        )
    command = [sys.executable, str(DOUBLE), "signed", "--quiet", "--count", str(phones)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())["ports"] if process.stdout else []
        finally:
            process.kill()


if __name__ == "__main__":
    main()
