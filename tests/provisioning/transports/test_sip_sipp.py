"""SIPp, which shares nothing with us, as the phone: it takes NOTIFY and asks by SIP PnP."""

import contextlib
import socket
import subprocess
import threading

import pytest

from provisioning.transports.sip_notify import Credentials, Notifier, Target
from provisioning.transports.sip_pnp import Responder
from tests.daemons import DIE_WITH_ME, free_port, need, path_of

URL = "http://10.0.0.5/p/key/001565abcdef.cfg"

REPLY = """<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
{more}Content-Length: 0

]]></send>"""
OK = REPLY.format(status="200 OK", more="")
TRYING = REPLY.format(status="100 Trying", more="")
PLAIN = f'<recv request="NOTIFY"/>{TRYING}{OK}'
EVENT = (
    """<recv request="NOTIFY"><action>
<ereg regexp="^ *check-sync;reboot=true$" search_in="hdr" header="Event:" check_it="true"
 assign_to="event"/>
<ereg regexp="^ *terminated$" search_in="hdr" header="Subscription-State:" check_it="true"
 assign_to="state"/>
</action></recv><Reference variables="event,state"/>"""
    + OK
)
WHO = REPLY.format(
    status="401 Unauthorized",
    more='WWW-Authenticate: Digest realm="phone", nonce="47ebe028cda119c35d4877b383027d28", '
    'qop="auth", algorithm=MD5\n',
)
CHALLENGE = f"""<recv request="NOTIFY"/>{WHO}
<recv request="NOTIFY"><action>
<verifyauth assign_to="valid" username="200" password="secret"/>
</action></recv>
<nop test="valid" next="good"/>
{REPLY.format(status="403 Forbidden", more="")}
<nop next="end"/>
<label id="good"/>
{OK}
<label id="end"/>"""
SUBSCRIBE = """<send retrans="500"><![CDATA[
SUBSCRIBE sip:MAC001565abcdef@224.0.1.75 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
From: <sip:MAC001565abcdef@224.0.1.75>;tag=[call_number]
To: <sip:MAC001565abcdef@224.0.1.75>
Call-ID: [call_id]
CSeq: 1 SUBSCRIBE
Max-Forwards: 70
Contact: <sip:MAC001565abcdef@[local_ip]:[local_port]>
Event: ua-profile;profile-type="device";vendor="Yealink";model="T21D";version="34.72.14.6"
Expires: 0
Accept: application/url
Content-Length: 0

]]></send>
<recv response="200"/>
<recv request="NOTIFY"><action>
<ereg regexp="application/url" search_in="hdr" header="Content-Type:" check_it="true"
 assign_to="kind"/>
<ereg regexp="http://10.0.0.5/p/key/001565abcdef.cfg" search_in="body" check_it="true"
 assign_to="url"/>
</action></recv><Reference variables="kind,url"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>"""


@contextlib.contextmanager
def sipp(folder, scenario, *options):
    """Run SIPp for the length of the block, in which its one kind of call must succeed."""
    need("sipp")
    file = folder / "scenario.xml"
    text = f'<?xml version="1.0" encoding="ISO-8859-1"?><scenario name="x">{scenario}</scenario>'
    file.write_text(text)
    command = [*DIE_WITH_ME, path_of("sipp"), "-sf", str(file), "-i", "127.0.0.1", "-nostdin"]
    command += ["-timeout", "25", "-timeout_error", *options]
    log = folder / "sipp.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            yield process
            assert process.wait(40) == 0, log.read_text()[-3000:]
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("calls", [1, 200])
def test_sipp_takes_notifies(tmp_path, calls):
    port = free_port(socket.SOCK_DGRAM)
    with sipp(tmp_path, PLAIN, "-p", str(port), "-m", str(calls)):
        outcomes = Notifier().run([Target("127.0.0.1", port=port, user="200")] * calls)
        assert {outcome.code for outcome in outcomes} == {200}


def test_sipp_takes_a_notify_over_tcp(tmp_path):
    port = free_port()
    with sipp(tmp_path, PLAIN, "-p", str(port), "-m", "1", "-t", "t1"):
        wait_for(port)
        target = Target("127.0.0.1", port=port, user="200", transport="tcp")
        [outcome] = Notifier().run([target])
        assert (outcome.code, outcome.reason) == (200, "OK")


def test_sipp_reads_the_event(tmp_path):
    port = free_port(socket.SOCK_DGRAM)
    with sipp(tmp_path, EVENT, "-p", str(port), "-m", "1"):
        target = Target("127.0.0.1", event="check-sync;reboot=true", port=port)
        [outcome] = Notifier().run([target])
        assert outcome.code == 200


@pytest.mark.parametrize(("password", "code"), [("secret", 200), ("wrong", 403)])
def test_sipp_verifies_the_proof(tmp_path, password, code):
    port = free_port(socket.SOCK_DGRAM)
    with sipp(tmp_path, CHALLENGE, "-p", str(port), "-m", "1"):
        known = Credentials("200", password)
        [outcome] = Notifier().run([Target("127.0.0.1", port=port, user="200", credentials=known)])
        assert outcome.code == code


@pytest.mark.parametrize("calls", [1, 10])
def test_sipp_asks_by_sip_pnp_and_gets_its_url(tmp_path, calls):
    asked = []

    def answer(request):
        asked.append(request)
        return URL

    responder = Responder(answer, host="127.0.0.1", ports=(0,))
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        port = free_port(socket.SOCK_DGRAM)
        options = ["-p", str(port), "-m", str(calls), "-r", "5", "-l", "3"]
        with sipp(tmp_path, SUBSCRIBE, *options, f"127.0.0.1:{responder.ports[0]}"):
            pass
    finally:
        responder.stop()
        thread.join(10)
    assert [request.mac for request in asked] == ["001565abcdef"] * calls


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        threading.Event().wait(0.05)
