"""How long raw readings and tiers are kept, and when they move to the columnstore: off until somebody sets it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from app.domain.tiers import SOURCES
from app.errors import BadInput

SHORTEST = timedelta(days=1)


class Policy(NamedTuple):
    """Of raw readings or of one tier; None is for ever, and never."""

    keep: timedelta | None = None
    columnstore_after: timedelta | None = None


def check_policies(policies: Mapping[str, Policy]) -> None:
    """BadInput for an unknown name, a duration below a day, or a finer source that is kept longer than a coarser one:
    a tier is made of the next finer one, and must not be made again of what is gone."""
    for name, policy in policies.items():
        if name not in SOURCES:
            raise BadInput(f"{name!r} is neither RAW nor a tier.", f"Write one of {', '.join(SOURCES)}.")
        if any(each is not None and each < SHORTEST for each in policy):
            raise BadInput(f"{name}: a day is the shortest that a policy can say.", "Write P1D or more.")
    finer: Sequence[str] = SOURCES[:-1]
    for name, coarser in zip(finer, SOURCES[1:], strict=True):
        ours, theirs = (policies.get(each, Policy()).keep for each in (name, coarser))
        if theirs is not None and (ours is None or ours > theirs):
            raise BadInput(
                f"{name} would be kept longer than {coarser}, which is made of it.",
                f"Keep {coarser} at least as long, or {name} shorter.",
            )
