"""`belldesk-agent enrol CODE`, `run`, `once`, `service`: what a person or a unit starts."""

from __future__ import annotations

import argparse
import json
import logging
import logging.handlers
import pkgutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from agent import __version__, client, service, survey
from agent.enrol import enrol
from agent.errors import AgentError
from agent.loop import Loop
from agent.state import State, default_folder

BUILT = "built.json"  # what `belldesk agent build` puts beside this file
LONGEST_LOG = 500_000


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    try:
        state = State(chosen.state)
        write_log(state.folder)
        return int(chosen.do(chosen, state))
    except (AgentError, OSError) as error:
        logging.getLogger("agent").error("%s", error)
        say(f"belldesk-agent: {error}", sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("belldesk-agent", description="The Belldesk agent.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--state", type=Path, default=default_folder(), help="its folder: %(default)s")
    verbs = top.add_subparsers(required=True, metavar="enrol | run | once | service")
    one = verbs.add_parser("enrol", help="bring this computer in with a code of the desk")
    one.add_argument("words", nargs="+", metavar="[URL] CODE")
    one.add_argument("--again", action="store_true", help="although it is enrolled already")
    one.add_argument("--certificate", default="", help="SHA-256 of the desk's certificate")
    one.set_defaults(do=do_enrol)
    verbs.add_parser("run", help="report until stopped").set_defaults(do=do_run)
    one = verbs.add_parser("once", help="report once")
    one.add_argument("--print", action="store_true", dest="shows", help="show it, send nothing")
    one.set_defaults(do=do_once)
    one = verbs.add_parser("service", help="print what starts it by itself on this computer")
    one.add_argument("--user", action="store_true", help="for this account, not for the system")
    one.set_defaults(do=do_service)
    return top


def do_enrol(chosen: argparse.Namespace, state: State) -> int:
    built, words = built_in(), list(chosen.words)
    url = words.pop(0) if "://" in words[0] else str(built.get("url", ""))
    if not url or not words:
        raise AgentError("Say the desk's address and a code: enrol https://desk.example.net CODE")
    pinned = chosen.certificate or (built.get("certificate", "") if url == built.get("url") else "")
    result = enrol(state, url, "".join(words), pinned.replace(":", ""), survey.full(), chosen.again)
    if result == "review":
        say("Enrolled. The desk knows this computer already: somebody there must accept it.")
    else:
        say("Enrolled. Start it with: run")
    return 0


def do_run(_chosen: argparse.Namespace, state: State) -> int:
    loop = loop_of(state)

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    loop.run()
    return 0


def do_once(chosen: argparse.Namespace, state: State) -> int:
    if chosen.shows:
        url = state.agent().get("url") or built_in().get("url") or "http://127.0.0.1"
        _, host, port = client.split(url)
        shown = {"beat": survey.beat(host, port), "facts": survey.full()}
        say(json.dumps(shown, indent=2, ensure_ascii=False))
        return 0
    loop = loop_of(state)
    loop.turn()
    loop.stop()
    loop.commands.stop()
    return 1 if loop.is_offline else 0


def do_service(chosen: argparse.Namespace, _state: State) -> int:
    told = [] if chosen.state == default_folder() else ["--state", str(chosen.state.resolve())]
    words = [service.this_file(), *told, "run"]
    say(service.text(sys.platform, sys.executable, words, chosen.user).rstrip())
    return 0


def loop_of(state: State) -> Loop:
    if not state.agent():
        raise AgentError("This computer is not enrolled. Get a code from the desk: enrol CODE")
    state.lock()
    return Loop(state)


def built_in() -> dict[str, Any]:
    try:
        values = json.loads(pkgutil.get_data("agent", BUILT) or b"{}")
    except OSError:
        return {}
    return values if isinstance(values, dict) else {}


def write_log(folder: Path) -> None:
    """Beside the state, and to whoever started it; a program without a window has no stderr."""
    log = logging.getLogger("agent")
    log.setLevel(logging.INFO)
    file = logging.handlers.RotatingFileHandler(
        folder / "agent.log", maxBytes=LONGEST_LOG, backupCount=1, encoding="utf-8", delay=True
    )
    handlers: list[logging.Handler] = [file]
    if sys.stderr is not None:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers = handlers


def say(text: str, where: Any = None) -> None:
    where = where or sys.stdout
    if where is not None:
        where.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
