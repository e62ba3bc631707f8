"""The plant: the same numbers make the same plant, and whatever can go wrong does."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.change.model_document import read_document
from app.domain.model import MetricKind
from app.domain.plant_model import Noun
from simulation.deliveries import Delivery, Reading, settled
from simulation.mess import deliveries
from simulation.metrics import ENERGY, METRICS, PARTS
from simulation.plant import DAY, EVERYTHING, MINUTE, SECOND, ZONE, Mess, Plant, around_clock_change
from simulation.signals import BAD, UNCERTAIN
from simulation.trouble import Trouble

START = around_clock_change(2 * DAY, datetime(2026, 4, 20, tzinfo=UTC))
USUAL = Plant(10, START, 2 * DAY, 10 * SECOND)
"""As `linegraph simulate` makes it."""
SMALL = Plant(3, START, DAY // 8, 10 * SECOND, batch=300)


def without(*kinds: Mess) -> Plant:
    return Plant(3, START, DAY // 8, 10 * SECOND, mess=EVERYTHING - set(kinds), batch=300)


def rows(made: list[Delivery]) -> list[Reading]:
    return [reading for delivery in made for reading in delivery.readings]


def test_the_same_numbers_make_the_same_plant() -> None:
    assert deliveries(SMALL) == deliveries(Plant(3, START, DAY // 8, 10 * SECOND, batch=300))
    other = Plant(3, START, DAY // 8, 10 * SECOND, seed=2, batch=300)
    assert deliveries(SMALL) != deliveries(other)
    assert SMALL.code != other.code
    assert SMALL.code != without(Mess.SKEW).code


def test_at_the_usual_size_every_kind_of_mess_is_there() -> None:
    made = deliveries(USUAL)
    kinds = Counter(delivery.because for delivery in made)
    for kind in (Mess.OVERLAP, Mess.BACKFILL, Mess.DISORDER, Mess.CORRECTIONS, Mess.REPEATS):
        assert kinds[kind] > 5, kind
    late = Counter(each.because for each in made if each.arrives > USUAL.end)
    assert late[Mess.BACKFILL]
    assert late[Mess.CORRECTIONS]
    assert late[Mess.REPEATS]
    found = settled(made)
    assert len(found) == 10 * len(METRICS)
    for (_, metric), readings in found.items():
        values = [value for _, (value, status) in sorted(readings.items()) if value is not None and status < BAD]
        assert all(value * 4 == int(value * 4) for value in values)
        drops = [before - after for before, after in pairwise(values) if after < before]
        if metric == PARTS.name:
            assert drops
        if metric == ENERGY.name:
            assert any(drop > 2_048 for drop in drops), "a rollover"
            assert any(drop <= ENERGY.dip_tolerance for drop in drops), "a dip"
    statuses = Counter(status for readings in found.values() for _, status in readings.values())
    assert statuses[0] > 0.9 * statuses.total()
    assert {BAD, UNCERTAIN, 0x808C0000} <= statuses.keys()
    assert any(value is None for readings in found.values() for value, _ in readings.values())
    silences = [after - before for key in found for before, after in pairwise(sorted(found[key]))]
    assert max(silences) > 5 * MINUTE


def test_what_is_stored_does_not_depend_on_the_order_among_gateways() -> None:
    made = deliveries(SMALL)
    backwards = sorted(made, key=lambda delivery: -delivery.gateway)
    assert [each.gateway for each in backwards] != [each.gateway for each in made]
    assert settled(backwards) == settled(made)
    assert settled(reversed(made)) != settled(made), "within a gateway the order decides"
    together = Counter((each.path, each.metric, delivery.gateway) for delivery in made for each in delivery.parts)
    assert len(together) > len(settled(made)), "two gateways deliver some machines"


@pytest.mark.parametrize("kind", Mess)
def test_each_kind_can_be_left_out(kind: Mess) -> None:
    without_it = deliveries(without(kind))
    assert kind not in {delivery.because for delivery in without_it}
    assert rows(without_it) != rows(deliveries(SMALL))


def test_without_any_mess_every_reading_arrives_once_in_order() -> None:
    clean = Plant(2, START, DAY // 8, 10 * SECOND, mess=frozenset(), batch=300)
    made = deliveries(clean)
    assert sum(map(len, made)) == sum(map(len, settled(made).values())) == 2 * len(METRICS) * clean.ticks
    times: dict[tuple[str, str], list[int]] = {}
    for reading in rows(made):
        times.setdefault((reading.machine, reading.metric), []).append(reading.time)
        assert reading.value is not None
        assert reading.status == 0
    assert all(series == sorted(series) for series in times.values())


def test_the_usual_start_has_a_change_of_the_clocks_in_its_middle() -> None:
    zone = ZoneInfo(ZONE)
    for now in (datetime(2026, 4, 20, tzinfo=UTC), datetime(2026, 11, 23, 11, 30, tzinfo=UTC)):
        for span in (DAY // 8, 2 * DAY, 7 * DAY):
            first = datetime.fromtimestamp(around_clock_change(span, now) / SECOND, zone)
            last = (first.astimezone(UTC) + timedelta(microseconds=span)).astimezone(zone)
            assert first.utcoffset() != last.utcoffset()
            assert last < now


def test_the_model_file_tells_what_the_metrics_are() -> None:
    model = read_document(USUAL.model_text, "messy.yaml").model
    assert model.things[Noun.PLANT][USUAL.code,]["time_zone"] == ZONE
    metrics = model.things[Noun.METRIC]
    assert {name for (name,) in metrics} == {metric.name for metric in METRICS}
    assert metrics[ENERGY.name,] == {
        "kind": MetricKind.COUNTER, "interval": timedelta(seconds=10), "dip_tolerance": 0.5, "modulus": 4_096.0,
    }  # fmt: skip


@pytest.mark.parametrize(("span", "interval"), [(5 * SECOND, 10 * SECOND), (DAY, SECOND // 2), (DAY, 0)])
def test_a_plant_that_cannot_be_says_why(span: int, interval: int) -> None:
    with pytest.raises(Trouble):
        Plant(1, START, span, interval)
