"""Compare our TFTP door with tftpd-hpa and dnsmasq: same files, same clients, same two cores.

    python -m bench.tftp [--phones 10000] [--fetches 3000]

The door is as many `belldesk tftp` as `belldesk serve` starts. It looks each phone up in the
database, opens its sealed file and logs the fetch; the peers read the same bytes from a folder.
Prints JSON. Runs itself in a network namespace when port 69, which dnsmasq cannot be talked out of,
is taken.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.installation import Installation, installation
from webapp.cli.serve import tftp_processes

HOST = "127.0.0.1"
PHONES = 10_000
FETCHES = 3_000  # a load: each phone asks once
DOOR = "the door"
ROOT = Path(__file__).parent.parent
READY_WITHIN = 10.0
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    name: str
    command: list[str]
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    processes: int = 1


def write_files(folder: Path, desk: Installation) -> None:
    for mac, body in desk.bodies.items():
        (folder / f"{mac}.cfg").write_bytes(body)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def port_69_is_free() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((HOST, 69))
        except OSError:
            return False
        return True


def ours(desk: Installation) -> Contender:
    port = free_port()
    more = {"BELLDESK_TFTP_HOST": HOST, "BELLDESK_TFTP_PORT": str(port)}
    command = [sys.executable, "-m", "webapp.cli", "tftp"]
    return Contender(DOOR, command, port, desk.environment | more, tftp_processes())


def peers(folder: Path) -> tuple[list[Contender], list[str]]:
    found, skipped = [], []
    port = free_port()
    if program := shutil.which("in.tftpd", path=f"{os.environ['PATH']}:/usr/sbin"):
        listen = ["--foreground", "--listen", "--address", f"{HOST}:{port}", "--user", "root"]
        found.append(Contender("tftpd-hpa", [program, *listen, "--secure", str(folder)], port))
    else:
        skipped.append("tftpd-hpa: not installed")
    if not (program := shutil.which("dnsmasq", path=f"{os.environ['PATH']}:/usr/sbin")):
        skipped.append("dnsmasq: not installed")
    elif not port_69_is_free():
        skipped.append("dnsmasq: port 69 is taken or not ours to bind, and no namespace to be had")
    else:
        quiet = ["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root"]
        tftp = ["--enable-tftp", f"--tftp-root={folder}", "--tftp-max=1000", "--port=0"]
        bind = [f"--listen-address={HOST}", "--bind-interfaces", "--log-facility=/dev/null"]
        found.append(Contender("dnsmasq", [program, *quiet, *tftp, *bind], 69))
    return found, skipped


@contextmanager
def running(contender: Contender, name: str) -> Iterator[list[int]]:
    processes = [
        subprocess.Popen(
            contender.command,
            cwd=ROOT,
            env=contender.environment or None,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(contender.processes)
    ]
    try:
        wait_ready(contender.port, name)
        time.sleep(contender.processes - 1)  # the other one may be a moment behind
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def wait_ready(port: int, name: str) -> None:
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.sendto(b"\0\1%s\0octet\0" % name.encode(), (HOST, port))
            try:
                _, peer = sock.recvfrom(600)
            except OSError:
                continue
            sock.sendto(b"\0\5\0\0ready\0", peer)
            return
    raise SystemExit(f"nothing answers on port {port}")


def with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pids: list[int]) -> float:
    """Read user and system time, with that of children that write the log or have ended."""
    total = 0
    for member in [member for pid in pids for member in with_children(pid)]:
        with suppress(FileNotFoundError):  # one of tftpd-hpa's that ends just now
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICK


def measure(
    contender: Contender, pids: list[int], names: Path, clients: int, block_size: int
) -> dict[str, float]:
    before = cpu_seconds(pids)
    result = load(contender.port, names, clients, block_size)
    time.sleep(0.5)  # tftpd-hpa reaps its last children, we write the last rows of the log
    server_cpu = cpu_seconds(pids) - before
    transfers = result["transfers"]
    return {
        "rate": transfers / result["seconds"],
        "failed": result["failed"],
        "repeats": result["repeats"],
        "server_cpu_us": server_cpu / transfers * 1e6,
        "client_cpu_us": result["cpu"] / transfers * 1e6,
    }


def load(port: int, names: Path, clients: int, block_size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.tftp_client", "--port", str(port)]
    command += ["--clients", str(clients), "--blksize", str(block_size)]
    command += ["--names", str(names), "--expected", str(names.parent / "files")]
    done = subprocess.run(command, input="go\n", stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0]}
    return middle | {"failed": sum(run["failed"] for run in runs)}


def compare(args: argparse.Namespace, desk: Installation, folder: Path) -> dict[str, Any]:
    names = folder.parent / "names"
    files = sorted(path.name for path in folder.iterdir())
    names.write_text("\n".join(files[: args.fetches]))
    others, skipped = peers(folder)
    contenders = [ours(desk), *others]
    with ExitStack() as stack:
        pids = {one.name: stack.enter_context(running(one, files[0])) for one in contenders}
        cases = [
            case(args, contenders, pids, names, clients, block_size)
            for block_size in args.blksize
            for clients in args.clients
        ]
    return {"cases": cases, "skipped": skipped}


def case(
    args: argparse.Namespace,
    contenders: list[Contender],
    pids: dict[str, list[int]],
    names: Path,
    clients: int,
    block_size: int,
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {one.name: [] for one in contenders}
    for _ in range(args.runs):  # in turn, so that noise hits all alike
        for one in contenders:
            runs[one.name].append(measure(one, pids[one.name], names, clients, block_size))
    figures = {name: median(results) for name, results in runs.items()}
    ours = figures[DOOR]["rate"]
    ratios = {name: ours / figures[name]["rate"] for name in figures if name != DOOR}
    return {"blksize": block_size, "clients": clients, "ratios": ratios, "figures": figures}


def enter_namespace() -> None:
    """Start again where port 69 is free, if it is not here and we may."""
    if os.environ.get("BENCH_NAMESPACE") or port_69_is_free() or os.geteuid() != 0:
        return
    if shutil.which("unshare") and shutil.which("ip"):
        again = ["-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-m", "bench.tftp"]
        os.environ["BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "sh", *again, *sys.argv[1:]])  # noqa: S606


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--blksize", type=int, nargs="+", default=[512, 1428])
    parser.add_argument("--phones", type=int, default=PHONES)
    parser.add_argument("--fetches", type=int, default=FETCHES)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    enter_namespace()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as temporary, installation(args.phones) as desk:
        folder = Path(temporary) / "files"
        folder.mkdir()
        Path(temporary).chmod(0o755)
        write_files(folder, desk)
        result = compare(args, desk, folder)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
