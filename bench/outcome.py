"""What came of a fault run: the rows and buckets that are there, beside what was acknowledged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import httpx
import psycopg

from bench.gateway import METRICS
from bench.journal import Reading, Truth
from bench.settling import until_settled
from simulation.comparison import compare
from simulation.metrics import Metric
from simulation.service import Customer

_STORED = """
SELECT plants.code || '/' || lines.code || '/' || machines.code, metrics.name,
    array_agg((extract(epoch FROM time) * 1000000)::bigint ORDER BY time), array_agg(value ORDER BY time),
    array_agg(quality ORDER BY time)
FROM readings
JOIN series ON series.id = readings.series_id
JOIN metrics ON metrics.id = series.metric_id
JOIN machines ON machines.id = series.machine_id
JOIN lines ON lines.id = machines.line_id
JOIN plants ON plants.id = lines.plant_id
GROUP BY 1, 2
"""


@dataclass(slots=True)
class Outcome:
    """What came of a run; `acknowledged` counts readings at different times of different series."""

    struck: int = 0
    acknowledged: int = 0
    missing: int = 0
    different: int = 0
    """Readings that are stored with another value than the last one acknowledged."""
    additional: int = 0
    """Readings that are stored twice, or were never sent."""
    buckets: int = 0
    different_buckets: int = 0
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should see, and differences, in words."""

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.different or self.additional or self.different_buckets or self.surprises)


async def compare_all(url: str, database_url: str, token: str, truth: Truth, outcome: Outcome) -> None:
    """The rows once; the buckets at once, and again when the rollups have everything."""
    headers = {"Authorization": f"Bearer {token}"}
    metrics = {name: Metric(name) for name in METRICS}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client,
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection,
    ):
        for _ in range(2):
            found = await compare(Customer(client).ask, truth, metrics=metrics, zone="UTC")
            outcome.buckets += found.compared
            outcome.different_buckets += found.different
            outcome.surprises += found.words
            await until_settled(connection)
        stored = await (await connection.cursor(binary=True).execute(_STORED)).fetchall()
    outcome.acknowledged = sum(map(len, truth.values()))
    outcome.missing = outcome.acknowledged
    for path, metric, *columns in stored:
        _count(zip(*columns, strict=True), truth.get((path, metric), {}), outcome)


def _count(rows: Iterable[tuple[int, float | None, int]], expected: Mapping[int, Reading], outcome: Outcome) -> None:
    """The stored rows of a series, beside what was acknowledged of it."""
    seen: set[int] = set()
    for at, value, status in rows:
        if at in seen or at not in expected:
            outcome.additional += 1
            continue
        seen.add(at)
        outcome.missing -= 1
        outcome.different += expected[at] != (value, status % (1 << 32))
