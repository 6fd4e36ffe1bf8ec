"""How gunicorn runs Belldesk: `gunicorn -c python:webapp.gunicorn_conf wsgi:app`."""

import os

bind = f"{os.environ.get('BELLDESK_HOST', '0.0.0.0')}:{os.environ.get('BELLDESK_PORT', '8000')}"  # noqa: S104
workers = int(os.environ.get("BELLDESK_WEB_WORKERS", "2"))
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
loglevel = os.environ.get("BELLDESK_LOG_LEVEL", "warning")
