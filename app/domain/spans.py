"""Spans of time: half-open, in microseconds since 1970-01-01 UTC, merged so that few remain."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Span(NamedTuple):
    """`[start, end)`."""

    start: int
    end: int


def merged(spans: Iterable[Span], gap: int = 0) -> list[Span]:
    """The same time in as few spans as there are silences longer than `gap` between them, ascending."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end + gap:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def around(times: NDArray[np.int64], width: int, gap: int) -> list[Span]:
    """The whole multiples of `width` that hold these times, merged over silences of up to `gap`."""
    if not len(times):
        return []
    starts = np.unique(times // width) * width
    cuts = np.flatnonzero(np.diff(starts) > width + gap)
    firsts = starts[np.concatenate([[0], cuts + 1])]
    lasts = starts[np.concatenate([cuts, [len(starts) - 1]])]
    return [Span(int(first), int(last) + width) for first, last in zip(firsts, lasts, strict=True)]


def at_most(spans: list[Span], count: int) -> list[Span]:
    """No more than `count` spans that cover the given ones: the narrowest silences are filled first."""
    if len(spans) <= count:
        return spans
    silences = sorted(later.start - earlier.end for earlier, later in zip(spans, spans[1:], strict=False))
    return merged(spans, silences[len(spans) - count - 1])


def overlapping(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """The parts of the spans that lie in `[start, end)`."""
    parts = (Span(max(span.start, start), min(span.end, end)) for span in spans)
    return [part for part in parts if part.start < part.end]


def without(spans: Iterable[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of the spans without the holes, which are merged."""
    found = []
    for span in spans:
        inside = overlapping(holes, *span)
        starts = [span.start, *(hole.end for hole in inside)]
        ends = [*(hole.start for hole in inside), span.end]
        found += [Span(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    return found


def widened(span: Span, width: int) -> Span:
    """The whole multiples of `width` that hold the span."""
    return Span(span.start // width * width, -(-span.end // width) * width)


def met_by(starts: NDArray[np.int64], ends: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.bool_]:
    """Which of the intervals `[start, end)` share time with one of the spans, which are merged."""
    if not spans:
        return np.zeros(len(starts), np.bool_)
    edges = np.array(spans, np.int64)
    next_start = np.append(edges[:, 0], np.iinfo(np.int64).max)
    return np.asarray(next_start[np.searchsorted(edges[:, 1], starts, "right")] < ends)
