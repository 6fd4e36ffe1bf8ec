"""Pushing by a shell to a real OpenSSH server."""

import socket
import threading
import time
from dataclasses import replace

import paramiko
import pytest

from provisioning.resync import Resync, ShellStep
from provisioning.transports import push_words as words
from provisioning.transports import ssh_push_client
from provisioning.transports.push import Peer, ssh_push
from tests.daemons import free_port
from tests.provisioning.transports.sshd_server import fingerprint, new_key, sshd

PASSWORD = "a word, with blanks & “quotes”"
OLD = ("KexAlgorithms=diffie-hellman-group14-sha1", "HostKeyAlgorithms=ssh-rsa", "MACs=hmac-sha1")


def way(*commands, **more):
    steps = tuple(ShellStep(says="look", command=one) for one in commands)
    return Resync(method="ssh", reboot=False, cost=1, shell=steps, **more)


def peer(port, **more):
    known = {"port": port, "user": "admin", "password": PASSWORD}
    return Peer(**{"address": "127.0.0.1", "mac": "00908f000001", "model": "x"} | known | more)


def push(to, how, body=b"", url="http://192.0.2.10/x"):
    return ssh_push(to, how, body=body, url=url)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture(scope="module")
def server(folder):
    with sshd(folder, PASSWORD) as port:
        yield port


def test_it_pins_the_key_that_openssh_names(server, folder):
    done = push(peer(server), way("true"))
    assert (done.success, done.code) == (True, 0)
    assert done.fingerprint == fingerprint(folder)
    again = push(peer(server, fingerprint=done.fingerprint), way("true"))
    assert again.success


def test_a_server_with_a_new_key_is_refused(tmp_path):
    with sshd(tmp_path, PASSWORD) as port:
        old = push(peer(port), way("true")).fingerprint
    new_key(tmp_path)
    with sshd(tmp_path, PASSWORD) as port:
        done = push(peer(port, fingerprint=old), way("true"))
        assert (done.success, done.changed_identity) == (False, True)
        assert (done.message, done.fingerprint) == (words.CHANGED_KEY, fingerprint(tmp_path))
        accepted = push(peer(port, fingerprint=done.fingerprint), way("true"))
        assert accepted.success


def test_a_wrong_password_is_told_apart(server):
    assert push(peer(server, password="wrong"), way("true")).message == words.WRONG_LOGIN
    assert push(peer(server, user="nobody-here"), way("true")).message == words.WRONG_LOGIN


def test_a_server_that_takes_no_password_is_told_apart(tmp_path):
    with sshd(tmp_path, PASSWORD, "PasswordAuthentication=no") as port:
        assert push(peer(port), way("true")).message == words.UNKNOWN_LOGIN


def test_nobody_at_the_port_is_said():
    done = push(peer(free_port()), way("true"))
    assert (done.success, done.message) == (False, words.NOBODY)


def test_a_command_fails_with_its_code(server):
    done = push(peer(server), way("true", "exit 42", "true"))
    assert (done.success, done.message, done.code) == (False, words.COMMAND_FAILED, 42)
    assert done.params == {"code": 42}


def test_a_file_and_an_address_arrive_as_they_are(server, tmp_path):
    body = bytes(range(256)) * 3000
    url = "http://10.0.0.5/p/k'e\"y/$(id)`id`;&|\\.cfg"
    upload = ShellStep(says="upload", command=f"cat > {tmp_path}/file", stdin=True)
    address = ShellStep(says="address", command=f"printf %s {{url}} > {tmp_path}/url")
    done = push(peer(server), replace(way(), shell=(upload, address)), body=body, url=url)
    assert (done.success, done.message) == (True, words.TAKEN)
    assert (tmp_path / "file").read_bytes() == body
    assert (tmp_path / "url").read_text() == url


def test_a_shell_that_kills_its_connection_has_restarted(server):
    gone = ShellStep(says="restart", command="kill -9 $PPID", drops=True)
    assert push(peer(server), replace(way(), shell=(gone,))).success
    stays = replace(gone, drops=False)
    done = push(peer(server), replace(way(), shell=(stays,)))
    assert (done.success, done.message) == (False, words.BROKEN_OFF)


def test_weak_algorithms_are_used_only_where_the_data_demands_them(tmp_path):
    new_key(tmp_path, "rsa")
    with sshd(tmp_path, PASSWORD, *OLD) as port:
        assert push(peer(port), way("true")).message == words.NO_ALGORITHM
        demanded = frozenset({"diffie-hellman-group14-sha1", "ssh-rsa", "hmac-sha1"})
        assert push(peer(port), way("true", old_ssh=demanded)).success
        less = demanded - {"hmac-sha1"}
        assert push(peer(port), way("true", old_ssh=less)).message == words.NO_ALGORITHM


def test_every_weak_algorithm_that_paramiko_offers_is_known():
    """A new release may rename them, and disabling an unknown name does nothing."""
    transport = paramiko.Transport
    offered = {
        "kex": transport._preferred_kex,
        "keys": transport._preferred_keys,
        "pubkeys": transport._preferred_pubkeys,
        "ciphers": transport._preferred_ciphers,
        "macs": transport._preferred_macs,
    }
    for kind, names in offered.items():
        weak = {one for one in names if one.endswith(("sha1", "-96", "md5", "cbc", "ssh-rsa"))}
        assert weak == set(ssh_push_client.OLD[kind])


def test_small_packets_are_not_held_back(server, monkeypatch):
    seen = []

    class Watched(ssh_push_client.Shell):
        def open(self):
            super().open()
            seen.append(self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr("provisioning.transports.ssh_push.Shell", Watched)
    assert push(peer(server), way("true")).success
    assert seen == [1]


def test_no_agent_no_key_and_no_known_host_is_asked(server, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.settimeout(0.2)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert push(peer(server), way("true")).success
        with pytest.raises(TimeoutError):
            agent.accept()


def test_fifty_at_a_time_leave_no_thread(server):
    found = []
    before = threading.active_count()
    threads = [
        threading.Thread(target=lambda: found.append(push(peer(server), way("true"))))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.message for done in found if not done.success] == []
    assert len(found) == 50
    ends = time.monotonic() + 5  # a watch that was called off needs a moment to go
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() == before
