"""Desk and agent know the same protected programs, though neither imports the other."""

from agent.verbs import processes
from webapp.control import params


def test_what_the_agent_protects_the_desk_protects_too():
    desk = params.PROTECTED.pattern.replace("|belldesk-agent.*", "")
    assert desk == processes.PROTECTED.pattern
    assert params.is_protected("belldesk-agent.exe", 4321)
    assert not params.is_protected("winword.exe", 4321)
