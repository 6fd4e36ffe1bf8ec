"""A desk on another machine: its address and our token, and how it is asked."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

import click

SECONDS = 60
LARGEST = 64 * 1024 * 1024  # octets of an answer


class RemoteError(click.ClickException):
    """The desk refused."""


class NotSignedInError(RemoteError):
    """There is no token, or it holds no more."""

    exit_code = 3  # 2 is wrong use of the command


class NotReachedError(RemoteError):
    """No desk answers there."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Login:
    """Whose token opens which desk."""

    url: str
    token: str = ""
    user: str = ""


class NoRedirects(HTTPRedirectHandler):
    """A password or a token must not follow to where somebody else says."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


def ask(
    login: Login, method: str, path: str, body: object = None, form: tuple[str, bytes] | None = None
) -> Any:
    """The JSON that the desk answers with; raise RemoteError for everything but success.

    `body` goes out as JSON, `form` (content type, octets) as it is.
    """
    headers = {"Accept": "application/json", "User-Agent": "belldesk"}
    if login.token:
        headers["Authorization"] = f"Bearer {login.token}"
    kind, data = form or ("application/json", None if body is None else json.dumps(body).encode())
    if data is not None:
        headers["Content-Type"] = kind
    request = Request(f"{login.url}/api/v1/{path}", data, headers, method=method)  # noqa: S310
    try:
        with opener().open(request, timeout=SECONDS) as answer:
            text = answer.read(LARGEST)
            return json.loads(text) if text else None
    except HTTPError as error:
        with error:
            raise refusal(error) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise NotReachedError(f"{login.url} cannot be reached: {reason}") from error
    except ValueError as error:
        raise strange(login.url) from error


def opener() -> OpenerDirector:
    return build_opener(NoRedirects)


def refusal(error: HTTPError) -> RemoteError:
    """The desk's own words, which are in the language of the user."""
    if 300 <= error.code < 400:
        return RemoteError(f"The desk has moved to {error.headers.get('Location')}: sign in there.")
    try:
        found = json.loads(error.read(LARGEST))["error"]
        field = f"{found['field']}: " if found.get("field") else ""
        words, code = f"{field}{found['message']}", found["code"]
    except (ValueError, KeyError, TypeError):
        return strange(error.url)
    expired = error.code == 401 and code != "wrong_credentials"
    return NotSignedInError(words) if expired else RemoteError(words)


def strange(url: str) -> RemoteError:
    return NotReachedError(f"{url} does not answer like a desk: is the address right?")


def checked(url: str) -> str:
    """The address of a desk as it is kept, without a slash at its end."""
    found = url.strip().rstrip("/")
    try:
        parts = urlsplit(found)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.query or parts.fragment:
        raise click.BadParameter("write it like https://desk.example.net", param_hint="URL")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        click.echo("Without https, others on the way can read the password.", err=True)
    return found


def file() -> Path:
    return Path(click.get_app_dir("belldesk")) / "login.json"


def kept() -> Login:
    """From BELLDESK_URL and BELLDESK_TOKEN, else from the file that `belldesk login` wrote."""
    url, token = os.environ.get("BELLDESK_URL", ""), os.environ.get("BELLDESK_TOKEN", "")
    if url and token:
        return Login(checked(url), token.strip())
    found = stored()
    if found is None:
        raise NotSignedInError("You are signed in to no desk. Type: belldesk login https://…")
    return found


def stored() -> Login | None:
    try:
        return Login(**json.loads(file().read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        words = f"{file()} cannot be read. Delete it, then sign in again."
        raise NotSignedInError(words) from error


def keep(login: Login) -> None:
    """For this user's eyes alone from its first octet on, and never half written."""
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        json.dump(asdict(login), out)
    draft.replace(path)


def forget() -> None:
    file().unlink(missing_ok=True)
