"""How gunicorn runs Belldesk: `gunicorn -c python:webapp.gunicorn_conf wsgi:app`."""

import logging
import os
import re

from webapp.config import Config

desk = Config.from_environment()  # gunicorn passes over names that are no setting of its own
bind = f"[{desk.host}]:{desk.port}" if ":" in desk.host else f"{desk.host}:{desk.port}"
workers = desk.web_workers
worker_class = "gthread"
# Agents that wait for a command each hold one; they cost next to nothing there.
threads = 4 + max(4, desk.agents_waiting)
keepalive = 15
timeout = 60
graceful_timeout = 10
# Phones substitute display names verbatim into what they ask for; these two are the mildest
# ways of gunicorn to read what is not quite HTTP.
strip_header_spaces = True
permit_obsolete_folding = True
# It would lie in the home folder, shared by every installation of this user.
control_socket_disable = True
# Believed from 127.0.0.1 by default, they would let a stranger behind a proxy move the path.
forwarder_headers = ""
# The database, its journal and what else we write is for this user alone.
umask = 0o077
accesslog = None
errorlog = "-"
# For our own loggers; gunicorn's write by themselves.
logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
loglevel = os.environ.get("BELLDESK_LOG_LEVEL", "warning")


def hide_keys(record: logging.LogRecord) -> bool:
    """A request that is no HTTP is logged whole, and a phone's address holds its site's key."""
    record.msg, record.args = re.sub(r"(?i)/p/[^/\s]+", "/p/•••", record.getMessage()), ()
    return True


logging.getLogger("gunicorn.error").addFilter(hide_keys)
