"""100,000 computers report: the agents' door, and the same door that keeps nothing of it.

Every message is signed, of another computer, and checked; both servers are asked by turns.
"""

import json
import logging
import re
import secrets
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from sqlite3 import connect
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select

from bench.figures import Figure, need
from bench.http import CONNECTIONS, SECONDS, Load, gunicorn, read_wrk
from bench.installation import Installation
from webapp import create_app
from webapp.audit import acting_as
from webapp.config import Config, new_key
from webapp.database import migrate_database
from webapp.doors.agent_keys import request_mac
from webapp.extensions import db
from webapp.models import Agent, Company, Computer, Site

COMPUTERS = 100_000
ROUNDS = 3
MESSAGES = 30_000  # of a round: more than a server takes in its seconds
PATH = "/agent/v1/report"
TROUBLE: list[str] = []  # what wrk said of it

SCRIPT = """
local requests, at, count = {}, 0, 0
function setup(thread) count = count + 1; thread:set("number", count) end
function init(args)
  local line_number = 0
  for line in io.lines(args[1]) do
    line_number = line_number + 1
    if line_number % 2 == number - 1 then
      local agent, time, nonce, mac, body = line:match("(%S+) (%S+) (%S+) (%S+) (.+)")
      local headers = {["Host"] = "desk", ["Belldesk-Agent"] = agent, ["Belldesk-Time"] = time}
      headers["Belldesk-Nonce"], headers["Belldesk-Mac"] = nonce, mac
      requests[#requests + 1] = wrk.format("POST", "PATH", headers, body)
    end
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
""".replace("PATH", PATH)


def measure() -> list[Figure]:
    need("wrk")
    with TemporaryDirectory(prefix="belldesk-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        agents = fill(folder)
        desk = Installation(folder, "", {})
        ports = {
            "kept": stack.enter_context(gunicorn(desk, "bench.agents_door:kept"))[1],
            "not kept": stack.enter_context(gunicorn(desk, "bench.agents_door:not_kept"))[1],
        }
        loads: dict[str, list[Load]] = {which: [] for which in ports}
        for number in range(ROUNDS):
            for which, port in ports.items():
                messages = write_messages(folder, agents, number)
                loads[which].append(wrk(folder, port, messages))
                time.sleep(2)
        stored = heard(folder, sum(load.requests for load in loads["kept"]))
    return figures(loads, stored)


def fill(folder: Path) -> list[tuple[str, bytes]]:
    """Enrol them without the door; return key and secret of each."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    key = new_key()
    (folder / "keys").write_text(key)
    config = Config(instance=folder, env="test", secret_key=new_key(), keys=(key,))
    with create_app(config).app_context(), acting_as("bench"):
        migrate_database()
        site = Site(company=Company(name="Bench"), name="Bench")
        site.new_key()
        db.session.add(site)
        db.session.flush()
        names = [
            {"name": f"PC-{n}", "serial": f"S{n}", "site_id": site.id} for n in range(COMPUTERS)
        ]
        db.session.execute(insert(Computer), names)
        made = [(f"{n:026}", secrets.token_bytes(32)) for n in range(COMPUTERS)]
        ids = db.session.scalars(select(Computer.id).order_by(Computer.id)).all()
        rows = [
            {"key": name, "secret": secret.hex(), "computer_id": number}
            for (name, secret), number in zip(made, ids, strict=True)
        ]
        db.session.execute(insert(Agent), rows)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return made


def write_messages(folder: Path, agents: list[tuple[str, bytes]], number: int) -> Path:
    """One message of each of some computers; a round later they are others."""
    file = folder / "messages.txt"
    start = number * MESSAGES % COMPUTERS
    with file.open("w") as lines:
        for place, (name, secret) in enumerate(agents[start : start + MESSAGES]):
            body, at, nonce = body_of(place), f"{time.time():.3f}", secrets.token_hex(16)
            mac = request_mac(secret, "POST", PATH, at, nonce, body.encode())
            lines.write(f"{name} {at} {nonce} {mac} {body}\n")
    return file


def body_of(place: int) -> str:
    address = {"address": f"10.{place >> 16}.{place >> 8 & 255}.{place & 255}", "reaches": True}
    person = {"domain": "ACME", "name": f"person{place % 5000}", "kind": "console", "since": None}
    beat = {"addresses": [address], "accounts": [person], "booted_at": None, "locked": False}
    beat["cpu"], beat["memory"] = 3.5, {"total": 17_179_869_184, "used": 6_442_450_944}
    message = {"v": 1, "seq": 1, "boot": "0123456789abcdef", "beat": beat, "facts_sha256": ""}
    return json.dumps(message, separators=(",", ":"))


def wrk(folder: Path, port: int, messages: Path) -> Load:
    script = folder / "reports.lua"
    script.write_text(SCRIPT)
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}", "--", str(messages)],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS + 60,
    )
    TROUBLE.extend(re.findall(r"Socket errors.*|Non-2xx.*", done.stdout))
    return read_wrk(done.stdout)


def heard(folder: Path, wanted: int) -> int:
    """Wait until what was said is stored, and count it: the last batches come after the load."""
    query, found = "SELECT count(*) FROM computers WHERE reported_at IS NOT NULL", 0
    for _ in range(60):
        with connect(folder / "belldesk.sqlite3") as connection:
            found = int(connection.execute(query).fetchone()[0])
        if found >= wanted:
            break
        time.sleep(1)
    return found


def figures(loads: dict[str, list[Load]], stored: int) -> list[Figure]:
    rates = {which: median(load.rate for load in runs) for which, runs in loads.items()}
    failed = sum(load.failed for runs in loads.values() for load in runs)
    said = sum(load.requests for load in loads["kept"])
    note = f"{rates['kept']:,.0f} to {rates['not kept']:,.0f} reports/s"
    return [
        Figure("Agents: the door / itself, keeping nothing", rates["kept"] / rates["not kept"],
               0.5, note=note),
        Figure("Agents: reports a second (first ones, of computers never heard)", rates["kept"]),
        Figure("Agents: refused or failed", failed, 0, at_most=True, note="; ".join(TROUBLE)),
        Figure("Agents: part of the reports that is stored within a minute", stored / said, 0.97),
    ]  # fmt: skip
