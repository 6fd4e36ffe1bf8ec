"""10,000 phones fetch their own files: our door, the same through the ORM, and nginx."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from statistics import median

from bench.figures import Figure, find, need
from bench.installation import FIRMWARE, Installation, installation

PHONES = 10_000
CONNECTIONS = 64
SECONDS = 4
ROUNDS = 3
WARM_UP = 200
ROOT = Path(__file__).parent.parent

SCRIPT = """
local requests, at = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    local path, mac = line:match("(%S+) (%S+)")
    local headers = {["Host"] = "desk", ["User-Agent"] = "Fanvil X1SG FIRMWARE " .. mac}
    if args[2] == "close" then headers["Connection"] = "close" end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 100000)
  at = math.random(#requests)
end
function request()
  at = at % #requests + 1
  return requests[at]
end
""".replace("FIRMWARE", FIRMWARE)

NGINX = """
daemon off; master_process on; worker_processes 2; pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit; user {user};
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  default_type text/xml; root {folder}/static;
  server {{ listen 127.0.0.1:{plain}; }}
  server {{
    listen 127.0.0.1:{tls} ssl; ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off; ssl_session_tickets off;
  }}
}}
"""


@dataclass(frozen=True)
class Load:
    rate: float
    failed: int
    requests: int
    p99: str


@dataclass(frozen=True)
class Peer:
    name: str
    url: str
    how: str = "keep"


def measure() -> list[Figure]:
    need("wrk", "nginx", "openssl")
    with installation(PHONES) as desk, ExitStack() as stack:
        script, paths = write_load(desk)
        door, door_port = stack.enter_context(gunicorn(desk, "wsgi:app"))
        _, orm_port = stack.enter_context(gunicorn(desk, "bench.orm:app"))
        plain, tls = stack.enter_context(nginx(desk))
        peers = (
            Peer("door", f"http://127.0.0.1:{door_port}"),
            Peer("orm", f"http://127.0.0.1:{orm_port}"),
            Peer("nginx keep-alive", f"http://127.0.0.1:{plain}"),
            Peer("nginx TLS, new connections", f"https://127.0.0.1:{tls}", "close"),
        )
        warm_up(desk, door_port)
        before = resident(door)
        loads = rounds(peers, lambda peer: wrk(peer, script, paths))
        after = resident(door)
        logged = count_logged(desk, loads)
    return figures(loads, before, after, logged)


def write_load(desk: Installation) -> tuple[Path, Path]:
    script, paths = desk.folder / "load.lua", desk.folder / "paths.txt"
    script.write_text(SCRIPT)
    paths.write_text("".join(f"{desk.path(mac)} {mac}\n" for mac in desk.bodies))
    return script, paths


def rounds(peers: tuple[Peer, ...], run: Callable[[Peer], Load]) -> dict[str, list[Load]]:
    """Take turns, so that a noisy minute of the machine meets all peers alike."""
    loads: dict[str, list[Load]] = {peer.name: [] for peer in peers}
    for _ in range(ROUNDS):
        for peer in peers:
            loads[peer.name].append(run(peer))
            time.sleep(1)  # what the last one left to write is not the next one's load
    return loads


def wrk(peer: Peer, script: Path, paths: Path) -> Load:
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script)]
    done = subprocess.run(
        [*command, peer.url, "--", str(paths), peer.how],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS + 60,
    )
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Load:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    failed = sum(map(int, errors.groups())) if errors else 0
    p99 = re.search(r"99%\s+(\S+)", text)
    return Load(
        rate=number(r"Requests/sec:\s+([\d.]+)"),
        failed=failed + int(number(r"Non-2xx or 3xx responses: (\d+)")),
        requests=int(number(r"(\d+) requests in")),
        p99=p99[1] if p99 else "",
    )


@contextmanager
def gunicorn(desk: Installation, application: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "-k", "gthread", "-w", "2"]
    command += ["--threads", "8", "--keep-alive", "75", "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    with program(command, port, desk.environment) as process:
        yield process.pid, port


@contextmanager
def nginx(desk: Installation) -> Iterator[tuple[int, int]]:
    folder = desk.folder
    static = folder / "static" / "p" / desk.key
    static.mkdir(parents=True)
    for mac, body in desk.bodies.items():
        (static / f"{mac}.cfg").write_bytes(body)
    certificate(folder)
    plain, tls = free_port(), free_port()
    user = "root" if os.geteuid() == 0 else "nobody"
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, user=user, plain=plain, tls=tls))
    command = [
        str(find("nginx")),
        "-e",
        f"{folder}/nginx.log",
        "-p",
        str(folder),
        "-c",
        str(config),
    ]
    with program(command, tls, dict(os.environ)):
        yield plain, tls


def certificate(folder: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    files = ["-subj", "/CN=127.0.0.1", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)


@contextmanager
def program(
    command: list[str], port: int, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def warm_up(desk: Installation, port: int) -> None:
    """Let every worker have imported and opened what it keeps, before memory is measured."""
    for mac in list(desk.bodies)[:WARM_UP]:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(f"GET {desk.path(mac)} HTTP/1.0\r\n\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b""))
            if not answer.endswith(desk.bodies[mac]):
                raise RuntimeError(f"the door answered {answer[:200]!r}")
    time.sleep(1)


def resident(master: int) -> float:
    """Return the MB of a server and its workers."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def count_logged(desk: Installation, loads: dict[str, list[Load]]) -> float:
    """Return what part of the door's and the ORM's requests is in the fetch log by now."""
    time.sleep(2)
    asked = WARM_UP + sum(load.requests for name in ("door", "orm") for load in loads[name])
    with connect(desk.folder / "belldesk.sqlite3") as connection:
        (rows,) = connection.execute("SELECT count(*) FROM fetches").fetchone()
    return float(rows) / asked


def figures(
    loads: dict[str, list[Load]], before: float, after: float, logged: float
) -> list[Figure]:
    rates = {name: median(load.rate for load in runs) for name, runs in loads.items()}
    door = rates["door"]
    detail = {
        name: {"requests/s": round(rates[name]), "p99": [load.p99 for load in runs]}
        for name, runs in loads.items()
    }

    def against(name: str, limit: float) -> Figure:
        note = f"{door:,.0f} to {rates[name]:,.0f} requests/s"
        return Figure(f"HTTP: the door / {name}", door / rates[name], limit, note=note)

    failed = sum(load.failed for load in loads["door"])
    return [
        against("orm", 3.0),
        against("nginx keep-alive", 0.08),
        against("nginx TLS, new connections", 1.0),
        Figure("HTTP: failed requests", failed, 0, at_most=True, detail=detail),
        Figure("HTTP: part of the fetches that is in the log", logged, 0.99),
        Figure(
            "Memory of the web processes after the storm / before",
            after / before,
            1.5,
            at_most=True,
            note=f"{before:.0f} MB, then {after:.0f} MB",
        ),
    ]
