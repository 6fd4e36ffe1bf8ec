"""The web pages of a Fanvil phone, in a process of its own and without a line of Belldesk's code.

Prints {"ports": [...]} once it listens and then, unless --quiet, what is done to it. What it knows
is in vendors' facts: a nonce that holds on one connection only, one session at a time, an import
that answers 200 to anything, restarts, and fetches what the file says.
"""

import argparse
import asyncio
import hashlib
import re
import resource
import secrets
import threading

from pages import Pages, Reply, arguments, fetch, listen, say

LOGIN = '<form><input id="logonButton" type="submit"></form>'


class Fanvil:
    def __init__(self, args, upgrade=0):
        self.args = args
        self.nonces, self.session, self.empty = {}, None, args.empty
        self.pages = Pages(self.answer, args.manner, args.user, args.password, args.upgrade)

    def tell(self, **what):
        if not self.args.quiet:
            say(**what)

    def answer(self, request):
        if request.path == "/key==nonce":
            return self.give_nonce(request)
        if request.path == "/" and request.method == "POST":
            return self.sign_in(request)
        if request.path == "/cgi-bin/ConfigManApp.com":
            return self.press_key(request)
        if not self.session or request.cookies.get("auth") != self.session:
            return Reply(200, LOGIN)
        if request.path == "/config.htm":
            return self.take_file(request)
        if request.path == "/title.htm" and "DefaultLogout" in request.form:
            self.session = None
            self.tell(signed_out=True)
        return Reply(200, "<frameset></frameset>")

    def give_nonce(self, request):
        if self.empty > 0:
            self.empty -= 1
            return Reply(200, "")
        self.nonces[request.connection] = secrets.token_hex(8)
        return Reply(200, self.nonces[request.connection])

    def sign_in(self, request):
        nonce = self.nonces.get(request.connection)
        text = f"{self.args.user}:{self.args.password}:{nonce}"
        good = f"{self.args.user}:{hashlib.md5(text.encode()).hexdigest()}"
        cookie = request.cookies.get("auth")
        if not nonce or cookie != nonce or request.form.get("encoded") != good:
            self.tell(refused=True)
            return Reply(200, LOGIN)
        if self.session and self.args.single:
            return Reply(503, "Server Too Busy")
        self.session = nonce
        self.tell(signed_in=True)
        return Reply(200, "<frameset src=realws.htm></frameset>")

    def take_file(self, request):
        name, body = request.parts.get("CONFIG", (None, b""))
        if name is None:
            return Reply(200, "Submit Failed")
        self.session = None
        self.tell(uploaded=hashlib.sha256(body).hexdigest(), name=name)
        self.restart(body.decode(errors="replace"))
        if self.args.goes_away:
            return Reply(200, "", hang_up=True)
        return Reply(200, "Submit Success! The phone is rebooting ...", hang_up=True)

    def restart(self, config=""):
        found = re.search(r"<FlashServerIP>([^<]+)</FlashServerIP>", config)
        name = re.search(r"<FlashFileName>([^<]+)</FlashFileName>", config)
        self.tell(restarts=True)
        if found:
            file = (name[1] if name else "$mac.cfg").replace("$mac", self.args.mac)
            self.args.provision = f"{found[1].rstrip('/')}/{file}"
        self.provision()

    def provision(self):
        if self.args.provision:
            about = self.args.provision, f"Fanvil X1SG 2.4.12 {self.args.mac}"
            threading.Thread(target=fetch, args=about, daemon=True).start()

    def press_key(self, request):
        if refusal := Pages(None, "basic", self.args.user, self.args.password).challenge(request):
            return refusal
        self.tell(key=request.query)
        if request.query in ("key=Reboot", "key=AutoP"):
            self.provision()
        return Reply(200, "OK")


async def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--provision", default="", help="address it fetches its file from")
    parser.add_argument("--empty", type=int, default=0, help="nonces that come back empty")
    parser.add_argument("--single", action="store_true", help="one session at a time")
    parser.add_argument("--goes-away", action="store_true", help="no word after the import")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phones = [Fanvil(args) for _ in range(args.count)]
    _, ports = await listen([phone.pages for phone in phones], args)
    say(ports=ports)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
