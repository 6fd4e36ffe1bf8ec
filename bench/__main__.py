"""Measure against the peers that are installed here: `make bench`, `make bench ARGS="http"`.

Everything runs on 127.0.0.1 and ends by itself. Machines differ and are noisy, so a figure is a
ratio to a peer in the same run; the absolute numbers are in the JSON beside it.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.figures import Figure, MissingError

PARTS = {
    "http": "bench.http",
    "tftp": "bench.tftp_figures",
    "render": "bench.render",
    "notify": "bench.notify",
    "ssh": "bench.ssh",
    "http_push": "bench.http_push",
    "agents": "bench.agents",
}
LINE = "{:<58} {:>9} {:>10}  {}"


def main() -> int:
    arguments = parse()
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    for part in arguments.parts or PARTS:
        say(f"{part} …")
        try:
            figures += import_module(PARTS[part]).measure()
        except MissingError as reason:
            skipped[part] = str(reason)
    show(figures, skipped)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report(figures, skipped), indent=2) + "\n")
    say(f"\n{arguments.json}")
    return 0 if all(figure.passed for figure in figures) else 1


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; all if none")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return arguments


def show(figures: list[Figure], skipped: dict[str, str]) -> None:
    say("\n" + LINE.format("figure", "measured", "wanted", ""))
    for figure in figures:
        wanted = ""
        if figure.limit is not None:
            wanted = f"{'<=' if figure.at_most else '>='} {figure.limit:g}"
        verdict = "" if figure.limit is None else "pass" if figure.passed else "FAIL"
        words = f"{verdict:4}  {figure.note}".rstrip()
        say(LINE.format(figure.name, f"{figure.value:.2f}", wanted, words))
    for part, reason in skipped.items():
        say(f"{part}: skipped, {reason}")


def report(figures: list[Figure], skipped: dict[str, str]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "figures": [asdict(figure) | {"passed": figure.passed} for figure in figures],
        "skipped": skipped,
    }


if __name__ == "__main__":
    sys.exit(main())
