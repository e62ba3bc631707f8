"""Buckets in another unit: what a negative scale turns round, and what knows no offset."""

import math

import numpy as np

from app.domain.filling import Fill
from app.domain.instants import MINUTE
from app.domain.model import Metric, MetricId, MetricKind, Series, SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness
from app.domain.units import UNCHANGED, Conversion, Shown
from app.read.columns import Buckets
from app.read.steps import BucketKey

PARTS = Metric(MetricId(1), "parts", "parts", None, MetricKind.COUNTER, None, None, 0, None, None)
STARTS = np.array([0, MINUTE, 2 * MINUTE])


def buckets(conversion: Conversion, fill: Fill = Fill.NONE) -> Buckets:
    """Three of a counter, of which the second is empty."""
    columns = {
        "start": STARTS,
        "good": np.array([2, 0, 1]),
        "uncertain": np.zeros(3),
        "sum": np.array([5.0, np.nan, 9.0]),
        "minimum": np.array([1.0, np.nan, 9.0]),
        "maximum": np.array([4.0, np.nan, 9.0]),
        "first": np.array([1.0, np.nan, 9.0]),
        "last": np.array([4.0, np.nan, 9.0]),
        "last_at": STARTS + 1.0,
    }
    now = 3 * MINUTE
    fresh = Freshness((now,) * 4, ())
    return Buckets(
        "x", "RAW", STARTS + MINUTE, now, PARTS, columns, fresh, fill=fill, previous=1.0, conversion=conversion
    )


def told(column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column.tolist()]


def test_a_negative_scale_makes_the_lowest_the_highest() -> None:
    turned = buckets(Conversion(-2.0, 10.0))
    assert told(turned.minimum) == [2, None, -8]
    assert told(turned.maximum) == [8, None, -8]
    assert told(turned.first) == [8, None, -8]
    assert told(turned.last) == [2, None, -8]
    assert told(turned.average) == [5, None, -8]
    assert told(turned.increase) == [-6, 0, -10], "without the offset"


def test_filled_buckets_are_converted_like_the_others() -> None:
    carried = buckets(Conversion(-2.0, 10.0), Fill.PREVIOUS)
    assert [told(column) for column in (carried.minimum, carried.maximum)] == [[2, 2, -8], [8, 2, -8]]
    assert told(carried.average) == [5, 2, -8]
    assert told(buckets(Conversion(-2.0, 10.0), Fill.LINEAR).average) == [5, -1.5, -8]
    assert told(buckets(UNCHANGED, Fill.LINEAR).average) == [2.5, 5.75, 9]


def test_a_turned_minimum_is_made_of_the_highest() -> None:
    series = Series(SeriesId(1), "s", PARTS, None, None, None, None)
    key = BucketKey(series, Span(0, MINUTE), MINUTE, Fill.NONE, frozenset({"minimum"}))
    assert {"maximum", "minimum"} & key.measures == {"minimum"}
    turned = key._replace(asked_unit=Shown("x", Conversion(-1.0)))
    assert {"maximum", "minimum"} & turned.measures == {"maximum", "minimum"}
    assert turned._replace(looked_at=frozenset({"first"})).measures == {"good", "uncertain", "first"}
