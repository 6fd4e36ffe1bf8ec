"""What can go wrong between an agent and its desk; each message says the remedy."""

from __future__ import annotations


class AgentError(Exception):
    """Base of all that the agent raises on purpose."""


class DeskError(AgentError):
    """No answer of the desk that can be believed."""


class UnreachableError(DeskError):
    """Network, time-out, a proxy's error page: try again later."""


class RefusedError(DeskError):
    """The desk does not know this agent (any more). Nobody signed that: nothing is deleted."""


class NotBelievedError(DeskError):
    """The answer, or the certificate, is not the desk's: somebody stands between."""


class RejectedError(DeskError):
    """The desk understood who asks, and did not take the message."""
