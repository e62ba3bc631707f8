"""Limits: which times and values are taken, and which times are plainly meant in another unit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.domain.limits import SECONDS_AS_MILLISECONDS, WITHOUT_PRECISION, Limits, Mistaken, faults

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def reasons(times: list[int], mistaken: tuple[Mistaken, ...], earliest: datetime = EPOCH) -> dict[int, str]:
    limits = Limits.at(NOW, earliest, DAY, mistaken)
    return {times[at]: reason for at, reason in faults(np.array(times), np.ones(len(times)), limits)}


def micro(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(("precision", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
@pytest.mark.parametrize("meant", [datetime(2000, 1, 1, tzinfo=UTC), NOW, datetime(2049, 12, 31, tzinfo=UTC)])
def test_a_time_of_another_unit_is_told_from_nanoseconds(precision: str, factor: int, meant: datetime) -> None:
    written = int(meant.timestamp()) * factor
    seen = written // 1_000  # nanoseconds to microseconds
    (reason,) = reasons([seen], WITHOUT_PRECISION).values()
    assert reason.startswith("the time would be 1970-01-")
    assert reason.endswith(f"Z: times without precision are nanoseconds; add ?precision={precision}")
    assert reasons([seen], ()) == {}, "a precision that was said is believed"


def test_seconds_are_told_from_milliseconds() -> None:
    assert reasons([int(NOW.timestamp()) * 1_000], SECONDS_AS_MILLISECONDS) == {
        int(NOW.timestamp()) * 1_000: "the time would be 1970-01-21T18:43:55Z: times are milliseconds; these look like"
        " seconds, so multiply them by 1000"
    }


def test_other_times_from_1970_on_are_taken() -> None:
    times = [0, 1, 1_000, 300_000_000, micro(EPOCH + 60 * DAY), micro(datetime(1999, 5, 1, tzinfo=UTC)), micro(NOW)]
    for mistaken in ((), WITHOUT_PRECISION, SECONDS_AS_MILLISECONDS):
        assert reasons(times, mistaken) == {}
        early, late = reasons([-1, micro(NOW + DAY)], mistaken).values()
        assert "LINEGRAPH_EARLIEST" in early
        assert "LINEGRAPH_AHEAD" in late


def test_who_takes_readings_from_before_1970_takes_those_of_its_first_weeks() -> None:
    assert reasons([int(NOW.timestamp()) * 1_000], SECONDS_AS_MILLISECONDS, datetime(1950, 1, 1, tzinfo=UTC)) == {}


def test_a_value_is_refused_wherever_its_time_lies() -> None:
    limits = Limits.at(NOW, EPOCH, DAY, WITHOUT_PRECISION)
    values = np.array([1e151, 1.0, 1e151, np.nan])
    found = faults(np.array([5, 5, micro(NOW), 5]), values, limits)
    assert found == [(0, "the value is larger than 1e+150"), (2, "the value is larger than 1e+150")]
