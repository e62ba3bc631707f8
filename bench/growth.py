"""What queries of tiers cost as readings grow: the same buckets beside a hundred times as many readings."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

import psycopg

from app.domain.policy import Policy
from app.domain.tiers import SOURCES
from app.main import House
from app.observe import Observer
from app.settings import Settings
from app.store.database import open_database
from bench.bounds import MOST_GROWN, MOST_INTAKE_MEMORY, Extent
from bench.client import durations
from bench.figures import Figure, at_most, level
from bench.loading import make_series, store
from bench.process import Service, service
from bench.readings import Stretch
from bench.server import Server, new_database
from bench.settling import until_settled
from bench.sides import answered, graphql

_PLANT: Final = "growth"
_SERIES: Final = 20
_SECONDS: Final = (50_000, 500_000, 5_000_000)
"""Readings of each series, where there is one a second: a million of all, ten, and a hundred."""
_RANGE: Final = timedelta(hours=12)
_STEPS: Final = {"PT1M": 720, "PT15M": 48, "PT6H": 2}
_OLD: Final = timedelta(days=7)
"""Older chunks lie in the columnstore."""
_ASKED_SECONDS: Final = 0.5
_RUNS: Final = 5
# Quarters: their sums are the same in whatever order a database adds them up.
_READINGS: Final = """
SELECT id, time, floor(200 + 40 * sin(extract(epoch FROM time) / 600 + place)) / 4, 0
FROM unnest(%(series)s::int[]) WITH ORDINALITY AS known (id, place)
CROSS JOIN generate_series(%(starts)s::timestamptz, %(ends)s, make_interval(secs => %(interval)s)) AS time
"""
_QUESTION: Final = """
query Growth($from: DateTime!, $to: DateTime!, $every: Duration!) {
  machine(path: "growth/line-0/machine-000") {
    series { buckets(range: {from: $from, to: $to}, every: $every) { starts count average minimum maximum } }
  }
}
"""


async def growth(server: Server, extent: Extent) -> list[Figure]:
    """Three databases that end with the same readings, asked in turns; older ones lie where policies put them."""
    ends = datetime.fromtimestamp((int(time.time()) - 3_600) // 21_600 * 21_600, UTC)
    async with AsyncExitStack() as stack:
        held: list[Service] = []
        for seconds in _SECONDS:
            url = await stack.enter_async_context(new_database(server, f"bench_growth_{seconds}"))
            parameters = {"series": await _series(url, ends), "interval": extent.growth_interval}
            await store(url, _READINGS, parameters, ends - timedelta(seconds=seconds), ends)
            await _keep(url)
            held.append(await stack.enter_async_context(service(url, f"growth-{seconds}")))
        taken = {step: await _asked(held, ends, step, buckets) for step, buckets in _STEPS.items()}
        peak = max(running.peak_megabytes for running in held)
    counted = [_SERIES * seconds // extent.growth_interval for seconds in _SECONDS]
    what = f"of 10 series over 12 h, at {', '.join(f'{count:,}' for count in counted)} raw readings"
    return [
        *(level(f"{step}: {buckets} buckets {what}", taken[step], MOST_GROWN) for step, buckets in _STEPS.items()),
        at_most("tiers as readings grow: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


async def _series(url: str, ends: datetime) -> Sequence[int]:
    async with service(url) as running, await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        made = await make_series(running, connection, Stretch(int(ends.timestamp()), 1, _PLANT))
    return made[:_SERIES]


async def _keep(url: str) -> None:
    """What the worker does turn by turn: refreshes the tiers, and moves to the columnstore what is old enough."""
    async with open_database(url) as database:
        house = House(database, Settings(), Observer())
        await house.freshen()
        if database.engine.columnstore:
            await house.policies.set({name: Policy(columnstore_after=_OLD) for name in SOURCES})
            while await house.policies.carry_out(datetime.now(UTC)):
                pass
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await until_settled(connection)
        await connection.execute("VACUUM ANALYZE")


async def _asked(held: Sequence[Service], ends: datetime, step: str, buckets: int) -> list[float]:
    """The median time of an answer of each, which must be the same one."""
    variables = {"from": (ends - _RANGE).isoformat(), "to": ends.isoformat(), "every": step}
    questions = [graphql(running.token, _QUESTION, variables) for running in held]
    answers = [await answered(running.port, raw) for running, raw in zip(held, questions, strict=True)]
    for answer in answers:
        del answer["extensions"]
    counts = {len(each["buckets"]["starts"]) for each in answers[0]["data"]["machine"]["series"]}
    if counts != {buckets} or any(answer != answers[0] for answer in answers):
        raise RuntimeError(f"the buckets of {step} are not those expected: {counts}")
    taken: list[list[float]] = [[] for _ in held]
    for _ in range(_RUNS):
        for running, raw, own in zip(held, questions, taken, strict=True):
            own.append(median(await durations(running.port, [[raw]], _ASKED_SECONDS)))
    return [median(own) for own in taken]
