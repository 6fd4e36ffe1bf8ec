"""Windows of Windows, of the session that the agent runs in."""

from __future__ import annotations

import sys

from agent.verbs.desktop import Window
from agent.verbs.errors import VerbError

WM_CLOSE = 0x0010
GWL_EXSTYLE, WS_EX_TOOLWINDOW = -20, 0x80
GW_OWNER = 4
LONGEST_TITLE = 512


class Desktop:
    def __init__(self) -> None:
        if sys.platform == "win32" and session_number() == 0:
            raise VerbError(
                "The agent runs as a service, which sees nobody's windows: start it at sign-in."
            )

    def leave(self) -> None:
        """Nothing is held open."""

    def windows(self) -> list[Window]:
        found: list[Window] = []
        if sys.platform == "win32":
            import ctypes
            from ctypes import wintypes

            user32 = ctypes.windll.user32

            def look(handle: int, _: int) -> bool:
                style = user32.GetWindowLongW(wintypes.HWND(handle), GWL_EXSTYLE)
                hidden = not user32.IsWindowVisible(wintypes.HWND(handle))
                owned = user32.GetWindow(wintypes.HWND(handle), GW_OWNER)
                if not (hidden or owned or style & WS_EX_TOOLWINDOW):
                    title = ctypes.create_unicode_buffer(LONGEST_TITLE)
                    user32.GetWindowTextW(wintypes.HWND(handle), title, LONGEST_TITLE)
                    pid = wintypes.DWORD()
                    user32.GetWindowThreadProcessId(wintypes.HWND(handle), ctypes.byref(pid))
                    if title.value:
                        found.append(Window(int(handle), title.value, pid.value or None))
                return True

            kind = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
            user32.EnumWindows(kind(look), 0)
        return found

    def ask_to_close(self, window: Window) -> str:
        if sys.platform == "win32":
            import ctypes
            from ctypes import wintypes

            if not ctypes.windll.user32.PostMessageW(wintypes.HWND(window.number), WM_CLOSE, 0, 0):
                return "Windows does not let this account ask it to close."
        return ""


def session_number() -> int:
    """Of the agent: 0 is where services live."""
    if sys.platform != "win32":
        return 0
    import ctypes
    import os
    from ctypes import wintypes

    number = wintypes.DWORD()
    ctypes.windll.kernel32.ProcessIdToSessionId(os.getpid(), ctypes.byref(number))
    return int(number.value)


def say(title: str, words: str) -> bool:
    """In a box of Windows' own, to whoever sits here; nobody waits for the answer."""
    if sys.platform != "win32":
        return False
    import ctypes
    from ctypes import wintypes

    session = session_number() or ctypes.windll.kernel32.WTSGetActiveConsoleSessionId()
    answer = wintypes.DWORD()
    return bool(
        ctypes.windll.wtsapi32.WTSSendMessageW(
            None,
            wintypes.DWORD(session),
            title,
            wintypes.DWORD(len(title.encode("utf-16-le"))),
            words,
            wintypes.DWORD(len(words.encode("utf-16-le"))),
            wintypes.DWORD(0x40),  # MB_ICONINFORMATION
            wintypes.DWORD(300),
            ctypes.byref(answer),
            False,
        )
    )
