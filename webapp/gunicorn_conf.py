"""How gunicorn runs Belldesk: `gunicorn -c python:webapp.gunicorn_conf wsgi:app`."""

import logging
import os

from webapp.config import Config

desk = Config.from_environment()  # gunicorn passes over names that are no setting of its own
bind = f"[{desk.host}]:{desk.port}" if ":" in desk.host else f"{desk.host}:{desk.port}"
workers = desk.web_workers
worker_class = "gthread"
threads = 8
keepalive = 15
timeout = 60
graceful_timeout = 10
# Phones substitute display names verbatim into what they ask for; these two are the mildest
# ways of gunicorn to read what is not quite HTTP.
strip_header_spaces = True
permit_obsolete_folding = True
# It would lie in the home folder, shared by every installation of this user.
control_socket_disable = True
accesslog = None
errorlog = "-"
# For our own loggers; gunicorn's write by themselves.
logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
loglevel = os.environ.get("BELLDESK_LOG_LEVEL", "warning")
