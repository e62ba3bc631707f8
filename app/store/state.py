"""The state of the store as its operator asks for it: watermarks, notes, sizes, chunks and jobs."""

from dataclasses import dataclass
from typing import LiteralString, NamedTuple

from app.domain.calendar_plan import DAYS
from app.domain.instants import instant, microseconds
from app.domain.tiers import LONG_AGO, TIERS
from app.store.database import Database
from app.store.engines import TABLES
from app.store.jobs import Job, JobLog

NOTES: LiteralString = "SELECT count(*), coalesce(sum(extract(epoch FROM ends - starts)), 0)::float8 FROM touched"
WATERMARKS: LiteralString = "SELECT name, watermark FROM tiers"
REST: LiteralString = """
SELECT coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname = 'local_days'), 0)::bigint,
    coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname <> 'local_days'), 0)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
    AND relname NOT LIKE 'readings%%'
"""


# The coarsest tier tells of raw readings that were gone already: nothing is kept for longer.
COUNTERS: LiteralString = """
SELECT count(scan.series_id), count(*) - count(scan.series_id), count(cut.since), max(cut.since)
FROM series JOIN metrics ON metrics.id = series.metric_id AND metrics.kind = 'COUNTER'
LEFT JOIN counter_scans AS scan ON scan.series_id = series.id
LEFT JOIN LATERAL (
    SELECT scan.known_since AS since FROM readings_6h
    WHERE readings_6h.series_id = series.id AND readings_6h.bucket < scan.known_since LIMIT 1
) AS cut ON true
"""


DERIVED: LiteralString = """
SELECT count(*), count(*) FILTER (WHERE since > %(begin)s), max(since) FILTER (WHERE since > %(begin)s)
FROM derived_series
"""


class DerivedState(NamedTuple):
    """Series that are derived: how many, how many are not filled in yet for all that is stored, and from when on
    (microseconds) even the last of these is."""

    series: int
    behind: int
    since: int | None


class CounterState(NamedTuple):
    """Series that are counters: how many were scanned for drops, how many will be, and how many of the scanned had
    readings before their scan could look at any, with the latest instant (microseconds) since when drops are known."""

    scanned: int
    waiting: int
    cut: int
    known_since: int | None


@dataclass(frozen=True, slots=True)
class State:
    """Watermarks by tier (microseconds), pending notes and the seconds that they cover, bytes by table with indexes
    (P1D are local days, `catalog` is all that is no readings), chunks of readings and how many are in the columnstore,
    how far what is derived has come, and jobs."""

    server: str
    watermarks: dict[str, int]
    notes: int
    noted_seconds: float
    sizes: dict[str, int]
    chunks: int
    compressed: int
    derived: DerivedState
    jobs: list[Job]


class StateReader:
    """Reads the state, without touching readings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = JobLog(database)

    async def state(self) -> State:
        jobs = await self._jobs.all()
        engine = self._database.engine
        async with self._database.driver(autocommit=True) as connection:
            found = dict(await (await connection.execute(WATERMARKS)).fetchall())
            notes, seconds = (await (await connection.execute(NOTES)).fetchall())[0]
            sizes = {name: await engine.size(connection, table) for name, table in TABLES.items()}
            sizes[DAYS], sizes["catalog"] = (await (await connection.execute(REST)).fetchall())[0]
            chunks, compressed = await engine.chunk_counts(connection)
            cursor = await connection.execute(DERIVED, {"begin": instant(LONG_AGO)})
            series, behind, since = (await cursor.fetchall())[0]
        derived = DerivedState(series, behind, microseconds(since) if since else None)
        watermarks = {tier.name: microseconds(found[tier.name]) for tier in TIERS}
        return State(self._database.kind.sentence, watermarks, notes, seconds, sizes, chunks, compressed, derived, jobs)

    async def counters(self) -> CounterState:
        """What is known of counters' drops; apart, for it looks at every counter."""
        async with self._database.driver(autocommit=True) as connection:
            scanned, waiting, cut, since = (await (await connection.execute(COUNTERS)).fetchall())[0]
        return CounterState(scanned, waiting, cut, microseconds(since) if since else None)
