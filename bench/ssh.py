"""Push by SSH, 50 at a time, to one OpenSSH server; bare paramiko does the same in turns with us.

    python -m bench.ssh

Bare is what a script would write: SSHClient, a password, one command, its output and exit code. The
difference is ours alone: looking at the host key, the watch over every wait, TCP_NODELAY.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import paramiko

from bench.figures import Figure, MissingError, need
from provisioning.resync import Resync, ShellStep
from provisioning.transports.push import Peer, ssh_push
from tests.provisioning.transports.sshd_server import sshd

AT_A_TIME = 50
PUSHES = 200
TURNS = 8
LIMIT = 0.95
PASSWORD = "of-the-bench"  # noqa: S105 - of a server that lives as long as the bench
COMMAND = "echo done"
STEPS = (ShellStep(says="look", command=COMMAND),)
WAY = Resync(method="ssh", reboot=False, cost=1, shell=STEPS)


def main() -> None:
    sys.stdout.write(json.dumps([asdict(figure) for figure in measure()], indent=2) + "\n")


def measure() -> list[Figure]:
    need("sshd", "ssh-keygen", "unshare", "openssl")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        raise MissingError("needs to be root and to make mount namespaces")
    with (
        tempfile.TemporaryDirectory() as folder,
        sshd(Path(folder), PASSWORD, "MaxStartups=500", "LogLevel=ERROR") as port,
    ):
        push(port)
        ours, bare, ratios = [], [], []
        for turn in range(TURNS):
            order = [(ours, push), (bare, script)]
            for speeds, once in order if turn % 2 else reversed(order):
                speeds.append(speed(once, port))
            ratios.append(ours[-1] / bare[-1])
    value = statistics.median(ratios)
    note = f"{statistics.median(ours):.0f} to {statistics.median(bare):.0f} pushes/s"
    detail = {"ours": ours, "bare": bare}
    return [Figure("SSH push, 50 at a time / bare paramiko", value, LIMIT, False, note, detail)]


def speed(once: Callable[[int], None], port: int) -> float:
    begin = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(once, port) for _ in range(PUSHES)]:
            done.result()
    return PUSHES / (time.perf_counter() - begin)


def push(port: int) -> None:
    peer = Peer("127.0.0.1", "00908f000001", "audiocodes-405hd", "admin", PASSWORD, port=port)
    done = ssh_push(peer, WAY, body=b"", url="http://192.0.2.10/x.cfg")
    if not done.success:
        raise RuntimeError(done.message % done.params)


def script(port: int) -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - the peer's own way
    try:
        client.connect("127.0.0.1", port, "admin", PASSWORD, look_for_keys=False, allow_agent=False)
        _, output, _ = client.exec_command(COMMAND)
        output.read()
        if output.channel.recv_exit_status() != 0:
            raise RuntimeError("the command failed")
    finally:
        client.close()


if __name__ == "__main__":
    main()
