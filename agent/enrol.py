"""Bring this computer in with a one-use code. The code itself stays here."""

from __future__ import annotations

import secrets
from typing import Any

from agent import __version__, signing
from agent.client import Client
from agent.errors import AgentError, NotBelievedError
from agent.state import State

PATH = "/agent/v1/enrol"


def enrol(
    state: State, url: str, code: str, certificate: str, facts: dict[str, Any], again: bool = False
) -> str:
    """Enrol and keep the secret; say whether the desk took it at once (`active`) or a person there
    must decide (`review`)."""
    if state.agent() and not again:
        raise AgentError("This computer is enrolled already; --again enrols it anew.")
    whole = signing.code_bytes(code)
    nonce = secrets.token_bytes(32)
    client = Client(url, signing.lookup(whole), signing.enrol_key(whole), certificate)
    answer = client.post(
        PATH,
        {
            "v": 1,
            "nonce": signing.to_base64(nonce),
            "identity": facts["identity"],
            "os": facts["os"],
            "version": __version__,
        },
    )
    try:
        desk_nonce, name = signing.from_base64(answer["nonce"]), str(answer["agent"])
    except (KeyError, TypeError, ValueError):
        raise NotBelievedError("The desk's answer lacks its nonce or the agent's name.") from None
    state.save_agent(
        {
            "url": url,
            "certificate": certificate,
            "agent": name,
            "secret": signing.to_base64(signing.agent_secret(whole, nonce, desk_nonce)),
        }
    )
    state.save_progress({})
    return str(answer.get("state", "active"))
