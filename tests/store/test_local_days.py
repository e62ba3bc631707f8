"""Days by the clocks of plants: kept beside the tiers, and like a plain loop over readings whatever happens."""

import random
from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from app.domain.calendar import CalendarStep, edges, kept_days
from app.domain.calendar_plan import DAYS, plan_calendar
from app.domain.instants import SECOND, instant, microseconds
from app.domain.model import Series, SeriesId
from app.domain.policy import Policy
from app.domain.spans import Span
from app.store.calendar_buckets import CalendarReader
from app.store.database import Database
from app.store.policies import PolicyStore
from app.store.readings import ReadingWriter
from app.store.series import SeriesCatalog
from app.store.tables import kept_days as kept_table
from app.store.tables import local_days
from app.store.tiers import TierKeeper
from tests.holdings import rows_from

pytestmark = pytest.mark.anyio

DAY = 86_400
BASE = microseconds(datetime(2026, 3, 20, 8, tzinfo=UTC))
"""Nine days before Berlin's clocks change."""
CATALOG = """
INSERT INTO plants (id, code, name, time_zone, production_day_starts) VALUES
    (1, 'b', 'b', 'Europe/Berlin', '06:10'), (2, 'k', 'k', 'Asia/Kathmandu', '00:00');
INSERT INTO lines (id, plant_id, code, name) VALUES (1, 1, 'l', 'l'), (2, 2, 'l', 'l');
INSERT INTO machines (id, line_id, code, name, position) VALUES (1, 1, 'm', 'm', 1), (2, 2, 'm', 'm', 1);
INSERT INTO metrics (id, name, display_name, kind) VALUES (1, 'heat', 'heat', 'GAUGE');
INSERT INTO series (id, source, machine_id, metric_id) VALUES (1, 's1', 1, 1), (2, 's2', 2, 1), (3, 's3', NULL, NULL);
"""
NAMES = ["good", "uncertain", "bad", "sum", "minimum", "maximum", "first", "last"]
Reading = tuple[int, int, float, int]
"""Series, seconds after the base, value and signed quality."""


class Days:
    """Everything that is asked of days at the store."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.writer = ReadingWriter(database)
        self.keeper = TierKeeper(database)

    async def say(self, statement: str) -> None:
        async with self.database.begin() as transaction:
            await transaction.exec_driver_sql(statement)

    async def send(self, readings: list[Reading]) -> None:
        await self.writer.store(rows_from(BASE, readings))

    async def advance(self, seconds: int) -> None:
        advance = await self.keeper.advance(BASE + seconds * SECOND)
        assert advance is not None
        assert advance.errors == []

    async def series(self) -> list[Series]:
        return await SeriesCatalog(self.database).by_id(None, [SeriesId(number) for number in (1, 2, 3)])

    async def answered(self, step: CalendarStep, asked: Span) -> tuple[dict[int, Any], set[str]]:
        """By series and start, and what it was made of."""
        fresh = await self.keeper.freshness()
        groups, sources = [], set()
        for each in await self.series():
            by = each.calendar
            found = edges(step, by.time_zone, by.production_day_starts, asked)
            whole = Span(int(found[0]), int(found[-1]))
            kept = None
            if by.kept_since is not None:
                kept = kept_days(step, by.time_zone, by.production_day_starts, by.kept_since, whole)
            plan = plan_calendar(found, fresh, kept)
            sources |= set(plan.pieces)
            groups.append(([each.id], plan))
        answer = await CalendarReader(self.database).buckets_by_series(groups, NAMES)
        return {int(series): shown(columns) for series, columns in answer.items()}, sources


def shown(columns: dict[str, Any]) -> dict[int, list[float]]:
    rows = zip(*(columns[name].tolist() for name in NAMES), strict=True)
    return {start: list(row) for start, row in zip(columns["start"].tolist(), rows, strict=True)}


def truth(readings: list[Reading], series: list[Series], step: CalendarStep, asked: Span) -> dict[int, Any]:
    """A plain loop."""
    kept = {(number, seconds): (value, status) for number, seconds, value, status in readings}
    answer: dict[int, Any] = {}
    for each in series:
        found = edges(step, each.calendar.time_zone, each.calendar.production_day_starts, asked)
        steps: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for (number, seconds), reading in sorted(kept.items()):
            at = BASE + seconds * SECOND
            if number == each.id and found[0] <= at < found[-1]:
                steps[int(found[np.searchsorted(found, at, "right") - 1])].append(reading)
        told = {}
        for start, inside in steps.items():
            usable = [value for value, status in inside if status < 1 << 31]
            figures = [sum(usable), min(usable), max(usable), usable[0], usable[-1]] if usable else [np.nan] * 5
            good = sum(status == 0 for _, status in inside)
            told[start] = [good, len(usable) - good, len(inside) - len(usable), *figures]
        if told:
            answer[int(each.id)] = told
    return answer


def same(answered: dict[int, Any], expected: dict[int, Any]) -> bool:
    """Compared as texts, in which what is no number equals itself."""
    in_order = [
        {key: dict(sorted(told.items())) for key, told in sorted(each.items())} for each in (answered, expected)
    ]
    return repr(in_order[0]) == repr(in_order[1])


@pytest.fixture
async def days(database: Database) -> Days:
    found = Days(database)
    await found.say(CATALOG)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_days_are_exact_whatever_arrives_and_whoever_moves(days: Days, seed: int) -> None:
    """Late and corrected readings, a series that is mapped, and a plant whose clocks are changed, there and back."""
    chance = random.Random(seed)
    arrived: list[Reading] = []
    sources: set[str] = set()
    changes = {
        4: "UPDATE series SET (machine_id, metric_id) = (SELECT 2, 1 WHERE series.id = 3) WHERE id IN (2, 3)",
        6: "UPDATE plants SET time_zone = 'America/St_Johns', production_day_starts = '22:00' WHERE id = 1",
        8: "UPDATE plants SET time_zone = 'Europe/Berlin', production_day_starts = '06:10' WHERE id = 1",
    }
    for turn in range(11):
        batch: list[Reading] = [
            (
                chance.randrange(1, 4),
                chance.randrange(chance.choice([40 * DAY, 3 * DAY])) // 60 * 30,
                float(chance.randrange(99)),
                chance.choice([0, 0, 0, 0x40000000, 0x80000000]),
            )
            for _ in range(60)
        ]
        arrived += batch
        await days.send(batch)
        if turn in changes:
            await days.say(changes[turn])
        if turn % 2:
            await days.advance(chance.choice([3 * DAY, 20 * DAY + 1234, 60 * DAY]))
        low = chance.randrange(30 * DAY)
        asked = Span(BASE + low * SECOND, BASE + (low + chance.randrange(1, 20 * DAY)) * SECOND)
        series = await days.series()
        for step in (CalendarStep.DAY, CalendarStep.WEEK, CalendarStep.MONTH, CalendarStep.PRODUCTION_DAY):
            answered, made_of = await days.answered(step, asked)
            assert same(answered, truth(arrived, series, step, asked)), (turn, step)
            sources |= made_of
    assert DAYS in sources
    await days.advance(60 * DAY)
    whole = Span(BASE, BASE + 40 * DAY * SECOND)
    for step in (CalendarStep.DAY, CalendarStep.MONTH, CalendarStep.PRODUCTION_DAY):
        answered, made_of = await days.answered(step, whole)
        assert made_of == {DAYS}, "nothing is left to finer tiers"
        assert same(answered, truth(arrived, await days.series(), step, whole))


async def test_a_day_that_ends_in_a_week_without_readings_is_made(days: Days) -> None:
    """The day's last hours lie in a chunk that does not exist."""
    thursday = microseconds(datetime(2026, 3, 26, tzinfo=UTC)) - BASE
    readings: list[Reading] = [(number, thursday // SECOND - 600, 5.0, 0) for number in (1, 2, 3)]
    await days.send(readings)
    for seconds in (-300, 120, 22 * 3_600, 23 * 3_600, 10 * DAY):
        await days.advance(thursday // SECOND + seconds)
    asked = Span(BASE + thursday - DAY * SECOND, BASE + thursday + DAY * SECOND)
    answered, made_of = await days.answered(CalendarStep.DAY, asked)
    assert made_of == {DAYS}
    assert same(answered, truth(readings, await days.series(), CalendarStep.DAY, asked))


async def test_days_are_kept_where_what_they_are_made_of_is_and_go_with_the_coarsest_tier(days: Days) -> None:
    await days.send([(1, at * 3_600, 1.0, 0) for at in range(40 * 24)])
    await days.advance(41 * DAY)
    now = instant(BASE + 41 * DAY * SECOND)
    policies = PolicyStore(days.database)
    keep = {"RAW": 7, "PT1M": 7, "PT15M": 7, "PT1H": 14}
    await policies.set({name: Policy(timedelta(days=kept)) for name, kept in keep.items()})
    await policies.carry_out(now)
    before, made_of = await days.answered(CalendarStep.DAY, Span(BASE, BASE + 40 * DAY * SECOND))
    assert (made_of, len(before[1])) == ({DAYS}, 41), "days outlive the hours that they were made of"
    await days.say("UPDATE plants SET time_zone = 'Asia/Kolkata' WHERE id = 1")
    await days.advance(41 * DAY)
    calendar = (await days.series())[0].calendar
    assert calendar.time_zone == "Asia/Kolkata"
    assert calendar.kept_since is not None
    assert BASE + 27 * DAY * SECOND < calendar.kept_since < BASE + 36 * DAY * SECOND, "of what is gone none is made"
    await policies.set({"PT6H": Policy(timedelta(days=21))})
    await policies.carry_out(now)
    async with days.database.begin() as transaction:
        oldest = await transaction.scalar(sa.select(sa.func.min(local_days.c.bucket)))
        clocks = await transaction.execute(sa.select(kept_table).order_by(kept_table.c.series_id))
        assert [(row.time_zone, row.production_day_starts) for row in clocks] == [
            ("Asia/Kolkata", time(6, 10)), ("Asia/Kathmandu", time()), ("UTC", time()),
        ]  # fmt: skip
    assert oldest is not None
    assert now - timedelta(days=30) < oldest < now - timedelta(days=20)
