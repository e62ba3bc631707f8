"""How calendar steps are put together: which bucket of which tier, and which raw readings, belong to which step."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import width
from app.domain.spans import Span, merged, met_by, overlapping
from app.domain.tiers import RAW, TIERS, Freshness

Instants = NDArray[np.int64]
"""Microseconds since 1970."""


class Pieces(NamedTuple):
    """Spans `[start, end)` of one source, and the start of the step that each belongs to."""

    starts: Instants
    ends: Instants
    steps: Instants


class CalendarPlan(NamedTuple):
    """The edges of the steps, what they are made of by source (tiers and RAW), and the coarsest of these."""

    tier: str
    edges: Instants
    pieces: dict[str, Pieces]

    @property
    def steps(self) -> int:
        """How many steps there are, filled or not."""
        return len(self.edges) - 1


def plan_calendar(edges: Instants, freshness: Freshness) -> CalendarPlan:
    """Every instant between the first edge and the last once: buckets of the coarsest tier that lie within one step,
    are materialised and not touched; finer ones where these do not fit; raw readings for the rest."""
    whole = Span(int(edges[0]), int(edges[-1]))
    settled = min(max(freshness.watermark, whole.start), whole.end)
    pieces: dict[str, Pieces] = {}
    left = np.array([[whole.start, settled]], np.int64)
    for tier, watermark in reversed(list(zip(TIERS, freshness.watermarks, strict=True))):
        starts = _within(left, tier.width)
        ends = starts + tier.width
        fits = (_step(edges, starts) == _step(edges, ends - 1)) & (starts >= whole.start)
        fits &= (ends <= min(watermark, whole.end)) & ~met_by(starts, ends, freshness.touched)
        if fits.any():
            pieces[tier.name] = _labelled(edges, starts[fits], ends[fits])
        left = np.stack([starts[~fits], ends[~fits]], axis=1)
    rest = [Span(int(start), int(end)) for start, end in left.tolist()]
    raw = overlapping(merged([*rest, Span(settled, whole.end)]), *whole)
    if raw:
        pieces[RAW] = _labelled(edges, *_cut(edges, raw))
    named = [tier.name for tier in TIERS if tier.name in pieces]
    return CalendarPlan(named[-1] if named else RAW, edges, pieces)


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
