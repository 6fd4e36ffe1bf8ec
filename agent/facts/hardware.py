"""Processor, memory and disks."""

from __future__ import annotations

import os
import platform
import re
import sys
from contextlib import suppress
from typing import Any

import psutil

from agent import outside
from agent.facts import registry

PROCESSOR = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
NOT_DISKS = {"squashfs", "iso9660", "overlay", "tmpfs", "devtmpfs", "autofs"}
MOST = 50


def read_load() -> float:
    """Per cent of all cores since the last question; the first answer is 0."""
    return float(psutil.cpu_percent(interval=None))


def read_memory(_missing: list[str]) -> dict[str, int]:
    memory = psutil.virtual_memory()
    return {"total": memory.total, "used": memory.total - memory.available}


def read_total_memory(_missing: list[str]) -> dict[str, int]:
    return {"total": psutil.virtual_memory().total}


def read_processor(_missing: list[str]) -> dict[str, Any]:
    return {"name": processor_name()[:120], "cores": os.cpu_count() or 1}


def processor_name() -> str:
    if sys.platform == "win32":
        name = str(registry.values(PROCESSOR).get("ProcessorNameString", ""))
    elif sys.platform == "darwin":
        name = outside.output("sysctl", "-n", "machdep.cpu.brand_string")
    else:
        name = parse_cpuinfo(outside.text("/proc/cpuinfo"))
    return " ".join(name.split()) or platform.machine()


def parse_cpuinfo(text: str) -> str:
    """x86 says `model name`, a Raspberry Pi `Model`, other boards `Hardware`."""
    for key in ("model name", "Model", "Hardware"):
        if found := re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE):
            return found[1]
    return ""


def read_disks(_missing: list[str]) -> list[dict[str, Any]]:
    rows = []
    for part in psutil.disk_partitions(all=False):
        if part.fstype in NOT_DISKS or "cdrom" in part.opts:
            continue
        with suppress(OSError):  # a share that is away
            usage = psutil.disk_usage(part.mountpoint)
            rows.append(disk(part.mountpoint, part.device, usage.total, usage.used))
    return once(rows)[:MOST]


def disk(mount: str, device: str, total: int, used: int) -> dict[str, Any]:
    """`used` to a hundredth of the whole: else the facts would be new at every look."""
    step = max(total // 100, 1)
    return {"mount": mount, "device": device, "total": total, "used": round(used / step) * step}


def once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One device that is mounted in many places is one disk."""
    seen: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: len(row["mount"])):
        seen.setdefault(row.pop("device") or row["mount"], row)
    return list(seen.values())
