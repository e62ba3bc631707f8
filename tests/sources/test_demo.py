"""The demo plant: the same readings however they are asked for, and a plant that behaves like one."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.domain.addresses import Address
from app.domain.batch import NO_TEXT, Batch, joined
from app.domain.instants import MINUTE, SECOND, microseconds
from app.errors import BadInput
from app.sources.demo_plant.plant import BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE, DemoPlant, model_text

HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = microseconds(datetime(2026, 11, 2, 5, tzinfo=UTC))
"""Six o'clock in Berlin."""
BEARING_REPLACED = MONDAY + 5 * DAY
CLOCK_BACK = microseconds(datetime(2026, 10, 25, 1, tzinfo=UTC))
CLOCK_FORWARD = microseconds(datetime(2026, 3, 29, 1, tzinfo=UTC))
IDLE, RUN, FAULT, SETUP = range(4)
Row = tuple[int, int, float | None, int]


class Drawn:
    """Readings, to be looked at series by series."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.batch = joined(list(batches))
        self.place = {
            (key.address.machine, key.address.metric): place
            for place, key in enumerate(self.batch.keys)
            if key.address is not None
        }

    def machines(self, metric: str) -> list[str]:
        return [machine for machine, name in self.place if name == metric]

    def of(self, machine: str, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        mine = self.batch.series == self.place[machine, metric]
        return self.batch.times[mine], self.batch.values[mine]

    def values(self, machine: str, metric: str) -> NDArray[np.float64]:
        return self.of(machine, metric)[1]


@cache
def plant() -> DemoPlant:
    return DemoPlant(bearing_replaced=BEARING_REPLACED)


@pytest.fixture(scope="module")
def week() -> Drawn:
    """From Sunday midnight (UTC) on for eight days, every minute."""
    start = MONDAY - 5 * HOUR
    return Drawn(plant().history(start - DAY, start + 7 * DAY, MINUTE))


def rows(batches: Iterable[Batch]) -> list[Row]:
    """Every reading, ordered by series and time; NaN as None, to compare equal."""
    found: list[Row] = []
    for batch in batches:
        values = [None if value != value else value for value in batch.values.tolist()]
        found += zip(batch.series.tolist(), batch.times.tolist(), values, batch.statuses.tolist(), strict=True)
    return sorted(found, key=itemgetter(0, 1))


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.integers(-3 * 24 * 60, 12 * 24 * 60),
    ragged=st.integers(0, SECOND),
    counts=st.tuples(st.integers(2, 450), st.integers(2, 450)),
    step=st.sampled_from([10 * SECOND, 17 * SECOND, MINUTE, 7 * MINUTE]),
)
def test_two_parts_are_the_whole(minutes: int, ragged: int, counts: tuple[int, int], step: int) -> None:
    start = MONDAY + minutes * MINUTE - ragged
    middle, end = start + counts[0] * step, start + sum(counts) * step

    parts = [rows(plant().history(start, middle, step)), rows(plant().history(middle, end, step))]

    assert all(parts)
    assert sorted(parts[0] + parts[1], key=itemgetter(0, 1)) == rows(plant().history(start, end, step))


@pytest.mark.parametrize("cut", [MONDAY, MONDAY - 1, MONDAY + 1, MONDAY + 7 * DAY, CLOCK_BACK, CLOCK_FORWARD])
def test_cuts_at_the_edges_of_weeks_and_hours_change_nothing(cut: int) -> None:
    fresh = DemoPlant(bearing_replaced=BEARING_REPLACED)

    parts = [*fresh.history(cut, cut + HOUR, 90 * SECOND), *plant().history(cut - HOUR, cut, 90 * SECOND)]

    assert rows(parts) == rows(plant().history(cut - HOUR, cut + HOUR, 90 * SECOND))


@pytest.mark.parametrize("offset", [-7 * SECOND, 0, 3 * HOUR, 5 * DAY + 11 * HOUR])
def test_one_reading_now_equals_history(offset: int) -> None:
    start = MONDAY + offset

    ticks = [plant().at(start + second * SECOND) for second in range(10)]

    assert rows(ticks) == rows(plant().history(start, start + 10 * SECOND, SECOND))


def test_a_finer_step_finds_the_same_readings() -> None:
    start = MONDAY + 4 * HOUR
    fine = [row for row in rows(plant().history(start, start + HOUR, 5 * SECOND)) if row[1] % MINUTE == 0]

    assert fine == rows(plant().history(start, start + HOUR, MINUTE))


def test_another_seed_is_another_plant() -> None:
    assert rows([DemoPlant(seed=2).at(MONDAY)]) != rows([DemoPlant(seed=1).at(MONDAY)])


def test_history_comes_in_small_slices_of_aligned_times() -> None:
    start, end, step = MONDAY - 3 * HOUR - 1, MONDAY + 13 * HOUR + 1, 10 * SECOND
    batches = list(plant().history(start, end, step))

    assert max(map(len, batches)) <= 50_000
    assert all(before.times.max() < after.times.min() for before, after in zip(batches, batches[1:], strict=False))
    assert np.unique(joined(batches).times).tolist() == list(range(MONDAY - 3 * HOUR, MONDAY + 13 * HOUR + 1, step))
    for batch in batches:
        assert (np.diff(batch.series) >= 0).all()
        assert (batch.text == NO_TEXT).all()


@pytest.mark.parametrize(("start", "end"), [(MONDAY, MONDAY), (MONDAY + 1, MONDAY + SECOND), (MONDAY, MONDAY - DAY)])
def test_a_range_without_a_multiple_of_the_step_has_no_batches(start: int, end: int) -> None:
    assert list(plant().history(start, end, SECOND)) == []


@pytest.mark.parametrize("step", [0, -1])
def test_a_step_that_leads_nowhere_is_refused(step: int) -> None:
    with pytest.raises(BadInput, match="Give a positive one"):
        list(plant().history(MONDAY, MONDAY + HOUR, step))


def test_the_keys_name_the_machines_of_the_model_file() -> None:
    model = yaml.safe_load(model_text())
    (described,) = model["plants"]
    types = {kind["name"]: kind["metrics"] for kind in model["machine_types"]}
    expected = [
        Address("demo", line["code"], machine["code"], metric)
        for line in described["lines"]
        for machine in line["machines"]
        for metric in types[machine["type"]]
    ]

    assert [key.address for key in plant().keys] == expected
    assert len(expected) == 24 * 5 + 16
    assert [len(line["machines"]) for line in described["lines"]] == [8, 8, 8]
    assert {metric["name"] for metric in model["metrics"]} == {address.metric for address in expected}
    assert all(key.named and not key.discrete for key in plant().keys)
    assert plant().keys[0].source == "temperature,line=press,machine=press-1,plant=demo value"


def test_counters_only_fall_when_the_production_week_begins(week: Drawn) -> None:
    for machine in week.machines("parts"):
        times, values = week.of(machine, "parts")
        (falls,) = np.nonzero(np.diff(values) < 0)
        assert times[falls + 1].tolist() == [MONDAY]
        assert values[falls + 1].tolist() == [0]
        assert (values == np.floor(values)).all()
        assert values[-1] > 3_000


def test_counters_count_one_by_one() -> None:
    drawn = Drawn(plant().history(MONDAY + HOUR, MONDAY + 4 * HOUR, SECOND))
    for machine in drawn.machines("parts"):
        times, values = drawn.of(machine, "parts")
        assert set(np.diff(values)[np.diff(times) == SECOND]) == {0, 1}


def test_machines_of_a_line_make_about_as_many_parts(week: Drawn) -> None:
    for prefix in ("press", "booth", "robot"):
        made = [week.values(f"{prefix}-{number}", "parts")[-1] for number in range(1, 9)]
        assert max(made) < 1.02 * min(made)


def test_parts_are_made_while_running_and_only_then(week: Drawn) -> None:
    for machine in week.machines("parts"):
        times, parts = week.of(machine, "parts")
        status = week.values(machine, "status")
        minute = (np.diff(times) == MINUTE) & (times[1:] != MONDAY)
        stopped = (status[:-1] != RUN) & (status[1:] != RUN) & minute
        running = (status[:-1] == RUN) & (status[1:] == RUN) & minute
        assert set(np.unique(status)) == {IDLE, RUN, FAULT, SETUP}
        assert ((made := np.diff(parts))[running] > 0).mean() > 0.7
        assert made[stopped].sum() <= 0.02 * made[running].sum()


def test_current_follows_the_status(week: Drawn) -> None:
    for machine in week.machines("current"):
        status, current = week.values(machine, "status"), week.values(machine, "current")
        assert np.median(current[status == RUN]) > 3 * np.median(current[status == IDLE])
        assert current.min() >= 0


def test_temperatures_stay_physical_and_warm_up_and_cool_down(week: Drawn) -> None:
    for machine in week.machines("temperature"):
        times, values = week.of(machine, "temperature")
        assert 5 < values.min() < 30
        assert 38 < values.max() < 85
        assert (np.abs(np.diff(values))[np.diff(times) == MINUTE]).max() < 4
        before, later = (values[np.searchsorted(times, MONDAY + hours * HOUR)] for hours in (0, 4))
        assert later > before + 10
        rest = MONDAY + (6 * 24 + 16 if machine.startswith("press") else 16) * HOUR
        night = values[np.searchsorted(times, rest) : np.searchsorted(times, rest + 7 * HOUR)]
        assert night[0] > night[-1] + 8


@pytest.mark.parametrize(("line", "lowest", "highest"), [("press", 70, 100), ("booth", 5, 8)])
def test_presses_and_booths_hold_pressure_while_manned(week: Drawn, line: str, lowest: float, highest: float) -> None:
    for number in range(1, 9):
        status, pressure = week.values(f"{line}-{number}", "status"), week.values(f"{line}-{number}", "pressure")
        assert lowest < np.nanmedian(pressure[status == SETUP]) < highest
        assert np.nanmin(pressure) >= 0
        assert np.nanmax(pressure) < 2.6 * highest


def test_only_the_presses_work_at_the_weekend(week: Drawn) -> None:
    saturday = MONDAY + 5 * DAY
    for machine in week.machines("status"):
        if machine.startswith("press"):
            assert (week.of(machine, "status")[1] == RUN).mean() > 0.35
            continue
        times, status = week.of(machine, "status")
        weekend = (times >= saturday) | (times < MONDAY)
        assert (status[weekend] == IDLE).all()
        assert (status[~weekend] == RUN).mean() > 0.35
        assert len(np.unique(week.values(machine, "parts")[times >= saturday])) == 1
        assert week.values(machine, "vibration")[weekend].max() < 0.2


def test_shifts_keep_local_time_when_the_clock_changes() -> None:
    for monday, hour in ((datetime(2026, 10, 19, tzinfo=UTC), 4), (datetime(2026, 10, 26, tzinfo=UTC), 5)):
        first = microseconds(monday + timedelta(hours=hour))
        drawn = Drawn(plant().history(first - MINUTE, first + MINUTE, MINUTE))
        assert drawn.values("press-1", "status").tolist() == [IDLE, SETUP]


def test_the_failing_bearing_gets_worse_and_no_other() -> None:
    days = [BEARING_REPLACED - 14 * DAY + day * DAY for day in (2, 3, 4, 5, 9, 10, 11, 12)]

    def level(drawn: Drawn, machine: str) -> float:
        return float(np.median(drawn.values(machine, "vibration")[drawn.values(machine, "status") == RUN]))

    drawn = [Drawn(plant().history(day, day + 8 * HOUR, 5 * MINUTE)) for day in days]
    failing, sound = ([level(day, machine) for day in drawn] for machine in ("press-3", "press-4"))
    assert failing[-1] > 2.2 * failing[0]
    assert failing[4:] == sorted(failing[4:])
    assert max(sound) < 1.2 * min(sound)


def test_one_sensor_drifts_until_it_is_calibrated() -> None:
    sundays = [MONDAY - 8 * DAY + week * 7 * DAY for week in range(5)]

    def offset(sunday: int) -> float:
        drawn = Drawn(plant().history(sunday, sunday + 18 * HOUR, 5 * MINUTE))
        return float(drawn.values("robot-6", "temperature").mean() - drawn.values("robot-5", "temperature").mean())

    steps = np.diff([offset(sunday) for sunday in sundays])
    assert np.sort(steps)[1:].min() > 1
    assert (steps < -4).sum() == 1


def test_only_one_sensor_is_ever_in_doubt(week: Drawn) -> None:
    batch = week.batch
    missing = np.isnan(batch.values)
    assert (batch.statuses[missing] == BAD_SENSOR_FAILURE).all()
    assert not missing[batch.statuses != BAD_SENSOR_FAILURE].any()
    assert set(np.unique(batch.series[batch.statuses != 0])) == {week.place["booth-2", "pressure"]}
    statuses = batch.statuses[batch.series == week.place["booth-2", "pressure"]]
    assert 0 < (statuses == BAD_SENSOR_FAILURE).sum() < 0.05 * len(statuses)
    assert 0 < (statuses == UNCERTAIN_SENSOR_NOT_ACCURATE).sum() < 0.08 * len(statuses)


def test_each_day_one_machine_is_silent_for_some_minutes() -> None:
    midnight = MONDAY - 5 * HOUR
    for day in range(5):
        drawn = Drawn(plant().history(midnight + day * DAY, midnight + (day + 1) * DAY, MINUTE))
        counts = {machine: len(drawn.values(machine, "status")) for machine in drawn.machines("status")}
        silent = {machine: 24 * 60 - count for machine, count in counts.items() if count < 24 * 60}
        assert len(silent) == 1
        assert all(8 <= minutes <= 25 for minutes in silent.values())
        (victim,) = silent
        assert len(drawn.values(victim, "temperature")) == counts[victim]


def test_three_million_readings_take_seconds() -> None:
    began = time.process_time()
    assert sum(map(len, DemoPlant().history(MONDAY, MONDAY + 16 * DAY, MINUTE))) > 3_000_000
    assert time.process_time() - began < 3
