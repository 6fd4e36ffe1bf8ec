"""Reading one file over TFTP as a phone does (RFC 1350, 2347 to 2349)."""

import socket

from provisioning.transports import tftp_packets as packets

BLOCK = 1428
LIMIT = 4 * 1024 * 1024  # no file of a phone is longer; what is has gone wrong


def read(
    server: tuple[str, int], file: str, *, source: str = "", patience: float = 5.0
) -> bytes | None:
    """Return the file, None when it is refused; raise OSError when nobody answers in `patience`.

    Block and file size are negotiated. Lost packets are not asked for again: this is for the
    machine itself and for tests.
    """
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as phone:
        phone.settimeout(patience)
        if source:
            phone.bind((source, 0))
        phone.sendto(request(file), server)
        return _received(phone)


def request(file: str, opcode: int = packets.RRQ, mode: str = "octet") -> bytes:
    words = (file, mode, "blksize", str(BLOCK), "tsize", "0")
    return opcode.to_bytes(2, "big") + b"".join(word.encode() + b"\0" for word in words)


def _received(phone: socket.socket) -> bytes | None:
    body, expected, block = b"", 1, packets.BLOCK_SIZE
    while len(body) < LIMIT:
        datagram, peer = phone.recvfrom(BLOCK + 4)
        code, number = packets.opcode(datagram), int.from_bytes(datagram[2:4], "big")
        if code == packets.ERROR:
            return None
        if code == packets.OACK:
            block, number = _agreed(datagram), 0
        elif code == packets.DATA and number == expected & 0xFFFF:
            body += datagram[4:]
            expected += 1
        phone.sendto(packets.ACK.to_bytes(2, "big") + number.to_bytes(2, "big"), peer)
        if code == packets.DATA and len(datagram) - 4 < block and number == expected - 1 & 0xFFFF:
            return body
    raise OSError("the file does not end")


def _agreed(oack: bytes) -> int:
    words = oack[2:].split(b"\0")
    options = dict(zip(words[::2], words[1::2], strict=False))
    return int(options.get(b"blksize", packets.BLOCK_SIZE))
