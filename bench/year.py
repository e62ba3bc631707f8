"""A year of a plant: 100 counters with a reading a minute, and what its days, months and curves cost to ask for."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import psycopg

from bench.bounds import MOST_DAYS, MOST_INCREASES, MOST_MONTHS, MOST_PAGES_MEMORY, YEAR_RUNS, Extent
from bench.client import ask_once, request, send_all
from bench.curves import curves
from bench.figures import Figure, at_most, at_most_seconds
from bench.million import million
from bench.process import Service, bare_routes, command, service
from bench.server import Server, new_database
from bench.settling import until_settled

MACHINES: Final = 10
METRICS: Final = 10
STARTS_AT: Final = datetime(2024, 12, 31, 23, tzinfo=UTC)
"""Midnight in Berlin."""
ENDS_AT: Final = STARTS_AT + timedelta(days=365)

_MODEL = """
plants:
  - code: year
    time_zone: Europe/Berlin
    lines: [{code: line, machines: [%s]}]
metrics: [%s]
"""
# Grows by one to four a minute, and begins again at zero every few weeks.
_READINGS = """
INSERT INTO readings (series_id, time, value, quality)
SELECT id, time, floor(extract(epoch FROM time) / 60)::bigint %% (20011 + 997 * (id %% 37)) * (1 + id %% 4), 0
FROM generate_series(%s::timestamptz, %s, '1 minute') AS time CROSS JOIN series ORDER BY id, time
"""
# On plain PostgreSQL a partition a week, which the service opens as readings arrive.
_OPENS = "SELECT to_regproc('open_readings_partition') IS NOT NULL"
_OPEN = """
SELECT open_readings_partition(number) FROM generate_series(%s::int, %s) AS number
"""
_LATEST = """
UPDATE latest SET (time, value, received) = (SELECT time, value, %s FROM readings
    WHERE readings.series_id = latest.series_id ORDER BY time DESC LIMIT 1)
"""
_NOTE = "INSERT INTO touched (starts, ends) VALUES (%s, %s)"
_WEEK = 604_800
_ASK = """
query Year($from: DateTime!, $to: DateTime!, $by: CalendarStep!) {
  plant(code: "year") { machines { series { buckets(range: {from: $from, to: $to}, by: $by) { %s } } } }
}
"""


async def year(server: Server, extent: Extent) -> list[Figure]:
    """Days, increases by days, and months of all series, each by one client, nothing remembered in between; curves,
    and a million buckets."""
    async with new_database(server, "bench_year") as url, service(url) as running, bare_routes(url) as bare:
        await load(running, url, extent.year_days)
        return await measured(running, bare, extent)


async def measured(running: Service, bare: int, extent: Extent) -> list[Figure]:
    """On a database that holds the year."""
    machines = [f"year/line/machine-{number}" for number in range(MACHINES)]
    return [
        await _asked(running, "average minimum maximum count", "DAY", MOST_DAYS),
        await _asked(running, "increase", "DAY", MOST_INCREASES),
        await _asked(running, "average minimum maximum count", "MONTH", MOST_MONTHS),
        *await curves(running, bare, machines, extent.page_seconds),
        *await million(running, STARTS_AT, MACHINES * METRICS),
        at_most("a year, its curves and a million buckets: peak memory of the service", running.peak_megabytes,
                MOST_PAGES_MEMORY),
    ]  # fmt: skip


async def load(running: Service, url: str, days: int) -> None:
    """Stores the year: the model and the series by the doors, the readings by a statement in the database."""
    names = ", ".join(f"{{code: machine-{number}}}" for number in range(MACHINES))
    metrics = ", ".join(f"{{name: counts.value-{number}, kind: COUNTER, interval: PT1M}}" for number in range(METRICS))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(_MODEL % (names, metrics))
        file.flush()
        await command("model", "apply", str(Path(file.name)), database_url=url)
    fields = ",".join(f"value-{number}=0" for number in range(METRICS))
    lines = [f"counts,plant=year,line=line,machine=machine-{number} {fields} " for number in range(MACHINES)]
    body = "\n".join(line + str(int(STARTS_AT.timestamp())) for line in lines).encode()
    await send_all(running.port, [[request("POST", "/api/v2/write?precision=s", running.token, body)]])
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("DELETE FROM readings")
        end = STARTS_AT + timedelta(days=days)
        if await (await connection.execute(_OPENS)).fetchone() == (True,):
            weeks = [int(at.timestamp()) // _WEEK for at in (STARTS_AT, end)]
            await connection.execute(_OPEN, weeks)
        at = STARTS_AT
        while at < end:
            until = min(at + timedelta(days=7), end)
            await connection.execute(_READINGS, [at, until - timedelta(minutes=1)])
            at = until
        await connection.execute(_LATEST, [days * 1_440])
        await connection.execute(_NOTE, [STARTS_AT, end])
        await until_settled(connection, ENDS_AT)
        await connection.execute("VACUUM ANALYZE")


async def _asked(running: Service, fields: str, by: str, most: float) -> Figure:
    variables = {"from": STARTS_AT.isoformat(), "to": ENDS_AT.isoformat(), "by": by}
    raw = request(
        "POST", "/graphql", running.token, orjson.dumps({"query": _ASK % fields, "variables": variables}),
        "application/json",
    )  # fmt: skip
    taken = []
    for _ in range(YEAR_RUNS + 1):
        started = time.perf_counter()
        answer = orjson.loads(await ask_once(running.port, raw))
        taken.append(time.perf_counter() - started)
    steps = _steps(answer, fields)
    what = f"{fields} of {MACHINES * METRICS} series by {by} in Europe/Berlin: one-minute readings of {steps} steps"
    return at_most_seconds(what, median(taken[1:]), most)


def _steps(answer: Any, fields: str) -> int:
    """How many there are of each series, which all have as many."""
    if "errors" in answer:
        raise RuntimeError(f"the year is answered with an error: {answer['errors'][0]}")
    machines = answer["data"]["plant"]["machines"]
    columns = [series["buckets"][name] for each in machines for series in each["series"] for name in fields.split()]
    if len(columns) != MACHINES * METRICS * len(fields.split()) or len({*map(len, columns)}) != 1:
        raise RuntimeError("the year is not answered with as many steps of every series")
    return len(columns[0])
