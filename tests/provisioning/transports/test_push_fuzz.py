"""Whatever answers in a phone's place: an outcome, in bounded time, and no exception."""

import socket
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.resync import Resync, ShellStep
from provisioning.transports.push import Peer, Times, http_push, ssh_push
from tests.provisioning.transports.push_phones import ways

TIMES = Times(connect=2, answer=0.5, whole=1)
(FANVIL,) = ways("fanvil", "http-push")
ADDRESS, _ = ways("audiocodes", "http-push")
SHELL = Resync(method="ssh", reboot=False, cost=1, shell=(ShellStep(says="look", command="x"),))
often = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

LINES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 100 Continue", b"HTTP/9.9 999 x"),
        *(b"HTTP/1.1 401 no", b"HTTP/1.1 302 Found", b"HTTP/1.1 308 x", b"HTTP/1.1 -1 x", b""),
        *(b"Content-Length: 5", b"Content-Length: -5", b"Content-Length: \xb2", b" folded"),
        *(b"Transfer-Encoding: chunked", b"5\r\nabcde", b"0", b"ffffffffffffffffff", b"-1", b"zz"),
        *(b"Location: http://[", b"Location: //127.0.0.1:99999/", b"Location: /a b", b"Location:"),
        *(b"Location: https://127.0.0.1:1/", b"Location: \xff\xfe", b"Location: http://127.1/"),
        *(b'WWW-Authenticate: Digest realm="\xe9", nonce="a\\"', b"WWW-Authenticate: Basic"),
        *(b'WWW-Authenticate: Digest nonce="x", qop="auth-int"', b"WWW-Authenticate: Digest"),
        *(b'WWW-Authenticate: Digest nonce="\x01", algorithm=MD5', b"Set-Cookie: a\xff=b"),
        *(b"Set-Cookie: =; ;;", b"Set-Cookie: session=\x00\x07", b"Set-Cookie: session=1"),
        *(b"0123456789abcdef", b"Submit Success", b"logonButton"),
    ]
)
ANY = st.lists(LINES | st.binary(max_size=20), max_size=12)
STATUS = st.sampled_from([200, 301, 302, 308, 401, 403, 503]).map(lambda n: b"HTTP/1.1 %d x" % n)
HTTP = st.tuples(STATUS | LINES, ANY).map(lambda made: b"\r\n".join([made[0], *made[1]]))
SSH = st.tuples(
    st.sampled_from(
        [b"SSH-2.0-dropbear\r\n", b"SSH-1.5-x\n", b"SSH-2.0\r\n", b"SSH-\xff\r\n", b""]
    ),
    st.binary(max_size=600),
).map(b"".join)


class Stranger:
    """Gives the same answer to each connection, hears nothing, and hangs up."""

    def __init__(self):
        self.answer = b""
        self.door = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.door.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.door.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(1)
                connection.sendall(self.answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    def close(self):
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.thread.join()

    def peer(self):
        return Peer("127.0.0.1", "0c383e000001", "fanvil-x1sg", "admin", "secret", port=self.port)


@pytest.fixture
def stranger():
    found = Stranger()
    yield found
    found.close()


def holds(done):
    assert done.message % done.params
    assert "secret" not in repr(done)
    assert done.milliseconds < 1000 * (TIMES.whole + TIMES.connect + 5)


@often
@given(answer=HTTP, way=st.sampled_from([FANVIL, ADDRESS]))
def test_any_answer_of_a_web_server(stranger, answer, way):
    stranger.answer = answer
    done = http_push(
        stranger.peer(), replace(way, schemes=("http",)), body=b"x", url="http://a/", times=TIMES
    )
    holds(done)


@settings(often, max_examples=60)
@given(answer=HTTP)
def test_any_answer_to_a_greeting_of_tls(stranger, answer):
    stranger.answer = answer
    holds(http_push(stranger.peer(), FANVIL, body=b"x", url="http://a/", times=TIMES))


@settings(often, max_examples=60)
@given(answer=SSH)
def test_any_answer_of_a_shell(stranger, answer):
    stranger.answer = answer
    done = ssh_push(stranger.peer(), SHELL, body=b"x", url="http://a/", times=TIMES)
    assert not done.success
    holds(done)
