"""Windows of X11, by the hints of EWMH; without a window manager, by the tree of windows."""

from __future__ import annotations

import os
from typing import Any

from agent.verbs import seat
from agent.verbs.desktop import Window
from agent.verbs.errors import VerbError

try:
    from Xlib import X, Xatom, error
    from Xlib.display import Display
    from Xlib.protocol.event import ClientMessage
except ImportError:  # it is optional: all else works without
    Display = None

MOST_WORDS = 4096
NEEDS_XLIB = "Listing windows needs python-xlib (python3-xlib) beside the agent."
NO_WAYLAND = "This is a Wayland session: it shows no program the windows of others."


class Desktop:
    def __init__(self) -> None:
        if Display is None:
            raise VerbError(NEEDS_XLIB)
        here = seat.find().environment
        if not here.get("DISPLAY"):
            raise VerbError(NO_WAYLAND)
        if here.get("XAUTHORITY"):
            os.environ["XAUTHORITY"] = here["XAUTHORITY"]  # where Xlib looks; nobody else does
        try:
            self._display = Display(here["DISPLAY"])
        except (error.DisplayError, error.XError, OSError) as problem:
            raise VerbError(f"The screen cannot be opened: {problem}") from None
        self._root = self._display.screen().root

    def leave(self) -> None:
        self._display.close()

    def windows(self) -> list[Window]:
        found = []
        for number in self._numbers():
            try:
                window = self._display.create_resource_object("window", number)
                title = self._title(window)
                if title:
                    found.append(Window(number, title, self._pid(window), kind(window)))
            except (error.XError, error.ConnectionClosedError):
                continue  # gone since
        return found

    def ask_to_close(self, window: Window) -> str:
        target = self._display.create_resource_object("window", window.number)
        try:
            if self._atom("_NET_CLOSE_WINDOW") in self._values(self._root, "_NET_SUPPORTED"):
                self._send(self._root, target, "_NET_CLOSE_WINDOW", (X.CurrentTime, 2, 0, 0, 0))
            elif self._atom("WM_DELETE_WINDOW") in self._values(target, "WM_PROTOCOLS"):
                data = (self._atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0)
                self._send(target, target, "WM_PROTOCOLS", data)
            else:
                return "It does not understand a request to close."
        except error.XError:
            return ""  # gone already
        return ""

    def _numbers(self) -> list[int]:
        managed = self._values(self._root, "_NET_CLIENT_LIST")
        if managed:
            return managed
        children = self._root.query_tree().children
        return [child.id for child in children if self._is_shown(child)]

    def _is_shown(self, window: Any) -> bool:
        try:
            attributes = window.get_attributes()
        except error.XError:
            return False
        return bool(attributes.map_state == X.IsViewable and not attributes.override_redirect)

    def _send(self, to: Any, about: Any, name: str, data: tuple[int, ...]) -> None:
        event = ClientMessage(window=about, client_type=self._atom(name), data=(32, data))
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask if to is self._root else 0
        to.send_event(event, event_mask=mask)
        self._display.sync()

    def _title(self, window: Any) -> str:
        for name in ("_NET_WM_NAME", "WM_NAME"):
            found = window.get_full_property(self._atom(name), X.AnyPropertyType)
            if found is not None and found.value:
                value = found.value
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return ""

    def _pid(self, window: Any) -> int | None:
        return next(iter(self._values(window, "_NET_WM_PID", Xatom.CARDINAL)), None)

    def _values(self, window: Any, name: str, kind: int = 0) -> list[int]:
        found = window.get_full_property(self._atom(name), kind or X.AnyPropertyType)
        return [] if found is None or found.format != 32 else [int(one) for one in found.value]

    def _atom(self, name: str) -> int:
        return int(self._display.intern_atom(name))


def kind(window: Any) -> str:
    words = window.get_wm_class()
    return str(words[0]) if words else ""
