"""All that a desk can make this computer do: no verb runs a shell, none takes arguments for one.

Each takes the command's params and an event that is set when the agent stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from agent.verbs import messages, processes, starting, tools, windows
from agent.verbs.errors import RefusedVerbError, VerbError

__all__ = ["KNOWN", "RefusedVerbError", "VerbError"]

Verb = Callable[[dict[str, Any], threading.Event], dict[str, Any]]

KNOWN: dict[str, Verb] = {
    "list_processes": processes.list_processes,
    "list_windows": windows.list_windows,
    "list_programs": tools.list_programs,
    "open": starting.open_,
    "close": windows.close,
    "close_all": windows.close_all,
    "terminate": processes.terminate,
    "message": messages.message,
    "probe": tools.probe,
}
