"""Counters at the store: overrules, metrics that change, series that become counters, and rows that are gone."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.domain.counters import Verdict
from app.domain.instants import SECOND, instant, microseconds
from app.domain.model import Metric, MetricId, MetricKind, SeriesId
from app.domain.policy import Policy
from app.domain.spans import Span
from app.domain.tiers import ORIGIN
from app.errors import BadInput
from app.store.database import Database
from app.store.policies import PolicyStore
from app.store.state import StateReader
from app.store.tables import counter_scans
from tests.store.counted_plant import BASE, DAY, PARTS, SAID_AT, Plant, Reading, counted_plant, one, rows, truth

pytestmark = pytest.mark.anyio


@pytest.fixture
async def plant(database: Database) -> Plant:
    return await counted_plant(database)


async def test_a_gauge_has_no_events(plant: Plant) -> None:
    await plant.writer.store(rows([(9, 0, 5, 0), (9, 1, 4, 0)]))
    await plant.advance(60)
    heat = Metric(MetricId(2), "heat", "heat", None, MetricKind.GAUGE, None, None, 0, None, None)
    span = Span(BASE, BASE + DAY * SECOND)
    assert await plant.events.events([one(9, heat)], span, await plant.keeper.freshness()) == {}
    assert await plant.kept() == []


async def test_a_metric_that_becomes_a_counter_is_scanned_at_the_next_turn(plant: Plant) -> None:
    readings: list[Reading] = [(9, at * DAY, float(at % 4), 0) for at in range(20)]
    await plant.writer.store(rows(readings))
    await plant.advance(30 * DAY)
    assert (await StateReader(plant.database).counters())[:2] == (3, 0)
    await plant.say("UPDATE metrics SET kind = 'COUNTER' WHERE id = 2")
    await plant.advance(30 * DAY)
    expected = [(9, at * DAY, 3, 0) for at in (4, 8, 12, 16)]
    assert await plant.kept() == expected
    assert (await StateReader(plant.database).counters())[:2] == (4, 0)
    await plant.say("UPDATE metrics SET kind = 'GAUGE' WHERE id = 2")
    await plant.advance(30 * DAY)
    await plant.writer.store(rows([(9, 4 * DAY, 8, 0)]))
    await plant.advance(31 * DAY)
    await plant.say("UPDATE metrics SET kind = 'COUNTER' WHERE id = 2")
    await plant.scan.rescan([SeriesId(9)], await plant.keeper.freshness())
    assert await plant.kept() == [(9, 5 * DAY, 8, 1), *expected[1:]]
    await plant.advance(32 * DAY)
    assert await plant.kept() == [(9, 5 * DAY, 8, 1), *expected[1:]]


async def test_tolerance_and_modulus_are_those_of_the_moment(plant: Plant) -> None:
    """Drops are facts; what they mean is judged when they are read, so a changed metric needs no scan."""
    await plant.writer.store(rows([(1, 0, 250, 0), (1, 10, 20, 0)]))
    await plant.advance(60)
    span, fresh = Span(BASE, BASE + DAY * SECOND), await plant.keeper.freshness()
    for tolerance, modulus, kind, offset in ((0, None, 2, 250), (0, 1_000, 2, 250), (0, 300, 1, 300), (230, 300, 0, 0)):
        metric = Metric(MetricId(1), "parts", "p", None, MetricKind.COUNTER, None, None, tolerance, modulus, None)
        found = (await plant.events.events([one(1, metric)], span, fresh))[SeriesId(1)]
        assert (found.kind.tolist(), found.offset.tolist()) == ([kind], [offset])


async def test_an_overrule_counts_at_once_in_every_figure_and_survives(plant: Plant) -> None:
    readings: list[Reading] = [(1, 0, 100, 0), (1, 10, 30, 0), (1, 20, 36, 0)]
    plant.series = [one(1, dataclasses.replace(PARTS, modulus=None))]
    await plant.writer.store(rows(readings))
    assert await plant.figures(DAY, 0, 60) == {1: {-28_800: 36}}
    for verdict, base, grown in (
        (Verdict.BASE, 25.0, 11),
        (Verdict.NOT_A_RESET, None, -64),
        (Verdict.REPLACED, None, 6),
    ):
        await plant.overrule(10, verdict, base)
        assert await plant.figures(DAY, 0, 60) == {1: {-28_800: grown}}
        assert await plant.figures(60, 0, 60) == {1: {0: grown}}
        await plant.advance(60 if base else 120)
        assert await plant.figures(DAY, 0, 60) == {1: {-28_800: grown}}
    await plant.writer.store(rows([(1, 5, 110, 0)]))
    assert await plant.figures(DAY, 0, 60) == {1: {-28_800: 16}}
    await plant.advance(180)
    assert await plant.figures(DAY, 0, 60) == {1: {-28_800: 16}}
    span = Span(BASE, BASE + DAY * SECOND)
    listed = (await plant.events.events(plant.series, span, await plant.keeper.freshness()))[SeriesId(1)]
    said = listed.overrules[BASE + 10 * SECOND]
    assert [(each.verdict, each.base, each.by, each.at, each.note) for each in said] == [
        (Verdict.BASE, 25.0, "ann", SAID_AT, "seen on site"),
        (Verdict.NOT_A_RESET, None, "ann", SAID_AT, "seen on site"),
        (Verdict.REPLACED, None, "ann", SAID_AT, "seen on site"),
    ]


async def test_only_an_event_can_be_overruled(plant: Plant) -> None:
    await plant.writer.store(rows([(1, 0, 100, 0), (1, 10, 30, 0), (1, 20, 36, 0)]))
    for seconds in (0, 9, 11, 20, 99):
        with pytest.raises(BadInput, match=r"has no counter event at 2026-03-02T08:0"):
            await plant.overrule(seconds, Verdict.REPLACED)
    with pytest.raises(BadInput, match="The base 31"):
        await plant.overrule(10, Verdict.BASE, 31.0)
    await plant.overrule(10, Verdict.BASE, 30.0)
    await plant.writer.store(rows([(1, 10, 101, 0)]))
    with pytest.raises(BadInput, match="has no counter event"):
        await plant.overrule(10, Verdict.REPLACED)


async def test_two_overrules_at_once_both_stay_and_the_later_counts(plant: Plant) -> None:
    await plant.writer.store(rows([(1, 0, 100, 0), (1, 10, 30, 0)]))
    await plant.advance(60)
    await asyncio.gather(*(plant.overrule(10, Verdict.BASE, float(base), f"p{base}") for base in range(6)))
    span = Span(BASE, BASE + DAY * SECOND)
    found = (await plant.events.events([one(1)], span, await plant.keeper.freshness()))[SeriesId(1)]
    said = found.overrules[BASE + 10 * SECOND]
    assert sorted(each.by for each in said) == [f"p{base}" for base in range(6)]
    assert said[-1].base is not None
    assert found.offset.tolist() == [100 - said[-1].base]


async def test_events_outlive_their_rows_and_a_drop_after_them_is_still_found(plant: Plant) -> None:
    """Raw rows are kept for ten days; a machine rests for weeks and begins again from zero."""
    readings: list[Reading] = [(1, at * DAY, float(value), 0) for at, value in enumerate([100, 120, 5, 9])]
    await plant.writer.store(rows(readings))
    await plant.advance(40 * DAY)
    policies = PolicyStore(plant.database)
    await policies.set({"RAW": Policy(timedelta(days=10)), "PT1M": Policy(timedelta(days=10))})
    assert "dropped RAW before 2026-03-26" in await policies.carry_out(instant(BASE + 40 * DAY * SECOND))
    assert await plant.kept() == [(1, 2 * DAY, 120, 5)]
    late = (1, 40 * DAY + 3_600, 3.0, 0)
    await plant.writer.store(rows([late]))
    for seconds in (40 * DAY, 41 * DAY):
        for width, start in ((900, 0), (DAY, 0), (DAY, 2 * DAY), (DAY, 40 * DAY)):
            low = start - (start + (BASE - ORIGIN) // SECOND) % width
            expected = {at: grown for at, grown in truth([*readings, late], width)[1].items() if at >= low}
            assert await plant.figures(width, start, 50 * DAY) == {1: expected}
        await plant.advance(seconds + DAY)
    assert await plant.kept() == [(1, 2 * DAY, 120, 5), (1, 40 * DAY + 3_600, 9, 3)]
    fresh = await plant.keeper.freshness()
    assert fresh.gone[0] > BASE
    await plant.scan.rescan([SeriesId(1)], fresh)  # what was before is not looked at
    assert await plant.kept() == [(1, 2 * DAY, 120, 5), (1, 40 * DAY + 3_600, 9, 3)]
    assert await known_since(plant, 1) < BASE, "it was a counter before its rows went"
    await plant.say("UPDATE metrics SET kind = 'COUNTER' WHERE id = 2")
    await plant.advance(43 * DAY)
    assert await known_since(plant, 9) == fresh.gone[0]


async def known_since(plant: Plant, number: int) -> int:
    """Since when the drops of a counter are known."""
    query = sa.select(counter_scans.c.known_since).where(counter_scans.c.series_id == number)
    async with plant.database.begin() as transaction:
        return microseconds((await transaction.execute(query)).scalar_one())
