"""The web pages and the shell of an AudioCodes 405HD, in a process of its own.

Prints {"ports": [...], "ssh": port} once it listens and then, unless --quiet, what is done to it.
What it knows is in vendors' facts: a form that is forgotten unless a page was looked at before, and
a busybox shell with the configuration in /phone/etc/main.cfg.
"""

import argparse
import asyncio
import base64
import hashlib
import resource
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import paramiko
from pages import Pages, Reply, arguments, fetch, listen, say

SSH_MANNERS = (
    *("ok", "mute", "silent-command", "endless", "no-code", "hangs-up", "no-exec", "garbage"),
    *("banner", "mute-login", "half", "no-channel", "mute-exec"),
)


class AudioCodes:
    def __init__(self, args):
        self.args, self.sessions, self.looked = args, set(), False
        self.pages = Pages(self.answer, args.manner, args.user, args.password, args.upgrade)
        self.config = b"system/type=405HD\nprovisioning/method=DYNAMIC\n"

    def tell(self, **what):
        if not self.args.quiet:
            say(**what)

    def answer(self, request):
        if request.path == "/login.cgi":
            return self.sign_in(request)
        if request.cookies.get("session") not in self.sessions:
            return Reply(302, headers={"Location": "/login.cgi"})
        page = request.path.rpartition("/")[2]
        if page == "info.htm":
            self.looked = True
            return Reply(200, "<html>info</html>")
        if page == "Auto_Provision.htm":
            return self.take_address(request)
        if page == "auto_config.htm":
            return self.take_file(request)
        if page == "reboot.htm" and request.method == "POST":
            self.restart()
            return Reply(200, "rebooting", hang_up=True)
        return Reply(404, "no such page")

    def sign_in(self, request):
        if request.method == "GET":
            return Reply(200, "<form>login</form>")
        good = base64.b64encode(self.args.password.encode()).decode()
        if request.form.get("user") != self.args.user or request.form.get("psw") != good:
            self.tell(refused=True)
            return Reply(200, "<form>login</form>")
        session = secrets.token_hex(8)
        self.sessions.add(session)
        self.tell(signed_in=True)
        place = {"Set-Cookie": f"session={session}; path=/", "Location": "/mainform.cgi"}
        return Reply(302, headers=place)

    def take_address(self, request):
        if not self.looked:  # stateful, in an annoying way
            return Reply(301, headers={"Location": "/mainform.cgi/info.htm"})
        form = request.form
        if form.get("ASU_METHOD") != "2" or form.get("NOW_CFG") != "0":
            return Reply(200, "bad form")
        text = "system/type=405HD\nprovisioning/method=STATIC\n"
        self.config = f"{text}provisioning/configuration/url={form['CFG_URL']}\n".encode()
        self.tell(address=form["CFG_URL"])
        return Reply(200, "OK")

    def take_file(self, request):
        parts = request.parts
        name, body = parts.get("upname", (None, b""))
        if name is None or parts.get("TYPE", (None, b""))[1] != b"6":
            return Reply(500, "bad upload")
        self.config = body
        self.tell(uploaded=hashlib.sha256(body).hexdigest(), name=name)
        return Reply(302, headers={"Location": "/mainform.cgi"})

    def shell(self, command, data):
        """Run it by a real shell that finds the phone's file where a phone has it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "main.cfg"
            file.write_bytes(self.config)
            here = ["sh", "-c", command.replace("/phone/etc", folder)]
            done = subprocess.run(here, input=data, capture_output=True, check=False)
            self.config = file.read_bytes()
        return done

    def restart(self):
        lines = self.config.decode(errors="replace").splitlines()
        known = dict(line.split("=", 1) for line in lines if "=" in line)
        self.tell(restarts=True)
        url = known.get("provisioning/configuration/url")
        if known.get("provisioning/method") == "STATIC" and url:
            url = url.replace("<MAC>", self.args.mac.upper())
            agent = f"AUDC-IPPhone/2.2.16.694 (405HD-Rev1; {self.args.mac.upper()})"
            threading.Thread(target=fetch, args=(url, agent), daemon=True).start()


class Shell(paramiko.ServerInterface):
    def __init__(self, phone, transport):
        self.phone, self.transport, self.manner = phone, transport, phone.args.ssh_manner

    def check_auth_password(self, username, password):
        args = self.phone.args
        if self.manner == "mute-login":
            time.sleep(3600)
        if (username, password) != (args.user, args.password):
            self.phone.tell(ssh_refused=True)
            return paramiko.AUTH_FAILED
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, number):
        if self.manner == "no-channel":
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        if self.manner == "silent-command":
            time.sleep(3600)
        if self.manner == "no-exec":
            return False
        threading.Thread(target=self.run, args=(channel, command.decode()), daemon=True).start()
        return True

    def run(self, channel, command):
        self.phone.tell(command=command)
        if self.manner == "hangs-up" or command == "reboot":
            if command == "reboot":
                self.phone.restart()
            self.transport.close()
            return
        if self.manner == "mute-exec":
            return
        while self.manner == "endless":
            channel.sendall(b"x" * 32768)
        data = b""
        while chunk := channel.recv(32768):
            data += chunk
        done = self.phone.shell(command, data)
        channel.sendall(done.stdout + done.stderr)
        if self.manner != "no-code":
            channel.send_exit_status(done.returncode)
        channel.close()


def serve_ssh(phone, door, keys):
    while True:
        connection, _ = door.accept()
        threading.Thread(target=serve_one, args=(phone, connection, keys), daemon=True).start()


def serve_one(phone, connection, keys):
    manner = phone.args.ssh_manner
    try:
        if manner == "mute":
            time.sleep(3600)
        if manner == "half":
            connection.sendall(b"SSH-2.0-dropbear\r\n\0\0")
            connection.close()
            return
        if manner in ("garbage", "banner"):
            connection.sendall(b"\xff" + secrets.token_bytes(300) + b"\r\n")
            while manner == "banner":
                connection.sendall(b"no SSH here " * 500)
            connection.close()
            return
        transport = paramiko.Transport(connection)
        transport.add_server_key(keys())
        transport.start_server(server=Shell(phone, transport))
    except (OSError, EOFError, paramiko.SSHException):
        connection.close()


def listen_ssh(phone):
    if not phone.args.ssh:
        return 0
    key = paramiko.ECDSAKey.generate()
    keys = paramiko.ECDSAKey.generate if phone.args.changing else lambda: key
    door = socket.create_server((phone.args.host, phone.args.ssh_port), backlog=64)
    threading.Thread(target=serve_ssh, args=(phone, door, keys), daemon=True).start()
    return door.getsockname()[1]


async def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--ssh", action="store_true")
    parser.add_argument("--ssh-port", type=int, default=0)
    parser.add_argument("--ssh-manner", choices=SSH_MANNERS, default="ok")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phones = [AudioCodes(args) for _ in range(args.count)]
    _, ports = await listen([phone.pages for phone in phones], args)
    say(ports=ports, ssh=listen_ssh(phones[0]))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
