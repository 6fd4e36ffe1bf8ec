"""The attacks. Each knows nothing but addresses and tells what it got; nothing here reads a table.

A leak is an answer that holds a decoy's secret, or any file of a phone at all.
"""

import secrets
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from webapp.selftest.decoys import Decoy
from webapp.selftest.doors import Doors, Reply

NEIGHBOURS = 32  # to each side
WRONG_KEYS = 40
ROUNDS = 40  # of timing: each cause of refusal once a round, so that all see the same weather
FREE_MS, FREE_SHARE = 1.0, 0.35  # differences between medians that no network lets a thief use

TRICKS = (
    "/p/{key}/../{file}",
    "/p/{key}/..%2f..%2f..%2fetc/passwd",
    "/p/{key}/%2e%2e/%2e%2e/instance/keys",
    "/p/{key}/....//....//etc/passwd",
    "/p/{key}/..\\..\\instance\\keys",
    "/p/{key}//etc/passwd",
    "/p/{key}/{file}%00.txt",
    "/p/{key}/{file};x=1",
    "/p/{key}/{file}/",
    "/p/{key}%2f{file}",
    "/p/../p/{key}/{file}",
    "//p/{key}/{file}",
    "/P/{key}/{file}",
    "/p//{file}",
    "/p/*/{file}",
    "/p/%25/{file}",
    "/p/{key}/{file}?key={key}",
    "/static/../instance/belldesk.sqlite3",
    "/static/%2e%2e/%2e%2e/instance/keys",
    "/p/" + "A" * 6000 + "/{file}",
    "/p/{key}/" + "B" * 6000,
)
TFTP_TRICKS = ("../{file}", "/etc/passwd", "../../../../etc/passwd", "..\\..\\instance\\keys")


class Result(NamedTuple):
    """`tries` requests, `leaks` of which got what they should not; `told` goes into the words."""

    tries: int
    leaks: int
    told: dict[str, object] = {}


def leaked(decoy: Decoy, body: bytes | None) -> bool:
    return body is not None and decoy.secret in body


def opens(doors: Doors, decoy: Decoy) -> bool:
    """Its own key must open it, or the rest of the test would prove nothing."""
    return leaked(decoy, doors.get(f"/p/{decoy.key}/{decoy.file}").body)


def asked(doors: Doors, decoy: Decoy, paths: Iterator[str]) -> Result:
    """Ask for each path; a 200 below /p/ is a leak, whatever is in it."""
    tries = leaks = 0
    for path in paths:
        reply = doors.get(path)
        tries += 1
        leaks += leaked(decoy, reply.body) or (reply.status == 200 and path.startswith("/p/"))
    return Result(tries, leaks)


def without_key(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    places = ("/p/{}", "/{}", "/p//{}", "/static/{}", "/prov/{}", "/tftpboot/{}", "/p/{}/{}")
    return asked(doors, decoy, (place.format(decoy.file, decoy.file) for place in places))


def wrong_keys(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    guessed = (secrets.token_urlsafe(24) for _ in range(WRONG_KEYS))
    near = [decoy.key[:-1] + ("A" if decoy.key[-1] != "A" else "B"), decoy.key[:-1], "", "null"]
    return asked(doors, decoy, (f"/p/{key}/{decoy.file}" for key in (*near, *guessed)))


def old_key(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    return asked(doors, decoy, iter([f"/p/{decoy.old_key}/{decoy.file}"]))


def other_phones_key(doors: Doors, one: Decoy, other: Decoy) -> Result:
    paths = [f"/p/{one.key}/{other.file}", f"/p/{other.key}/{one.file}"]
    return asked(doors, one, iter(paths)) if one.key != other.key else Result(2, 2)


def closed_window(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    return asked(doors, decoy, iter([f"/p/{decoy.site_key}/{decoy.file}"]))


def bootstrap(doors: Doors, one: Decoy, armed: Decoy) -> Result:
    """In its window, and for the site's key: a file there may be, a secret must not be in it."""
    reply = doors.get(f"/p/{armed.site_key}/{armed.file}")
    return Result(1, int(leaked(armed, reply.body)))


def neighbours(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    return asked(doors, decoy, (f"/p/{decoy.site_key}/{file}" for file in around(decoy)))


def around(decoy: Decoy) -> Iterator[str]:
    middle = int(decoy.mac, 16)
    for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
        if step:
            yield decoy.file.lower().replace(decoy.mac, f"{middle + step:012x}")


def path_tricks(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    """With a key that opens nothing. What breaks the server (500 and more) counts as well."""
    tries = leaks = 0
    for trick in TRICKS:
        path = trick.format(key=decoy.old_key, file=decoy.file)
        reply = doors.get(path)
        tries += 1
        leaks += leaked(decoy, reply.body) or reply.status >= 500 or b"root:" in reply.body
    return Result(tries, leaks)


def over_tftp(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    """TFTP knows no keys: behind a closed window there is nothing to be had."""
    bodies = [doors.tftp(decoy.file), *(doors.tftp(t.format(file=decoy.file)) for t in TFTP_TRICKS)]
    return Result(len(bodies), sum(body is not None for body in bodies))


def refusals(decoy: Decoy) -> dict[str, str]:
    """A path for each cause of refusal that can be told from outside."""
    unknown = decoy.file.lower().replace(decoy.mac, f"06{secrets.token_hex(5)}")
    return {
        "unknown phone": f"/p/{decoy.site_key}/{unknown}",
        "wrong key": f"/p/{secrets.token_urlsafe(24)}/{decoy.file}",
        "both wrong": f"/p/{secrets.token_urlsafe(24)}/{unknown}",
        "closed window": f"/p/{decoy.site_key}/{decoy.file}",
        "old key": f"/p/{decoy.old_key}/{decoy.file}",
        "unknown file": f"/p/{decoy.key}/{decoy.mac}.nothing",
    }


def refused(doors: Doors, decoy: Decoy) -> dict[str, tuple[str, Reply]]:
    """Those of them that are refused: what a policy opens on purpose is another attack's matter."""
    replies = {cause: (path, doors.get(path)) for cause, path in refusals(decoy).items()}
    return {cause: found for cause, found in replies.items() if found[1].status != 200}


def equality(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    """Every refusal must be the same to the last octet."""
    seen: dict[tuple[object, ...], str] = {}
    replies = refused(doors, decoy)
    for cause, (_, reply) in replies.items():
        seen.setdefault(reply.refusal, cause)
    odd = list(seen.values())[1:]
    return Result(len(replies), len(odd), {"causes": ", ".join(odd)})


def timing(doors: Doors, decoy: Decoy, two: Decoy) -> Result:
    """Medians of many rounds; what no network lets a thief measure is not held against us."""
    paths = {cause: path for cause, (path, _) in refused(doors, decoy).items()}
    times: dict[str, list[float]] = {cause: [] for cause in paths}
    for _ in range(ROUNDS):
        for cause, path in paths.items():
            times[cause].append(doors.get(path).seconds)
    medians = {cause: statistics.median(each) * 1000 for cause, each in times.items()}
    quick, slow = min(medians.values()), max(medians.values())
    differs = slow - quick > max(FREE_MS, quick * FREE_SHARE)
    told: dict[str, object] = {"quick": f"{quick:.2f}", "slow": f"{slow:.2f}"}
    return Result(ROUNDS * len(paths), int(differs), told)
