"""The log of TerminalServices-LocalSessionManager, as XML: its times and names are in no
language, and every account may read it."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

from agent import moments, outside
from agent.facts.accounts import system_program

CHANNEL = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"
MEANINGS = {
    21: "Session logon succeeded",
    22: "Shell start notification received",
    23: "Session logoff succeeded",
    24: "Session has been disconnected",
    25: "Session reconnection succeeded",
    39: "Session was disconnected by another session",
    40: "Session was disconnected, with a reason",
    41: "Session arbitration began",
    42: "Session arbitration ended",
    54: "System shutdown was announced to the sessions",
    59: "Session event without a text",
}
MOST = 2000
EVENT = re.compile(r"<Event\b.*?</Event>", re.DOTALL)
NAMESPACE = re.compile(r"\sxmlns(:\w+)?=(['\"]).*?\2")

Event = dict[str, Any]


def read(since: str | None) -> list[Event]:
    if sys.platform != "win32":
        return []
    command = (system_program("wevtutil.exe"), "qe", CHANNEL, f"/q:{query(since)}", "/f:xml")
    options = (f"/c:{MOST}", "/rd:false", "/uni:true")
    return parse(outside.output(*command, *options, timeout=60, encoding="utf-16"))


def query(since: str | None) -> str:
    numbers = " or ".join(f"EventID={number}" for number in MEANINGS)
    after = f" and TimeCreated[@SystemTime>='{since.partition('/')[0]}']" if since else ""
    return f"*[System[({numbers}){after}]]"


def parse(text: str) -> list[Event]:
    """`wevtutil` writes event after event, without a root round them."""
    found = []
    for match in EVENT.finditer(text):
        try:
            # Written by Windows itself; expat takes neither outer entities nor, here, a DOCTYPE.
            root = ET.fromstring(NAMESPACE.sub("", match[0]))  # noqa: S314
            found.append(event(root))
        except (ET.ParseError, ValueError):
            continue
    return found


def event(root: ET.Element) -> Event:
    number, record = int(root.findtext("System/EventID", "")), root.findtext("System/EventRecordID")
    created = root.find("System/TimeCreated")
    told = "" if created is None else created.get("SystemTime", "")
    at = moments.iso(moments.seconds(told))
    data = {row.tag: (row.text or "").strip() for row in root.iterfind("UserData/EventXML/*")}
    session = data.get("SessionID") or data.get("Session") or data.get("TargetSession") or ""
    details = ", ".join(f"{key} {value}" for key, value in data.items() if value)
    meaning = MEANINGS.get(number, f"Event {number}")
    return {
        "uid": f"{at}/{record or number}"[:60],
        "at": at,
        "id": number,
        "source": "windows",
        "account": data.get("User", "")[:200],
        "session": session[:40],
        "address": address(data.get("Address", "")),
        "message": f"{meaning}: {details}"[:1000] if details else meaning,
    }


def address(text: str) -> str:
    """Windows writes LOCAL (LOKAL in German) for its own console, never translated addresses."""
    return text[:45] if re.fullmatch(r"[0-9a-fA-F.:]+(%\d+)?", text) else ""
