"""KPIs: days of a month for 200 machines, one by one and as a plant, from readings of counters."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import orjson
import psycopg

from bench.bounds import MOST_KPI, YEAR_RUNS, Extent
from bench.client import ask_once, request, send_all
from bench.figures import Figure, at_most_seconds
from bench.loading import store
from bench.process import Service, command, service
from bench.server import Server, new_database
from bench.settling import until_settled

MACHINES: Final = 200
DAYS: Final = 30
STARTS_AT: Final = datetime(2026, 1, 31, 23, tzinfo=UTC)
"""Midnight in Berlin."""
INTERVAL: Final = 300
"""Seconds between the readings of a series."""

_MODEL = """
plants: [{code: works, time_zone: Europe/Berlin}]
metrics: [{name: counts.good, kind: COUNTER}, {name: counts.total, kind: COUNTER}]
kpis: [{name: yield, formula: counts.good / counts.total, unit: "%"}]
"""
_SERIES = "SELECT array_agg(id ORDER BY id) FROM series"
# Counts that grow, the good ones more slowly, and begin again at zero now and then.
_READINGS = """
SELECT id, time, floor(extract(epoch FROM time) / 60)::bigint %% (9973 + 89 * (id %% 7)) * (4 - id %% 2), 0
FROM unnest(%(series)s::int[]) AS id
CROSS JOIN generate_series(%(starts)s::timestamptz, %(ends)s, %(interval)s * interval '1 second') AS time
ORDER BY id, time
"""
_MACHINES = """query Each($from: DateTime!, $to: DateTime!) {machines(first: 200) {edges {node {path
  kpi(name: "yield", range: {from: $from, to: $to}, by: DAY) {starts value inputs {value}}}}}}"""
_PLANT = """query All($from: DateTime!, $to: DateTime!) {plant(code: "works") {
  kpi(name: "yield", range: {from: $from, to: $to}, by: DAY) {starts value inputs {value} machines}}}"""


async def kpis(server: Server, _: Extent) -> list[Figure]:
    """Both, each by one client."""
    async with new_database(server, "bench_kpis") as url, service(url) as running:
        await _load(running, url)
        each = await _asked(running, f"a KPI by DAY over {DAYS} days: each of {MACHINES} machines", _MACHINES)
        together = await _asked(running, f"a KPI by DAY over {DAYS} days: a plant of {MACHINES} machines", _PLANT)
        return [each, together]


async def _load(running: Service, url: str) -> None:
    """The model and the series by the doors, the readings by a statement in the database."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(_MODEL)
        file.flush()
        await command("model", "apply", file.name, database_url=url)
    began = int(STARTS_AT.timestamp())
    lines = [
        f"counts,plant=works,line=line-{number % 10},machine=machine-{number} good=0,total=0 {began}"
        for number in range(MACHINES)
    ]
    body = "\n".join(lines).encode()
    await send_all(running.port, [[request("POST", "/api/v2/write?precision=s", running.token, body)]])
    ends_at = STARTS_AT + timedelta(days=DAYS)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(_SERIES)).fetchone()
        await connection.execute("DELETE FROM readings")
        given = {"series": row[0] if row else [], "interval": INTERVAL}
        await store(url, _READINGS, given, STARTS_AT, ends_at)
        await until_settled(connection, ends_at)
        await connection.execute("VACUUM ANALYZE")


async def _asked(running: Service, what: str, query: str) -> Figure:
    variables = {"from": STARTS_AT.isoformat(), "to": (STARTS_AT + timedelta(days=DAYS)).isoformat()}
    body = orjson.dumps({"query": query, "variables": variables})
    raw = request("POST", "/graphql", running.token, body, "application/json")
    taken = []
    answer: Any = None
    for _ in range(YEAR_RUNS + 1):
        started = time.perf_counter()
        answer = orjson.loads(await ask_once(running.port, raw))
        taken.append(time.perf_counter() - started)
    found = _found(answer)
    if {len(each["value"]) for each in found} != {DAYS} or None in found[0]["value"]:
        raise RuntimeError(f"the KPI is not answered for all days: {str(answer)[:500]}")
    return at_most_seconds(f"{what}, {len(found[0]['inputs'])} inputs each", median(taken[1:]), MOST_KPI)


def _found(answer: Any) -> list[Any]:
    if "errors" in answer:
        raise RuntimeError(f"the KPI is answered with an error: {answer['errors'][0]}")
    if plant := answer["data"].get("plant"):
        return [plant["kpi"]]
    return [edge["node"]["kpi"] for edge in answer["data"]["machines"]["edges"]]
