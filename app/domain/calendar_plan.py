"""How steps off the grid are put together, be they of a calendar or shifted: which bucket of which tier, and which raw
readings, belong to which step."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.calendar import MOST_STEPS
from app.domain.instants import width
from app.domain.spans import Span, merged, met_by, overlapping, without
from app.domain.tiers import RAW, TIERS, Freshness, check_kept, on_grid
from app.errors import BadInput

Instants = NDArray[np.int64]
"""Microseconds since 1970."""


class Pieces(NamedTuple):
    """Spans `[start, end)` of one source, and the start of the step that each belongs to."""

    starts: Instants
    ends: Instants
    steps: Instants


DAYS = "P1D"
"""The source of days that are kept for a series by the clocks of its plant: those of the calendar, or of production."""


class CalendarPlan(NamedTuple):
    """The edges of the steps, what they are made of by source (DAYS, tiers and RAW), and the coarsest of these."""

    tier: str
    edges: Instants
    pieces: dict[str, Pieces]

    @property
    def steps(self) -> int:
        """How many steps there are, filled or not."""
        return len(self.edges) - 1


def plan_calendar(edges: Instants, freshness: Freshness, days: Instants | None = None) -> CalendarPlan:
    """Every instant between the first edge and the last once: buckets of the coarsest tier that lie within one step,
    are materialised and not touched; finer ones where these do not fit; raw readings for the rest.

    `days` are the edges of those that are kept, which are whole minutes: they come first, within a step as all.
    BadInput where one of these is not kept any more: exact or nothing.
    """
    whole = Span(int(edges[0]), int(edges[-1]))
    settled = min(max(freshness.watermark, whole.start), whole.end)
    pieces: dict[str, Pieces] = {}
    kept = [] if days is None else _kept(edges, days, Span(whole.start, settled), freshness)
    if days is not None and kept:
        starts, ends = _cut(days, kept)
        pieces[DAYS] = _labelled(edges, starts, ends)
    cuts = np.union1d(edges, np.array(kept, np.int64).ravel())
    left = np.array(without([Span(whole.start, settled)], kept), np.int64).reshape(-1, 2)
    for tier, watermark in reversed(list(zip(TIERS, freshness.watermarks, strict=True))):
        starts = _outside(kept, _within(left, tier.width), tier.width)
        ends = starts + tier.width
        fits = (_step(cuts, starts) == _step(cuts, ends - 1)) & (starts >= whole.start)
        fits &= (ends <= min(watermark, whole.end)) & ~met_by(starts, ends, freshness.touched)
        if fits.any():
            pieces[tier.name] = _labelled(edges, starts[fits], ends[fits])
        left = np.stack([starts[~fits], ends[~fits]], axis=1)
    rest = [Span(int(start), int(end)) for start, end in left.tolist()]
    raw = overlapping(merged([*rest, Span(settled, whole.end)]), *whole)
    if raw:
        pieces[RAW] = _labelled(edges, *_cut(edges, raw))
    for source, found in pieces.items():
        # Days live as long as what they are made of.
        check_kept(TIERS[-1].name if source == DAYS else source, int(found.starts.min()), freshness)
    named = [name for name in (*(tier.name for tier in TIERS), DAYS) if name in pieces]
    return CalendarPlan(named[-1] if named else RAW, edges, pieces)


def plan_shifted(asked: Span, step: int, offset: int, freshness: Freshness) -> CalendarPlan:
    """Fixed steps on their grid, `[t, t + step)`, made of what was read at `[t + offset, t + offset + step)`: the edges
    are those of the readings, in microseconds as all. BadInput for more steps than an answer may have."""
    whole = on_grid(asked, step)
    if (whole.end - whole.start) // step > MOST_STEPS:
        raise BadInput(f"The range has more than {MOST_STEPS:,} steps.", "Ask for a shorter range or longer steps.")
    return plan_calendar(np.arange(whole.start, whole.end + 1, step, dtype=np.int64) + offset, freshness)


def price(plan: CalendarPlan, interval: timedelta | None, received: int) -> int:
    """Rows that one series' answer may touch: buckets, raw readings at the expected interval (one a second where none
    is set), or steps if these are more; never more than the series has received."""
    each = max(width(interval or timedelta(seconds=1)), 1)
    rows = sum(len(found.starts) for source, found in plan.pieces.items() if source != RAW)
    if raw := plan.pieces.get(RAW):
        rows += int((raw.ends - raw.starts).sum()) // each
    return min(max(rows, plan.steps), received)


def _within(spans: Instants, grain: int) -> Instants:
    """The starts of all multiples of `grain` that overlap the spans, which are ascending and apart."""
    found = [np.arange(start // grain * grain, end, grain, dtype=np.int64) for start, end in spans.tolist()]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def _kept(edges: Instants, days: Instants, settled: Span, freshness: Freshness) -> list[Span]:
    """The days that may be used, merged: they lie within a step, are materialised and not touched."""
    starts, ends = days[:-1], days[1:]
    fits = (_step(edges, starts) == _step(edges, ends - 1)) & (starts >= settled.start) & (ends <= settled.end)
    fits &= ~met_by(starts, ends, freshness.touched)
    return merged(Span(int(start), int(end)) for start, end in zip(starts[fits], ends[fits], strict=True))


def _outside(kept: Sequence[Span], starts: Instants, grain: int) -> Instants:
    """Without the buckets that lie in what is kept as a whole."""
    if not kept:
        return starts
    first, last = np.array(kept, np.int64).T
    found = np.searchsorted(first, starts, "right") - 1
    straddling: NDArray[np.bool_] = (found < 0) | (starts + grain > last[found])
    return starts[straddling]


def _step(edges: Instants, times: Instants) -> NDArray[np.intp]:
    return np.searchsorted(edges, times, "right") - 1


def _labelled(edges: Instants, starts: Instants, ends: Instants) -> Pieces:
    return Pieces(starts, ends, edges[_step(edges, starts)])


def _cut(edges: Instants, spans: Sequence[Span]) -> tuple[Instants, Instants]:
    """The spans, cut at the edges."""
    starts, ends = [], []
    for start, end in spans:
        inner = edges[(edges > start) & (edges < end)]
        starts.append(np.concatenate([[start], inner]))
        ends.append(np.concatenate([inner, [end]]))
    return np.concatenate(starts).astype(np.int64), np.concatenate(ends).astype(np.int64)
