"""How this computer starts the agent by itself: text to paste, with the paths of this computer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from agent.errors import AgentError

UNIT = """\
# {how}
[Unit]
Description=Belldesk agent
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={command}
Restart=always
RestartSec=60
{hardening}
[Install]
WantedBy={target}
"""
HARDENING = """\
StateDirectory=belldesk-agent
StateDirectoryMode=0700
MemoryMax=200M
"""
LAUNCHD = """\
<!-- {how} -->
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Label</key><string>net.belldesk.agent</string>
  <key>ProgramArguments</key><array>{words}</array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>60</integer>
</dict></plist>
"""
# What a task has by default would stop it on battery and after three days.
TASK = """\
# {how}
$do = New-ScheduledTaskAction -Execute {program} -Argument {arguments}
$at = New-ScheduledTaskTrigger -AtLogOn{user}
$how = New-ScheduledTaskSettingsSet -ExecutionTimeLimit 0 -AllowStartIfOnBatteries `
  -DontStopIfGoingOnBatteries -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1)
{principal}Register-ScheduledTask "Belldesk agent" -Force -Action $do -Trigger $at `
  -Settings $how{who}
Start-ScheduledTask "Belldesk agent"
"""
EVERYBODY = """\
$who = New-ScheduledTaskPrincipal -GroupId S-1-5-32-545  # Users: in the session of who signs in
"""


def text(system: str, program: str, words: list[str], for_user: bool) -> str:
    """`system` is sys.platform; `for_user`: for this account alone, without administrator."""
    if system == "win32":
        return windows(program, words, for_user)
    if system == "darwin":
        return launchd([program, *words], for_user)
    return systemd([program, *words], for_user)


def systemd(words: list[str], for_user: bool) -> str:
    folder = "~/.config/systemd/user" if for_user else "/etc/systemd/system"
    control = "systemctl --user" if for_user else "systemctl"
    return UNIT.format(
        how=f"{folder}/belldesk-agent.service, then: {control} enable --now belldesk-agent",
        command=" ".join(systemd_word(word) for word in words),
        hardening="" if for_user else HARDENING,
        target="default.target" if for_user else "multi-user.target",
    )


def systemd_word(word: str) -> str:
    marked = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{marked}"' if marked != word or " " in word else word


def launchd(words: list[str], for_user: bool) -> str:
    folder = "~/Library/LaunchAgents" if for_user else "/Library/LaunchAgents"
    path = f"{folder}/net.belldesk.agent.plist"
    strings = "".join(f"<string>{escape(word)}</string>" for word in words)
    how = f"{path}, then: launchctl bootstrap gui/$(id -u) {path}"
    first, rest = LAUNCHD.format(how=how, words=strings).split("\n", 1)
    xml, rest = rest.split("\n", 1)  # the declaration must stand first
    return f"{xml}\n{first}\n{rest}"


def windows(program: str, words: list[str], for_user: bool) -> str:
    who = "this account" if for_user else "all; as administrator"
    return TASK.format(
        how=f"Paste into PowerShell (for {who}); it opens no window",
        program=powershell_word(windowless(program)),
        arguments=powershell_word(" ".join(f'"{word}"' for word in words)),
        user=" -User $env:USERNAME" if for_user else "",
        principal="" if for_user else EVERYBODY,
        who="" if for_user else " -Principal $who",
    )


def windowless(program: str) -> str:
    """pythonw.exe beside python.exe: the latter opens a console."""
    head, mark, name = program.rpartition("\\")
    return f"{head}{mark}pythonw.exe" if name.lower() in ("python.exe", "py.exe") else program


def powershell_word(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def this_file() -> str:
    """The one file that the agent came as."""
    path = Path(sys.argv[0]).resolve()
    if path.is_dir() or path.name == "__main__.py":
        raise AgentError("Build one file first: belldesk agent build")
    return os.fspath(path)
