"""Compare our TFTP server with tftpd-hpa and dnsmasq: same files, same clients, same two cores.

    python -m bench.tftp [--answer module:callable --names FILE]

Prints JSON. The machine's noise moves the rates; the ratios within one run hold, and so does the
server's CPU time per transfer. Runs itself in a network namespace when port 69, which dnsmasq
cannot be talked out of, is taken.
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PHONES = 10_000
FILE_SIZE = 6_000
READY_WITHIN = 10.0
TICK = os.sysconf("SC_CLK_TCK")

Commands = list[list[str]]


@dataclass(frozen=True)
class Contender:
    name: str
    commands: Commands  # one for each process
    port: int


def write_files(folder: Path, count: int) -> None:
    for number in range(count):
        name = f"0c383e{number:06x}.cfg"
        (folder / name).write_bytes((f"{name} line\n" * FILE_SIZE).encode()[:FILE_SIZE])


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


def ours(processes: int, args: argparse.Namespace, folder: Path) -> Contender:
    port = free_port()
    source = ["--answer", args.answer] if args.answer else ["--folder", str(folder)]
    command = [sys.executable, "-m", "bench.tftp_server", "--port", str(port), *source]
    return Contender(f"ours x{processes}", [command] * processes, port)


def peers(folder: Path) -> tuple[list[Contender], list[str]]:
    found, skipped = [], []
    port = free_port()
    if program := shutil.which("in.tftpd", path=f"{os.environ['PATH']}:/usr/sbin"):
        listen = ["--foreground", "--listen", "--address", f"{HOST}:{port}", "--user", "root"]
        found.append(Contender("tftpd-hpa", [[program, *listen, "--secure", str(folder)]], port))
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
        found.append(Contender("dnsmasq", [[program, *quiet, *tftp, *bind]], 69))
    return found, skipped


@contextmanager
def running(contender: Contender, name: str) -> Iterator[list[int]]:
    processes = [subprocess.Popen(command) for command in contender.commands]
    try:
        wait_ready(contender.port, name, len(processes))
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def wait_ready(port: int, name: str, processes: int) -> None:
    """Ask until it answers; with several processes, long enough for all of them to be there."""
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
            time.sleep(0.2 if processes == 1 else 1.0)
            return
    raise SystemExit(f"nothing answers on port {port}")


def cpu_seconds(pids: list[int]) -> float:
    """Read user and system time, with that of children that have ended (tftpd-hpa's)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICK


def measure(
    contender: Contender, args: argparse.Namespace, names: Path, clients: int, block_size: int
) -> dict[str, float]:
    first = names.read_text().split(maxsplit=1)[0]
    with running(contender, first) as pids:
        before = cpu_seconds(pids)
        loads = [
            start_load(contender.port, args, names, clients, block_size, part)
            for part in range(args.client_processes)
        ]
        results = [finish_load(load) for load in loads]
        time.sleep(0.1)  # tftpd-hpa reaps its last children
        server_cpu = cpu_seconds(pids) - before
    transfers = sum(result["transfers"] for result in results)
    return {
        "rate": transfers / max(result["seconds"] for result in results),
        "failed": sum(result["failed"] for result in results),
        "repeats": sum(result["repeats"] for result in results),
        "server_cpu_us": server_cpu / transfers * 1e6,
        "client_cpu_us": sum(result["cpu"] for result in results) / transfers * 1e6,
    }


def start_load(
    port: int, args: argparse.Namespace, names: Path, clients: int, block_size: int, part: int
) -> subprocess.Popen[str]:
    of = args.client_processes
    command = [sys.executable, "-m", "bench.tftp_client", "--port", str(port)]
    command += ["--clients", str(clients // of), "--blksize", str(block_size)]
    command += ["--names", str(names), "--share", f"{part}/{of}"]
    if not args.answer:
        command += ["--expected", str(names.parent / "files")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish_load(load: subprocess.Popen[str]) -> dict[str, float]:
    words, _ = load.communicate("go\n")
    result: dict[str, float] = json.loads(words)
    return result


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0]}
    return middle | {"failed": sum(run["failed"] for run in runs)}


def compare(args: argparse.Namespace, folder: Path, names: Path) -> dict[str, Any]:
    others, skipped = peers(folder)
    contenders = [ours(1, args, folder), ours(2, args, folder), *others]
    cases = []
    for block_size in args.blksize:
        for clients in args.clients:
            runs: dict[str, list[dict[str, float]]] = {one.name: [] for one in contenders}
            for _ in range(args.runs):  # in turn, so that noise hits all alike
                for contender in contenders:
                    result = measure(contender, args, names, clients, block_size)
                    runs[contender.name].append(result)
            figures = {name: median(results) for name, results in runs.items()}
            case = {"blksize": block_size, "clients": clients, "ratios": ratios(figures)}
            cases.append(case | {"figures": figures})
    return {"cases": cases, "skipped": skipped, "reached": reached(cases)}


def ratios(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        f"{us} / {peer}": round(figures[us]["rate"] / figures[peer]["rate"], 2)
        for us in ("ours x1", "ours x2")
        for peer in ("tftpd-hpa", "dnsmasq")
        if peer in figures
    }


def reached(cases: list[dict[str, Any]]) -> dict[str, bool]:
    """Hold the better of one and two processes, which is what an installation would run."""
    result = {
        "no failed transfer": not any(
            case["figures"][us]["failed"] for case in cases for us in ("ours x1", "ours x2")
        )
    }
    for peer, wanted in (("tftpd-hpa", 3.0), ("dnsmasq", 0.5)):
        best = [
            max(case["ratios"][f"{us} / {peer}"] for us in ("ours x1", "ours x2"))
            for case in cases
            if f"ours x1 / {peer}" in case["ratios"]
        ]
        if best:
            result[f">= {wanted} x {peer}"] = min(best) >= wanted
    return result


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
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--client-processes", type=int, default=1)
    parser.add_argument("--answer", help="module:callable in place of the files")
    parser.add_argument("--names", type=Path, help="file names that the answer knows, one a line")
    args = parser.parse_args()
    if bool(args.answer) != bool(args.names):
        parser.error("--answer and --names belong together")
    enter_namespace()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "files"
        folder.mkdir()
        Path(temporary).chmod(0o755)
        names = args.names or Path(temporary) / "names"
        if not args.names:
            write_files(folder, args.phones)
            names.write_text("\n".join(sorted(path.name for path in folder.iterdir())))
        result = compare(args, folder, names)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    sys.exit(not all(result["reached"].values()))


if __name__ == "__main__":
    main()
