"""The state of the store as its operator asks for it: watermarks, notes, sizes, chunks and jobs."""

from dataclasses import dataclass
from typing import LiteralString

from app.domain.instants import microseconds
from app.domain.tiers import TIERS
from app.store.database import Database
from app.store.engines import TABLES
from app.store.jobs import Job, JobLog

NOTES: LiteralString = "SELECT count(*), coalesce(sum(extract(epoch FROM ends - starts)), 0)::float8 FROM touched"
WATERMARKS: LiteralString = "SELECT name, watermark FROM tiers"
REST: LiteralString = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
    AND relname NOT LIKE 'readings%%'
"""


@dataclass(frozen=True, slots=True)
class State:
    """Watermarks by tier (microseconds), pending notes and the seconds that they cover, bytes by table with indexes
    (`catalog` is all that is no readings), chunks of readings and how many are in the columnstore, and jobs."""

    server: str
    watermarks: dict[str, int]
    notes: int
    noted_seconds: float
    sizes: dict[str, int]
    chunks: int
    compressed: int
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
            sizes["catalog"] = (await (await connection.execute(REST)).fetchall())[0][0]
            chunks, compressed = await engine.chunk_counts(connection)
        watermarks = {tier.name: microseconds(found[tier.name]) for tier in TIERS}
        return State(self._database.kind.sentence, watermarks, notes, seconds, sizes, chunks, compressed, jobs)
