"""A desk that speaks the contract of /agent/v1 and nothing else, for the agent's tests.

It signs by itself (hmac and hashlib), so that a slip in agent/signing.py does not go both ways.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import queue
import secrets
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import moments, signing


def sha(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, *parts):
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def params_digest(params):
    text = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha(text.encode())


class Desk:
    """`down` answers 503; `lie` signs nothing; `behind` is what the desk's clock is off by."""

    def __init__(self):
        self.codes, self.agents = {}, {}
        self.reports, self.nonces, self.errors = [], [], []
        self.queued = queue.Queue()
        self.down, self.lie, self.behind, self.longest_wait = False, False, 0.0, 1.0
        self.answer = {"period": 1, "facts": False, "events_since": None, "watch": False}
        self.url = ""
        self.changed = threading.Condition()

    def new_code(self):
        code = secrets.token_bytes(20)
        self.codes[sha(b"belldesk enrol lookup" + code)[:32]] = code
        return base64.b32encode(code).decode()

    def new_agent(self):
        name, secret = "A" * 26, secrets.token_bytes(32)
        self.agents[name] = secret
        return name, secret

    def command(self, verb, params=None, number=None, lasts=60, forged=False, name=None):
        """Queue a signed command; return its number."""
        number = number or secrets.token_hex(8)
        secret = self.agents[name or next(iter(self.agents))]
        expires = moments.iso(time.time() + lasts)
        params = params or {}
        signed = mac(secret, "command", number, verb, expires, params_digest(params))
        self.queued.put(
            {
                "id": number,
                "verb": verb,
                "params": params,
                "expires": expires,
                "mac": "0" * 64 if forged else signed,
            }
        )
        return number

    def results(self):
        return {
            result["command"]: result
            for report in list(self.reports)
            for result in report.get("results", [])
        }

    def wait_for(self, condition, seconds=30):
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "the agent did not do it"
        return condition()

    def result(self, number):
        return self.wait_for(lambda: self.results().get(number))

    def handle(self, path, headers, body):
        """Status, answer and whether to sign it, and with what."""
        if self.down:
            return 503, {"error": "down"}, None
        name, at, nonce = (headers[f"Belldesk-{word}"] for word in ("Agent", "Time", "Nonce"))
        code = self.codes.get(name) if path.endswith("/enrol") else None
        key = signing.enrol_key(code) if code else self.agents.get(name)
        wanted = mac(key or b"", "request", "POST", path, at, nonce, sha(body))
        if key is None or headers["Belldesk-Mac"] != wanted or nonce in self.nonces:
            return 401, {"error": "refused"}, None
        self.nonces.append(nonce)
        now = time.time() - self.behind
        if abs(now - float(at)) > 300:
            return 401, {"error": "clock", "now": moments.iso(now)}, key
        unpacked = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
        message = json.loads(unpacked)
        known = {"enrol": self._enrol, "report": self._report, "wait": self._wait}
        answer = known[path.rpartition("/")[2]](name, message)
        return 200, {"now": moments.iso(now), **answer}, None if self.lie else key

    def _enrol(self, lookup, message):
        code, nonce, name = self.codes.pop(lookup), secrets.token_bytes(32), "B" * 26
        self.agents[name] = signing.agent_secret(code, signing.from_base64(message["nonce"]), nonce)
        self.enrolled = message
        answer = {"agent": name, "nonce": signing.to_base64(nonce), "state": "active"}
        return {**answer, "period": 1}

    def _report(self, _name, message):
        self.reports.append(message)
        return {**self.answer, "commands": []}

    def _wait(self, _name, _message):
        try:
            return {"commands": [self.queued.get(timeout=self.longest_wait)]}
        except queue.Empty:
            return {"commands": []}  # the agent asks again


def handler_of(desk):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer, key = desk.handle(self.path, self.headers, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            if key:
                nonce = self.headers["Belldesk-Nonce"]
                signed = mac(key, "answer", nonce, str(status), sha(data))
                self.send_header("Belldesk-Mac", signed)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            with desk.changed:
                desk.changed.notify_all()

        def handle(self):
            with suppress(ConnectionError, ssl.SSLError):  # the agent went away, as it may
                super().handle()

        def log_message(self, *_):
            pass

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def serving(desk, tls=None, port=0):
    """Serve the desk on a port of the machine; `tls` is (certificate file, key file)."""
    server = Server(("127.0.0.1", port), handler_of(desk))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    desk.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
