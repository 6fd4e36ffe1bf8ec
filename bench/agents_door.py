"""Two applications for bench/agents.py: the agents' door, and one that forgets what it hears."""

from dataclasses import replace
from typing import Any

from webapp import create_app
from webapp.config import Config
from webapp.doors import agents_door, mount

CONFIG = replace(Config.from_environment(), doors=frozenset({"agents"}))


def kept(environ: Any, start_response: Any) -> Any:
    return KEPT(environ, start_response)


def not_kept(environ: Any, start_response: Any) -> Any:
    return NOT_KEPT(environ, start_response)


KEPT = mount(create_app(CONFIG))
NOT_KEPT = mount(create_app(CONFIG))
agents_door(NOT_KEPT).log.add = lambda entry: None  # type: ignore[method-assign]
