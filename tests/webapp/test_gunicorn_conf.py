"""What our gunicorn does not tell."""

import os
import subprocess
import sys

from tests.servers import ROOT

REQUEST = "'GET /p/s1teKey_-s3cret/M\xfcller.cfg HTTP/1.1'"
SCRIPT = """
import logging, webapp.gunicorn_conf as conf
logging.getLogger("gunicorn.error").warning("Invalid request from ip=10.0.0.9: %s", {request!r})
assert conf.forwarder_headers == "" and conf.umask == 0o077
"""


def test_a_site_key_in_a_broken_request_is_not_logged(tmp_path):
    environment = os.environ | {"BELLDESK_INSTANCE": str(tmp_path), "BELLDESK_ENV": "test"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(request=REQUEST)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "s3cret" not in done.stderr
    assert "/p/•••/M\xfcller.cfg" in done.stderr
    assert "10.0.0.9" in done.stderr
