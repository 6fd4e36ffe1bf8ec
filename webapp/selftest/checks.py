"""What is tried, how much it counts, and what to change when it gets through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provisioning.errors import N_
from webapp.selftest import attacks
from webapp.selftest.attacks import Result
from webapp.selftest.decoys import Decoy
from webapp.selftest.doors import Doors

CACHE = N_(
    "Something in front of the door answers without asking it: switch off its cache for /p/."
)
REPORT = N_("This should not be possible. Report it, please.")
POLICY = N_(
    "At this site whoever is in its networks gets any phone's file. Choose the policy “armed” or"
    " “strict” for it, or make its networks narrower."
)
TFTP = N_(
    "TFTP knows no keys. Choose the policy “armed” or “strict” for this site, or start Belldesk"
    " without the TFTP door."
)
FRONT = N_(
    "Look at the web server in front of Belldesk: it must hand addresses and error pages on as they"
    " are, and serve no files beside it."
)
LATER = N_("Try again when the server has less to do. If it stays so, report it, please.")


@dataclass(frozen=True, slots=True)
class Check:
    """An attack gets the doors and two decoys. `weight`: points lost when it gets through;
    `policy`: the only policy of a site where it makes sense, "" for all."""

    key: str
    title: str
    weight: int
    attack: Callable[[Doors, Decoy, Decoy], Result]
    remedy: str
    leak: str = N_("Tried %(tries)s times, got something %(leaks)s times")
    policy: str = ""


CHECKS = (
    Check("without_key", N_("Ask without a key"), 15, attacks.without_key, FRONT),
    Check("wrong_keys", N_("Guess keys, some nearly right"), 15, attacks.wrong_keys, CACHE),
    Check("old_key", N_("Come with a key that was rotated away"), 10, attacks.old_key, CACHE),
    Check(
        "other_phones_key",
        N_("Ask with one phone's key for another phone's file"),
        15,
        attacks.other_phones_key,
        CACHE,
    ),
    Check(
        "closed_window",
        N_("Come with the site's key when the window is closed"),
        10,
        attacks.closed_window,
        POLICY,
    ),
    Check(
        "bootstrap",
        N_("Look for secrets in a phone's first file"),
        10,
        attacks.bootstrap,
        REPORT,
        policy="strict",
    ),
    Check("over_tftp", N_("Ask over TFTP"), 10, attacks.over_tftp, TFTP),
    Check("path_tricks", N_("Climb out of the folder"), 10, attacks.path_tricks, FRONT),
    Check(
        "equality",
        N_("Tell causes of refusal apart by what is said"),
        5,
        attacks.equality,
        FRONT,
        N_("These refusals differ from the others: %(causes)s"),
    ),
    Check(
        "timing",
        N_("Tell causes of refusal apart by the time they take"),
        5,
        attacks.timing,
        LATER,
        N_("Between %(quick)s and %(slow)s ms"),
    ),
    Check("neighbours", N_("Walk over a phone's neighbours"), 15, attacks.neighbours, REPORT),
)


def finding(check: Check, site: str, result: Result | None) -> dict[str, Any]:
    """One row of the report. `passed` is None when the door did not answer."""
    row: dict[str, Any] = {"key": check.key, "title": check.title, "site": site}
    row["weight"] = check.weight
    if result is None:
        silent = {"message": N_("The door does not answer"), "params": {}, "remedy": ""}
        return row | {"passed": None} | silent
    passed = not result.leaks
    params = {"tries": result.tries, "leaks": result.leaks, **result.told}
    message = N_("Tried %(tries)s times, nothing was to be had") if passed else check.leak
    remedy = "" if passed else check.remedy
    return row | {"passed": passed, "message": message, "params": params, "remedy": remedy}


def score(findings: list[dict[str, Any]]) -> int:
    """Points kept of those that were at stake, 0 to 100; each check counts with its worst site."""
    at_stake: dict[str, int] = {}
    lost: dict[str, int] = {}
    for row in findings:
        if row["passed"] is None:
            continue
        at_stake[row["key"]] = row["weight"]
        if not row["passed"]:
            lost[row["key"]] = row["weight"]
    total = sum(at_stake.values())
    return round(100 * (total - sum(lost.values())) / total) if total else 0
