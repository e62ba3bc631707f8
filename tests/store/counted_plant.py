"""A plant with three counters and a gauge, what is asked of it, and what a plain loop says."""

import math
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa

from app.domain.counters import KINDS, DropKind, Overrule, Verdict, increases
from app.domain.instants import SECOND, microseconds
from app.domain.model import MachineId, Metric, MetricId, MetricKind, PlantId, Series, SeriesId
from app.domain.rows import Rows
from app.domain.spans import Span
from app.domain.tiers import ORIGIN, plan_buckets
from app.store.buckets import BucketReader
from app.store.counter_events import CounterEvents
from app.store.counter_scan import CounterScan
from app.store.database import Database
from app.store.last_values import LastValues
from app.store.readings import ReadingWriter
from app.store.tables import counter_events
from app.store.tiers import TierKeeper
from tests.holdings import rows_from

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
"""A Monday; chunks begin on Thursdays."""
DAY = 86_400
BAD = 0x80000000
SAID_AT = datetime(2026, 3, 9, tzinfo=UTC)
Reading = tuple[int, int, float, int]
"""Series, seconds after the base, value, status."""

CATALOG = """
INSERT INTO plants (id, code, name, time_zone) VALUES (1, 'p', 'p', 'UTC');
INSERT INTO lines (id, plant_id, code, name) VALUES (1, 1, 'l', 'l');
INSERT INTO machines (id, line_id, code, name, position) SELECT n, 1, 'm' || n, 'm', n FROM generate_series(1, 9) AS n;
INSERT INTO metrics (id, name, display_name, kind, dip_tolerance, modulus)
VALUES (1, 'parts', 'parts', 'COUNTER', 0.5, 256), (2, 'heat', 'heat', 'GAUGE', 0, NULL);
INSERT INTO series (id, source, machine_id, metric_id) SELECT n, 's' || n, n, 1 FROM generate_series(1, 3) AS n;
INSERT INTO series (id, source, machine_id, metric_id) VALUES (9, 's9', 9, 2);
"""
PARTS = Metric(MetricId(1), "parts", "parts", None, MetricKind.COUNTER, None, None, 0.5, 256.0, None)


def one(number: int, metric: Metric = PARTS) -> Series:
    return Series(SeriesId(number), f"s{number}", metric, MachineId(number), PlantId(1), None, None)


def rows(readings: list[Reading]) -> Rows:
    return rows_from(BASE, readings)


def truth(
    readings: list[Reading], width: int, tolerance: float = 0.5, modulus: float | None = 256
) -> dict[int, dict[int, float]]:
    """Series to start in seconds to increase, of the buckets that have readings: reading by reading."""
    kept = {(series, seconds): (value, status) for series, seconds, value, status in readings}
    found: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    before: dict[int, float] = {}
    for (series, seconds), (value, status) in sorted(kept.items()):
        bucket = found[series][seconds - (seconds + (BASE - ORIGIN) // SECOND) % width]
        if status >= BAD:
            continue
        old = before.get(series, value)
        if value >= old or old - value <= tolerance:
            bucket.append(value - old)
        elif modulus and value - old + modulus <= modulus / 2:
            bucket.append(value - old + modulus)
        else:
            bucket.append(value)
        before[series] = value
    return {series: {start: math.fsum(each) for start, each in told.items()} for series, told in found.items()}


class Plant:
    """A database with three counters and a gauge, and everything that is asked of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.writer = ReadingWriter(database)
        self.keeper = TierKeeper(database)
        self.events = CounterEvents(database)
        self.scan = CounterScan(database)
        self.series = [one(number) for number in (1, 2, 3)]

    async def advance(self, seconds: int) -> None:
        advance = await self.keeper.advance(BASE + seconds * SECOND)
        assert advance is not None
        assert advance.errors == []

    async def figures(self, width: int, start: int, end: int) -> dict[int, dict[int, float]]:
        """As `truth`, from the store as it stands; nothing but the buckets of a range."""
        fresh = await self.keeper.freshness()
        plan = plan_buckets(Span(BASE + start * SECOND, BASE + end * SECOND), width * SECOND, fresh)
        ids = [series.id for series in self.series]
        buckets = await BucketReader(self.database).buckets_by_series(ids, plan, ["first", "last", "last_at"])
        previous = await LastValues(self.database).before([(each, plan.start) for each in ids], fresh)
        drops = await self.events.events(self.series, Span(plan.start, plan.end), fresh)
        answer = {}
        for series, columns in buckets.items():
            starts = columns["start"].astype(np.int64)
            grown = increases(
                starts,
                columns["last_at"].astype(np.int64),
                columns["first"].astype(np.float64),
                columns["last"].astype(np.float64),
                previous.get((series, plan.start), math.nan),
                drops.get(series),
            )
            answer[int(series)] = dict(zip(((starts - BASE) // SECOND).tolist(), grown.tolist(), strict=True))
        return answer

    async def listed(
        self, number: int = 1, start: int = -999 * DAY, end: int = 999 * DAY
    ) -> list[tuple[int, float, float, DropKind, float]]:
        """Seconds, value before, value after, kind and offset of the events of a series."""
        span = Span(BASE + start * SECOND, BASE + end * SECOND)
        found = (await self.events.events([one(number)], span, await self.keeper.freshness())).get(SeriesId(number))
        if found is None:
            return []
        seconds = ((found.times - BASE) // SECOND).tolist()
        columns = (
            found.before.tolist(),
            found.after.tolist(),
            [KINDS[kind] for kind in found.kind],
            found.offset.tolist(),
        )
        return list(zip(seconds, *columns, strict=True))

    async def kept(self) -> list[tuple[int, int, float, float]]:
        """The table of events: series, seconds, value before and after."""
        async with self.database.begin() as transaction:
            query = sa.select(counter_events).order_by(counter_events.c.series_id, counter_events.c.time)
            return [
                (series, (microseconds(time) - BASE) // SECOND, before, after)
                for series, time, before, after in await transaction.execute(query)
            ]

    async def overrule(self, seconds: int, verdict: Verdict, base: float | None = None, by: str = "ann") -> None:
        overrule = Overrule(BASE + seconds * SECOND, verdict, base, by, SAID_AT, "seen on site")
        await self.events.overrule(SeriesId(1), overrule, await self.keeper.freshness())

    async def say(self, statement: str) -> None:
        async with self.database.begin() as transaction:
            await transaction.exec_driver_sql(statement)


async def counted_plant(database: Database) -> Plant:
    """The plant on a database with an empty catalog."""
    plant = Plant(database)
    await plant.say(CATALOG)
    return plant
