"""A phone that gets NOTIFY, in a process of its own and without a line of Belldesk's code.

Prints {"ports": [...]} once it listens, and then, unless --quiet, each request as a JSON text.
"""

import argparse
import hashlib
import json
import resource
import select
import socket
import sys
import time

NONCE = "c0ffee"
MANNERS = (
    *("ok", "silent", "deaf", "trying", "late", "twice", "challenge", "stale", "insist", "proxy"),
    *("wrong-branch", "wrong-cseq", "two-vias", "elsewhere", "redirect", "unknown", "garbage"),
    *("close", "signed"),
)


def headers_of(text):
    found = {}
    for line in text.split("\r\n\r\n")[0].split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def reply(text, status, *more, branch=None, cseq=None):
    asked = headers_of(text)
    via = asked["via"]
    if branch:
        via = via.split("branch=")[0] + "branch=" + branch
    lines = [
        f"SIP/2.0 {status}",
        f"Via: {via}",
        f"From: {asked['from']}",
        f"To: {asked['to']};tag=phone",
        f"Call-ID: {asked['call-id']}",
        f"CSeq: {cseq or asked['cseq']}",
        *more,
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def words(text):
    value = text.partition(" ")[2]
    pairs = (part.split("=", 1) for part in value.split(", "))
    return {name: value.strip('"') for name, value in pairs}


class Phone:
    def __init__(self, args):
        self.args, self.heard, self.later = args, 0, []

    def proven(self, proof):
        args, said = self.args, words(proof)
        name = args.algorithm.split("-s")[0].replace("SHA-256", "sha256").lower()

        def digest(text):
            return hashlib.new(name, text.encode()).hexdigest()

        secret = digest(f"{args.user}:desk:{args.password}")
        if args.algorithm.endswith("-sess"):
            secret = digest(f"{secret}:{said['nonce']}:{said['cnonce']}")
        asked = digest(f"NOTIFY:{said['uri']}")
        middle = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:auth"
        return said["response"] == digest(f"{secret}:{middle}:{asked}")

    def challenge(self, text, nonce=NONCE, more=""):
        status, name = "401 Unauthorized", "WWW-Authenticate"
        if self.args.manner == "proxy":
            status, name = "407 Proxy Authentication Required", "Proxy-Authenticate"
        line = f'Digest realm="desk", nonce="{nonce}", qop="auth"{more}'
        return reply(text, status, f"{name}: {line}, algorithm={self.args.algorithm}")

    def demand(self, text):
        manner, asked = self.args.manner, headers_of(text)
        proof = asked.get("authorization") or asked.get("proxy-authorization")
        if not proof:
            return [self.challenge(text)]
        if manner == "insist":
            return [self.challenge(text, NONCE + "2", ", stale=true")]
        if manner == "stale" and words(proof)["nonce"] == NONCE:
            return [self.challenge(text, NONCE + "2", ", stale=true")]
        return [reply(text, "200 OK") if self.proven(proof) else self.challenge(text)]

    def answers(self, text):
        self.heard += 1
        manner = self.args.manner
        if manner in ("challenge", "stale", "insist", "proxy"):
            return self.demand(text)
        if manner == "silent" or (manner == "deaf" and self.heard <= self.args.deaf):
            return []
        return {
            "trying": [reply(text, "100 Trying")],
            "twice": [reply(text, "200 OK")] * 2,
            "wrong-branch": [reply(text, "200 OK", branch="z9hG4bKguessed")],
            "wrong-cseq": [
                reply(text, "200 OK", cseq="7 NOTIFY"),
                reply(text, "200 OK", cseq="1 BYE"),
            ],
            "two-vias": [reply(text, "200 OK", "Via: SIP/2.0/UDP 10.6.6.6;branch=x")],
            "redirect": [reply(text, "302 Moved", "Contact: <sip:x@127.0.0.1:9>")],
            "unknown": [reply(text, "489 Bad Event")],
            "garbage": [b"\0\xff" * 50, b"SIP/2.0 200 OK\r\n\r\n", text.encode()],
        }.get(manner, [reply(text, "200 OK")])

    def tell(self, text):
        if not self.args.quiet:
            say({"text": text, "at": time.monotonic()})

    def serve_datagram(self, sock, elsewhere):
        data, peer = sock.recvfrom(65535)
        text = data.decode()
        self.tell(text)
        if self.args.manner == "signed":  # quick, for the bench: by the port it can be told whose
            sock.sendto(reply(text, f"200 OK {sock.getsockname()[1]}"), peer)
            return
        out = elsewhere if self.args.manner == "elsewhere" else sock
        for message in self.answers(text):
            if self.args.manner in ("late", "trying") and b" 200 " in message[:12]:
                self.later.append((time.monotonic() + self.args.delay, message, out, peer))
            else:
                out.sendto(message, peer)
        if self.args.manner == "trying" and self.heard == 1:
            final = reply(text, "200 OK")
            self.later.append((time.monotonic() + self.args.delay, final, out, peer))

    def send_late(self):
        now = time.monotonic()
        for item in [item for item in self.later if item[0] <= now]:
            self.later.remove(item)
            item[2].sendto(item[1], item[3])

    def serve_connection(self, connection):
        buffer = b""
        while chunk := connection.recv(65535):
            buffer += chunk
            while b"\r\n\r\n" in buffer:
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                text = head.decode() + "\r\n\r\n"
                self.tell(text)
                if self.args.manner == "close":
                    return
                for message in self.answers(text):
                    connection.sendall(message[:20])  # in two pieces, as a network may bring it
                    time.sleep(0.01)
                    connection.sendall(message[20:])


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def serve_udp(args, phone):
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    poll, sockets = select.epoll(), {}
    for host in args.hosts or [args.host] * args.count:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, args.port))
        sockets[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    say({"ports": [sock.getsockname()[1] for sock in sockets.values()]})
    while True:
        for fd, _ in poll.poll(0.02 if phone.later else None):
            phone.serve_datagram(sockets[fd], elsewhere)
        phone.send_late()


def serve_tcp(args, phone):
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    door = socket.create_server((args.host, 0), family=family, backlog=args.count)
    say({"ports": [door.getsockname()[1]]})
    while True:
        connection, _ = door.accept()
        with connection:
            try:
                phone.serve_connection(connection)
            except OSError:
                continue


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manner", choices=MANNERS)
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--hosts", nargs="+", help="a phone at each of these addresses")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", type=int, default=1, help="that many phones, a port each")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds of a late answer")
    parser.add_argument("--deaf", type=int, default=2, help="requests that are not heard")
    parser.add_argument("--algorithm", default="MD5", choices=["MD5", "MD5-sess", "SHA-256"])
    parser.add_argument("--user", default="200")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--quiet", action="store_true")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    (serve_tcp if args.tcp else serve_udp)(args, Phone(args))


if __name__ == "__main__":
    main()
