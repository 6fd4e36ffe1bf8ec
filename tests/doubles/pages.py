"""A small web server for the doubles of phones: asyncio alone, so one process is a thousand phones.

Its manners are what any phone, or what stands in a phone's place, may do wrong.
"""

import asyncio
import base64
import datetime
import hashlib
import itertools
import json
import re
import secrets
import ssl
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from urllib.parse import parse_qsl

MANNERS = (
    *("ok", "hangs", "drips", "huge", "garbage", "drops", "busy", "headers", "elsewhere"),
    *("other-port", "loops", "upgrade", "basic", "digest", "strange-proof", "short", "missing"),
    "closes",
)
REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 401: "Unauthorized"}


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict
    body: bytes
    connection: int

    @property
    def cookies(self):
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs}

    @property
    def form(self):
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def parts(self):
        """Return field -> (file name, bytes) of multipart/form-data."""
        head = b"Content-Type: " + self.headers["content-type"].encode() + b"\r\n\r\n"
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return {
            part.get_param("name", header="Content-Disposition"): (
                part.get_filename(),
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        }


@dataclass
class Reply:
    code: int = 200
    text: str = ""
    headers: dict = field(default_factory=dict)
    hang_up: bool = False


class Pages:
    """`answer(request)` gives a Reply; `manner` may spoil it."""

    def __init__(self, answer, manner="ok", user="admin", password="secret", upgrade=0):
        self.answer, self.manner, self.upgrade = answer, manner, upgrade
        self.user, self.password = user, password
        self.nonce, self.numbers = secrets.token_hex(8), itertools.count()

    async def serve(self, reader, writer):
        number = next(self.numbers)
        try:
            if self.manner not in ("hangs", "drips", "garbage", "headers"):
                while request := await read(reader, number):
                    if not await self.reply(request, writer):
                        break
            else:
                await self.spoil(writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def spoil(self, writer):
        if self.manner == "hangs":
            await asyncio.sleep(3600)
        if self.manner == "garbage":
            writer.write(secrets.token_bytes(500))
        line = b"HTTP/1.1 200 OK\r\n" if self.manner == "headers" else b""
        for number in itertools.count() if self.manner in ("headers", "drips") else ():
            if writer.is_closing():
                return
            filler = b"X" if self.manner == "drips" else b"X-%d: y\r\n" % number
            writer.write(line + filler)
            line = b""
            await writer.drain()
            await asyncio.sleep(0.2 if self.manner == "drips" else 0)

    async def reply(self, request, writer):
        reply = self.refusal(request) or self.answer(request)
        body = reply.text.encode()
        headers = {"Content-Length": len(body), "Content-Type": "text/html"} | reply.headers
        if self.manner in ("huge", "short"):
            headers["Content-Length"] = 1 << 40 if self.manner == "huge" else len(body) + 10
        head = f"HTTP/1.1 {reply.code} {REASONS.get(reply.code, 'Other')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        data = head.encode() + body
        if self.manner == "drops":
            return False
        writer.write(data)
        await writer.drain()
        while self.manner == "huge" and not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()
        return not reply.hang_up and self.manner not in ("short", "closes")

    def refusal(self, request):
        here = request.headers.get("host", "")
        port = int(here.rpartition(":")[2]) if ":" in here else 80
        match self.manner:
            case "busy":
                return Reply(503, "Server Too Busy")
            case "missing":
                return Reply(404, "Not found")
            case "elsewhere":
                return Reply(302, headers={"Location": "http://127.0.0.2/login"})
            case "other-port":
                return Reply(302, headers={"Location": f"//127.0.0.1:{port + 1}/"})
            case "loops":
                return Reply(302, headers={"Location": request.path})
            case "upgrade" if self.upgrade:
                place = f"https://127.0.0.1:{self.upgrade}{request.path}?{request.query}"
                return Reply(301, headers={"Location": place})
            case "basic" | "digest" | "strange-proof":
                return self.challenge(request)
        return None

    def challenge(self, request):
        proof = request.headers.get("authorization", "")
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.manner == "strange-proof":
            return Reply(401, headers={"WWW-Authenticate": "Negotiate"})
        if self.manner == "basic":
            asked = 'Basic realm="VoIP Phone"'
            good = proof == f"Basic {basic}"
        else:
            asked = f'Digest realm="VoIP Phone", nonce="{self.nonce}", qop="auth"'
            good = self.is_digest(proof, request)
        return None if good else Reply(401, "no", {"WWW-Authenticate": asked})

    def is_digest(self, proof, request):
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', proof))
        if not said:
            return False

        def digest(text):
            return hashlib.md5(text.encode()).hexdigest()

        secret = digest(f"{self.user}:VoIP Phone:{self.password}")
        asked = digest(f"{request.method}:{said['uri']}")
        middle = f"{self.nonce}:{said['nc']}:{said['cnonce']}:auth"
        return said["response"] == digest(f"{secret}:{middle}:{asked}")


async def read(reader, number):
    """Return the next request of a connection, or None at its end."""
    line = (await reader.readline()).decode("latin-1").split()
    if not line:
        return None
    headers = {}
    while (text := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = line[1].partition("?")
    return Request(line[0], path, query, headers, body, number)


def certificate():
    """Return a context with a certificate of its own making, another one at every call."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "phone")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phone.pem"
        path.write_bytes(secret + made.public_bytes(pem))
        context.load_cert_chain(path)
    return context


def changing():
    """Return a context that shows another certificate at each connection."""
    context = certificate()

    def swap(connection, name, first):
        connection.context = certificate()

    context.sni_callback = swap
    return context


def fetch(url, user_agent):
    """Get the configuration, as the phone does after a restart, and tell what came."""
    request = urllib.request.Request(url, headers={"User-Agent": user_agent})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
            say(fetched=url, status=answer.status, sha256=hashlib.sha256(body).hexdigest())
    except (OSError, ValueError) as refusal:
        say(fetched=url, refused=str(refusal))


async def listen(pages, args):
    """Serve each of `pages` at a port of its own and tell the ports."""
    context = None
    if args.tls:
        context = changing() if args.changing else certificate()
    servers = [
        await asyncio.start_server(one.serve, args.host, args.port, ssl=context, backlog=64)
        for one in pages
    ]
    return servers, [server.sockets[0].getsockname()[1] for server in servers]


def arguments(parser):
    parser.add_argument("--manner", choices=MANNERS, default="ok")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", type=int, default=1, help="that many phones, a port each")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--changing", action="store_true", help="its certificate, every time")
    parser.add_argument("--upgrade", type=int, default=0, help="port of https it sends on to")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--mac", default="0c383e000001")
    parser.add_argument("--quiet", action="store_true")
    return parser
