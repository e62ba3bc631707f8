"""What tiers have to answer, the obvious way, and what they do answer."""

import math
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np

from app.domain.instants import SECOND, microseconds
from app.domain.model import SeriesId
from app.domain.rows import Rows
from app.domain.spans import Span
from app.domain.tiers import ORIGIN, plan_buckets
from app.store.buckets import BucketReader, measures
from app.store.database import Database
from app.store.tiers import TierKeeper
from tests.holdings import rows_from

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
Reading = tuple[int, int, float, int]
"""Series, seconds after the base, value, status."""


def rows(readings: list[Reading]) -> Rows:
    return rows_from(BASE, readings)


def truth(readings: list[Reading], width: int) -> dict[int, dict[int, tuple[object, ...]]]:
    """Series to start in seconds to (good, uncertain, bad, sum, minimum, maximum, first, last), the obvious way."""
    kept = {(series, seconds): (value, status) for series, seconds, value, status in readings}
    buckets: dict[int, dict[int, list[tuple[int, float, int]]]] = defaultdict(lambda: defaultdict(list))
    for (series, seconds), (value, status) in sorted(kept.items()):
        start = seconds - (seconds + (BASE - ORIGIN) // SECOND) % width
        buckets[series][start].append((seconds, value, status))
    answer: dict[int, dict[int, tuple[object, ...]]] = {}
    for series, found in buckets.items():
        answer[series] = {}
        for start, inside in found.items():
            usable = [value for _, value, status in inside if status < 0x80000000]
            uncertain = sum(0x40000000 <= status < 0x80000000 for _, _, status in inside)
            ends = (math.fsum(usable), min(usable), max(usable), usable[0], usable[-1]) if usable else (None,) * 5
            answer[series][start] = (len(usable) - uncertain, uncertain, len(inside) - len(usable), *ends)
    return answer


async def answered(database: Database, width: int, series: range, end: int) -> dict[int, dict[int, tuple[object, ...]]]:
    """The same from the store, from tier and raw rows as they stand at this moment."""
    freshness = await TierKeeper(database).freshness()
    plan = plan_buckets(Span(BASE, BASE + end * SECOND), width * SECOND, freshness)
    found = await BucketReader(database).buckets_by_series(
        [SeriesId(number) for number in series], plan, measures(database.engine)
    )
    names = ("good", "uncertain", "bad", "sum", "minimum", "maximum", "first", "last")
    answer: dict[int, dict[int, tuple[object, ...]]] = {}
    for number, columns in found.items():
        starts = ((columns["start"].astype(np.int64) - BASE) // SECOND).tolist()
        values = zip(*(columns[name].tolist() for name in names), strict=True)
        answer[number] = {
            start: tuple(None if isinstance(v, float) and math.isnan(v) else v for v in row)
            for start, row in zip(starts, values, strict=True)
        }
    return answer
