"""The demo plant behaves like one: machines that run, wear, stop and fall silent."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from app.sources.demo_plant.plant import BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE
from app.sources.demo_plant.runs import Conditions, DemoMachine
from app.sources.demo_plant.signals import Sensors
from tests.sources.drawn import DAY, FAULT, HOUR, IDLE, MONDAY, RUN, SETUP, Drawn, plant


@pytest.fixture(scope="module")
def week() -> Drawn:
    """From Sunday midnight (UTC) on for eight days, every minute."""
    start = MONDAY - 5 * HOUR
    return Drawn(plant().history(start - DAY, start + 7 * DAY, MINUTE))


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


def test_the_failing_bearing_gets_worse_within_a_week_and_no_other() -> None:
    def level(drawn: Drawn, machine: str) -> float:
        return float(np.median(drawn.values(machine, "vibration")[drawn.values(machine, "status") == RUN]))

    starts = [MONDAY + day * DAY for day in range(8)]
    drawn = [Drawn(plant().history(start, start + 8 * HOUR, 2 * MINUTE)) for start in starts]
    failing, sound = ([level(day, machine) for day in drawn] for machine in ("press-3", "press-4"))
    assert failing[:7] == sorted(failing[:7])
    assert failing[6] > 2.2 * failing[0]
    assert failing[7] < 1.1 * failing[0], "a new one is put in before Monday"
    assert max(sound) < 1.2 * min(sound)


def test_the_bearing_wears_by_its_work_and_not_while_it_stands_still() -> None:
    machine = DemoMachine("press", "press-3", "press", 0)
    sensors = Sensors.of([machine], seed=1)

    def level(hour: int, strokes: float) -> float:
        times = np.arange(MONDAY + hour * HOUR, MONDAY + (hour + 80) * HOUR, MINUTE)
        still = np.ones((1, len(times)))
        felt = Conditions(times, still * RUN, still * strokes, still, still, still)
        return float(sensors.vibration(felt).mean())

    assert level(80, 40_000) == pytest.approx(level(0, 40_000), rel=0.03)
    assert level(0, 58_000) > 1.5 * level(0, 40_000)


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
        assert len(drawn.values(victim, "current")) == counts[victim]


def test_one_sensor_has_a_loose_cable_and_the_compressor_is_never_silent() -> None:
    midnight = MONDAY - 5 * HOUR
    drawn = Drawn(plant().history(midnight, midnight + DAY, MINUTE))
    times, _ = drawn.of("press-3", "temperature")
    silences = np.diff(times)[np.diff(times) > MINUTE] // MINUTE - 1
    assert len(silences) in (4, 5), "every six hours, and once the network where it is this machine's turn"
    assert (silences >= 5).all()
    assert (silences <= 25).all()
    assert len(drawn.values("press-3", "vibration")) > len(times)
    assert (drawn.batch.series == len(plant().keys) - 1).sum() == 24 * 60
