"""What the kinds of runs do differently; everything else is the same for all of them."""

from dataclasses import dataclass

from webapp.jobs import making
from webapp.jobs.making import Make


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` says what becomes of the phones' files. `pushes`: the phones are then told, at a pace.

    `staged`: a few phones first, the others only when those have come back.
    """

    make: Make
    pushes: bool = False
    staged: bool = False


KINDS = {
    "provision": Kind(making.render),
    "deliver": Kind(making.keep, pushes=True),
    "rollout": Kind(making.render_and_remember, pushes=True, staged=True),
    "rollback": Kind(making.go_back, pushes=True),
}
