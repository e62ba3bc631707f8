"""Policies: a finer source is never kept longer than what is made of it."""

from datetime import timedelta

import pytest

from app.domain.policy import Policy, check_policies
from app.errors import BadInput


def kept(**days: int | None) -> dict[str, Policy]:
    return {name: Policy(timedelta(days=number) if number is not None else None) for name, number in days.items()}


@pytest.mark.parametrize(
    "policies",
    [kept(), kept(RAW=30), kept(RAW=30, PT1M=30), kept(RAW=1, PT1M=60, PT15M=700), kept(RAW=30, PT6H=None)],
)
def test_policies_that_make_sense(policies: dict[str, Policy]) -> None:
    check_policies(policies)


@pytest.mark.parametrize(
    ("policies", "sentence"),
    [
        (kept(RAW=0), "a day is the shortest"),
        (kept(PT5M=30), "'PT5M' is neither RAW nor a tier. Write one of RAW, PT1M, PT15M, PT1H, PT6H"),
        (kept(RAW=31, PT1M=30), "RAW would be kept longer than PT1M"),
        (kept(PT1M=30), "RAW would be kept longer than PT1M"),
        (kept(RAW=3, PT1M=5, PT15M=4), "PT1M would be kept longer than PT15M"),
        ({"RAW": Policy(None, timedelta(hours=2))}, "a day is the shortest"),
    ],
)
def test_policies_that_do_not(policies: dict[str, Policy], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        check_policies(policies)
