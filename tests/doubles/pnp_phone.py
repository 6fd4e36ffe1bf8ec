"""A factory-new phone: asks the group by SIP PnP for some five seconds, and takes one URL.

Without a line of Belldesk's code. Prints what it got as JSON: {"url": ..., "from": ...} or {}.
"""

import argparse
import json
import socket
import sys
import time

SUBSCRIBE = """SUBSCRIBE sip:{user}@{group} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}
From: <sip:{user}@{group}>;tag={port}
To: <sip:{user}@{group}>
Call-ID: {port}@{host}
CSeq: 1 SUBSCRIBE
Contact: <sip:{user}@{host}:{port}>
Event: {event}
Expires: 0
Accept: application/url
Content-Length: 0

"""
YEALINK = 'ua-profile;profile-type="device";vendor="Yealink";model="T21D";version="34.72.14.6"'
OK = ("Via", "From", "To", "Call-ID", "CSeq")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--group", default="224.0.1.75")
    parser.add_argument("--group-port", type=int, default=5060)
    parser.add_argument("--user", default="MAC001565abcdef")
    parser.add_argument("--event", default=YEALINK)
    args = parser.parse_args()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((args.host, 0))
        sock.settimeout(0.5)
        here = socket.inet_aton(args.host)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        sys.stdout.write(json.dumps(ask(sock, args)) + "\n")


def ask(sock, args):
    words = vars(args) | {"port": sock.getsockname()[1]}
    message = SUBSCRIBE.format(**words).replace("\n", "\r\n").encode()
    accepted, end = False, time.monotonic() + 5
    while time.monotonic() < end:
        sock.sendto(message, (args.group, args.group_port))
        try:
            while True:
                data, peer = sock.recvfrom(65535)
                head, _, body = data.decode().partition("\r\n\r\n")
                accepted = accepted or head.startswith("SIP/2.0 200")
                if accepted and head.startswith("NOTIFY "):
                    confirm(sock, head, peer)
                    return {"url": body, "from": peer[0]}
        except TimeoutError:
            continue
    return {}


def confirm(sock, head, peer):
    kept = [line for line in head.split("\r\n") if line.partition(":")[0] in OK]
    lines = ["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]
    sock.sendto("\r\n".join(lines).encode(), peer)


if __name__ == "__main__":
    main()
