"""The demo plant: the same readings however they are asked for."""

import time
from operator import itemgetter

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.addresses import Address
from app.domain.batch import NO_TEXT, joined
from app.domain.instants import MINUTE, SECOND
from app.errors import BadInput
from app.sources.demo_plant.plant import DemoPlant, model_text
from tests.sources.drawn import CLOCK_BACK, CLOCK_FORWARD, DAY, HOUR, MONDAY, plant, rows


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
    fresh = DemoPlant()

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

    *of_machines, compressor = plant().keys
    assert [key.address for key in of_machines] == expected
    assert len(expected) == 24 * 5 + 16
    assert [len(line["machines"]) for line in described["lines"]] == [8, 8, 8]
    assert {metric["name"] for metric in model["metrics"]} == {address.metric for address in expected}
    assert all(key.named and not key.discrete for key in of_machines)
    assert plant().keys[0].source == "temperature,line=press,machine=press-1,plant=demo value"
    assert (compressor.source, compressor.address, compressor.unmapped_reason) == (
        "air_pressure,machine=compressor-1,plant=demo value", None, "the tag line is missing",
    )  # fmt: skip


def test_three_million_readings_take_seconds() -> None:
    began = time.process_time()
    assert sum(map(len, DemoPlant().history(MONDAY, MONDAY + 16 * DAY, MINUTE))) > 3_000_000
    assert time.process_time() - began < 3
