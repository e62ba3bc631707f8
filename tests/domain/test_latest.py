"""The newest readings of many series, in columns: cut, converted, and as objects."""

import math
from datetime import UTC, datetime

import numpy as np

from app.domain.latest import LatestReadings
from app.domain.model import Reading
from app.domain.quality import BAD_NO_DATA, UNCERTAIN
from app.domain.units import UNCHANGED, Conversion

FOUND = LatestReadings(
    there=np.array([True, False, True, True]),
    times=np.array([1, 2_000_000, 3]),
    value=np.array([10.0, math.nan, -1.0]),
    status=np.array([0, BAD_NO_DATA, UNCERTAIN], np.uint32),
    text=["run", None, None],
    catalog=7,
)


def test_readings_are_objects_in_the_place_of_their_series() -> None:
    assert FOUND.readings() == [
        Reading(datetime(1970, 1, 1, microsecond=1, tzinfo=UTC), 10.0, 0, "run"),
        None,
        Reading(datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC), None, BAD_NO_DATA),
        Reading(datetime(1970, 1, 1, microsecond=3, tzinfo=UTC), -1.0, UNCERTAIN),
    ]
    assert FOUND.quality.tolist() == [0, 2, 1]
    assert FOUND.time.tolist()[1] == datetime(1970, 1, 1, 0, 0, 2)  # noqa: DTZ001 - numpy's instants have no offset


def test_parts_are_those_of_their_series() -> None:
    for start in range(5):
        for end in range(start, 5):
            part = FOUND.of(start, end)
            assert (part.readings(), len(part), part.catalog) == (FOUND.readings()[start:end], end - start, 7)


def test_each_is_told_in_the_unit_of_its_series() -> None:
    kelvin = Conversion(1.0, 273.15)
    told = FOUND.converted([kelvin, kelvin, UNCHANGED, Conversion(-2.0, 0.5)])
    assert [each and each.value for each in told.readings()] == [283.15, None, None, 2.5]
    assert [each and each.time for each in told.readings()] == [each and each.time for each in FOUND.readings()]
