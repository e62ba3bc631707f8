"""Counters: each drop judged as the semantics say, and increases like those of a plain loop."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.counters import KINDS, DropKind, Drops, Overrule, Verdict, check_overrule, drops, increases, judge
from app.errors import BadInput

AT = datetime(2026, 3, 2, tzinfo=UTC)
DIP, ROLLOVER, RESET = DropKind.DIP, DropKind.ROLLOVER, DropKind.RESET


def array(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "modulus", "kind", "offset"),
    [
        (10, 9.5, 0.5, None, DIP, 0),
        (10, 9.25, 0.5, None, RESET, 10),
        (10, 9, 0, None, RESET, 10),
        (250, 3, 0, 256, ROLLOVER, 256),
        (250, 122, 0, 256, ROLLOVER, 256),
        (250, 123, 0, 256, RESET, 250),
        (250, 3, 0, None, RESET, 250),
        (255, 254.5, 0.5, 256, DIP, 0),
        (4, -3, 0, None, RESET, 4),
        (10, 0, 20, 8, DIP, 0),
        (1e150, 0, 0, None, RESET, 1e150),
    ],
)
def test_a_drop_is_a_dip_else_a_rollover_else_a_reset(
    before: float, after: float, tolerance: float, modulus: float | None, kind: DropKind, offset: float
) -> None:
    kinds, offsets = judge(array(before), array(after), tolerance, modulus)
    assert (KINDS[kinds[0]], offsets[0]) == (kind, offset)


def said(time: int, verdict: Verdict, base: float | None = None, note: str = "") -> Overrule:
    return Overrule(time, verdict, base, "somebody", AT, note)


def test_the_last_that_was_said_of_a_drop_counts_and_all_stay_listed() -> None:
    spoken = [
        said(5, Verdict.BASE, 2.0),
        said(7, Verdict.REPLACED),
        said(5, Verdict.NOT_A_RESET),
        said(6, Verdict.REPLACED),
    ]
    found = drops(np.array([5, 7, 9]), array(10, 20, 30), array(3, 4, 5), 0, None, spoken)
    assert found.offset.tolist() == [0, 16, 30]
    assert [KINDS[kind] for kind in found.kind] == [RESET] * 3, "what it was taken for stays to be seen"
    assert found.overrules == {5: [spoken[0], spoken[2]], 7: [spoken[1]]}
    based = drops(np.array([5]), array(10), array(3), 0, None, [said(5, Verdict.BASE, 2.0)])
    assert based.offset.tolist() == [8]


@pytest.mark.parametrize(
    ("overrule", "message"),
    [
        (said(5, Verdict.BASE), "A base belongs to the verdict BASE"),
        (said(5, Verdict.REPLACED, 1.0), "A base belongs to the verdict BASE"),
        (said(5, Verdict.BASE, math.nan), "A base is a number"),
        (said(5, Verdict.BASE, -1e200), "A base is a number"),
        (said(5, Verdict.BASE, 3.5), "The base 3.5 is above 3.0, the value after the drop"),
        (said(5, Verdict.REPLACED, note="x" * 1_001), "at most 1000 characters"),
        (said(5, Verdict.REPLACED, note="\x00"), "at most 1000 characters"),
    ],
)
def test_an_overrule_that_makes_no_sense_is_refused(overrule: Overrule, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_overrule(3.0, overrule)


def test_an_overrule_that_makes_sense_is_taken() -> None:
    for overrule in (
        said(5, Verdict.BASE, 3.0),
        said(5, Verdict.NOT_A_RESET),
        said(5, Verdict.REPLACED, note="pump 2"),
    ):
        check_overrule(3.0, overrule)


def plain(values: list[float | None], tolerance: float, modulus: float | None) -> list[float]:
    """What each usable reading adds to the one before it, the obvious way; None is a bad one."""
    added, before = [], None
    for value in values:
        if value is None:
            added.append(0.0)
            continue
        if before is None:
            added.append(0.0)
        elif value >= before or before - value <= tolerance:
            added.append(value - before)
        elif modulus and value - before + modulus <= modulus / 2:
            added.append(value - before + modulus)
        else:
            added.append(value)
        before = value
    return added


@given(
    st.lists(st.none() | st.integers(-40, 80), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(0, 39),
    st.sampled_from([0.0, 3.0]),
    st.sampled_from([None, 64.0]),
)
def test_increases_are_those_of_a_plain_loop(
    values: list[float | None], width: int, skip: int, tolerance: float, modulus: float | None
) -> None:
    """Readings one a tick, in buckets of `width` ticks, asked from one in the middle on."""
    added = plain(values, tolerance, modulus)
    usable = [(tick, value) for tick, value in enumerate(values) if value is not None]
    falls = [(tick, old, new) for (_, old), (tick, new) in pairwise(usable) if new < old]
    asked = min(skip, len(values) - 1) // width * width
    starts = list(range(asked, len(values), width))
    inside = [[each for each in usable if start <= each[0] < start + width] for start in starts]
    found = drops(
        np.array([tick for tick, _, _ in falls], np.int64),
        array(*(old for _, old, _ in falls)),
        array(*(new for _, _, new in falls)),
        tolerance,
        modulus,
        [],
    )
    before = [value for tick, value in usable if tick < asked]
    grown = increases(
        np.array(starts),
        np.array([each[-1][0] if each else start for each, start in zip(inside, starts, strict=True)]),
        array(*(each[0][1] if each else math.nan for each in inside)),
        array(*(each[-1][1] if each else math.nan for each in inside)),
        before[-1] if before else math.nan,
        found,
    )
    assert grown.tolist() == [math.fsum(added[start : start + width]) for start in starts]


def test_large_offsets_leave_small_steps_of_other_buckets_exact() -> None:
    times = np.array([5, 15])
    found: Drops = drops(times, array(1e15, 0.5), array(0.25, 0.125), 0, None, [])
    grown = increases(np.array([0, 10]), np.array([5, 15]), array(1e15, 0.5), array(0.25, 0.125), math.nan, found)
    assert grown.tolist() == [0.25, 0.375]


def test_a_drop_that_came_after_the_bucket_was_read_is_left_out() -> None:
    found = drops(np.array([5, 8]), array(10, 12), array(1, 2), 0, None, [])
    grown = increases(np.array([0]), np.array([6]), array(10), array(4), math.nan, found)
    assert grown.tolist() == [4.0]


def test_no_buckets_and_buckets_without_usable_readings_have_not_grown() -> None:
    assert increases(np.empty(0, np.int64), np.empty(0, np.int64), array(), array(), 5.0, None).tolist() == []
    nothing = array(math.nan, math.nan)
    assert increases(np.array([0, 10]), np.array([0, 10]), nothing, nothing, 5.0, None).tolist() == [0.0, 0.0]
