"""The TFTP server, asked by real clients."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tftpy

from tests.provisioning.transports.tftp_server import Running, serving

NAMES = {
    "one-line.cfg": b"sip.password=secret\n",
    "empty.cfg": b"",
    "exactly-two-blocks.cfg": bytes(range(256)) * 4,
    "windows.cfg": b"a=1\r\nb=2\r\n" * 600,
    "bare-cr.cfg": b"a\rb\r\nc\n\r" * 300,
    "binary.bin": bytes(range(256)) * 20,
}

CURL_NOT_FOUND, CURL_ACCESS_VIOLATION = 68, 69  # exit codes, as in its manual


@pytest.fixture
def server():
    with serving(NAMES) as running:
        yield running


def program(name: str, package: str) -> str:
    return shutil.which(name) or pytest.skip(f"needs {package}")


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


def tftp_hpa(server: Running, folder: Path, name: str, mode: str = "octet") -> bytes:
    command = [program("tftp", "tftp-hpa"), "-m", mode, server.host, str(server.port)]
    run(*command, "-c", "get", name, "got", folder=folder)
    return (folder / "got").read_bytes()


def atftp(server: Running, folder: Path, name: str, *options: str) -> bytes:
    wanted = [part for option in options for part in ("--option", option)]
    command = [program("atftp", "atftp"), *wanted, "-g", "-r", name, "-l", "got"]
    run(*command, server.host, str(server.port), folder=folder)
    return (folder / "got").read_bytes()


def curl(server: Running, folder: Path, name: str, *options: str) -> bytes:
    url = f"tftp://{server.host}:{server.port}/{name}"
    command = [program("curl", "curl"), "-sS", *options, "-o", "got", url]
    assert run(*command, folder=folder).returncode == 0
    return (folder / "got").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_tftp_hpa_gets_every_file_in_octet_mode(server, tmp_path, name):
    assert tftp_hpa(server, tmp_path, name) == NAMES[name]


@pytest.mark.parametrize("name", NAMES)
def test_tftp_hpa_gets_the_same_bytes_back_from_netascii(server, tmp_path, name):
    assert tftp_hpa(server, tmp_path, name, "netascii") == NAMES[name]
    assert server.asked[0].mode == "netascii"


# curl 7.88 reports an error of its own (getpeername) after an empty file.
@pytest.mark.parametrize("name", sorted(NAMES.keys() - {"empty.cfg"}))
def test_curl_gets_every_file(server, tmp_path, name):
    assert curl(server, tmp_path, name) == NAMES[name]


def test_curl_gets_a_file_without_options(server, tmp_path):
    assert curl(server, tmp_path, "binary.bin", "--tftp-no-options") == NAMES["binary.bin"]
    assert server.asked[0].options == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        ("blksize 8",),
        ("blksize 512",),
        ("blksize 1428",),
        ("blksize 8192", "tsize 0"),
        ("blksize 65464",),
        ("windowsize 8",),
        ("blksize 1428", "windowsize 64", "timeout 2"),
    ],
    ids=" ".join,
)
def test_atftp_gets_every_file_with_its_options(server, tmp_path, name, options):
    assert atftp(server, tmp_path, name, *options) == NAMES[name]
    assert dict(option.split() for option in options).items() <= server.asked[0].options.items()


def test_busybox_gets_a_file(server, tmp_path):
    command = [program("busybox", "busybox"), "tftp", "-g", "-r", "binary.bin", "-l", "got"]
    run(*command, server.host, str(server.port), folder=tmp_path)
    assert (tmp_path / "got").read_bytes() == NAMES["binary.bin"]


def test_tftpy_gets_a_file(server, tmp_path):
    client = tftpy.TftpClient(server.host, server.port, {"blksize": 1428, "tsize": 0})
    client.download("binary.bin", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == NAMES["binary.bin"]


def test_it_serves_a_file_of_more_blocks_than_the_wire_can_count(tmp_path):
    firmware = bytes(range(256)) * (36 * 4096)
    with serving({"fw.z": firmware}) as server:
        assert curl(server, tmp_path, "fw.z") == firmware
        assert len(firmware) // 512 > 0xFFFF
        assert atftp(server, tmp_path, "fw.z", "windowsize 8") == firmware


def test_it_serves_forty_clients_at_once(tmp_path):
    files = {f"{mac:012x}.cfg": b"%012x" % mac * 500 for mac in range(40)}
    for name in files:
        (tmp_path / name).mkdir()
    with serving(files) as server, ThreadPoolExecutor(40) as pool:
        bodies = pool.map(lambda name: curl(server, tmp_path / name, name), files)
        assert list(bodies) == list(files.values())


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_it_answers_on_ipv4_and_ipv6(tmp_path, host):
    with serving(NAMES, host=host) as server:
        server.host = {"0.0.0.0": "127.0.0.1", "::1": "[::1]", "::": "[::1]"}.get(host, host)
        assert curl(server, tmp_path, "binary.bin") == NAMES["binary.bin"]
        if host == "::":
            server.host = "127.0.0.1"
            assert curl(server, tmp_path, "binary.bin") == NAMES["binary.bin"]
            assert [request.address for request in server.asked] == ["::1", "127.0.0.1"]


def test_two_servers_share_a_port(tmp_path):
    with serving(NAMES) as one, serving(NAMES, port=one.port) as two:
        for _ in range(30):
            assert curl(one, tmp_path, "one-line.cfg") == NAMES["one-line.cfg"]
        assert len(one.asked) + len(two.asked) == 30
        assert one.asked
        assert two.asked


def test_a_write_is_refused(server, tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    url = f"tftp://{server.host}:{server.port}/one-line.cfg"
    done = run(program("curl", "curl"), "-sS", "-T", "mine", url, folder=tmp_path)
    assert done.returncode == CURL_ACCESS_VIOLATION
    assert server.asked == []


def test_an_unknown_file_is_not_found(server, tmp_path):
    url = f"tftp://{server.host}:{server.port}/unknown.cfg"
    done = run(program("curl", "curl"), "-sS", url, folder=tmp_path)
    assert done.returncode == CURL_NOT_FOUND
    assert server.done == []


def test_what_was_sent_is_reported(server, tmp_path):
    curl(server, tmp_path, "windows.cfg")
    ((request, outcome),) = server.wait_done(1)
    assert request.file == "windows.cfg"
    assert outcome[:3] == (6000, True, "")
    assert 0 < outcome.duration < 10
