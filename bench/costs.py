"""How the cost of a page grows with its series, with the points of each, and with those who ask at once."""

import time
from statistics import median, quantiles
from typing import Final

from bench.client import durations
from bench.figures import Figure, in_milliseconds, told
from bench.history import METRICS, History
from bench.process import Service
from bench.sides import answered, graphql

_CASES: Final = (
    *((series, 24, 1) for series in (1, 10, 40)),
    *((10, points, 1) for points in (96, 1_440)),
    *((10, 24, connections) for connections in (4, 16)),
)
"""Series, points of each in 24 hours, connections."""
_STEPS: Final = {24: "PT1H", 96: "PT15M", 1_440: "PT1M"}
_QUERY: Final = """
query Cost($ids: [ID!]!, $from: DateTime!, $to: DateTime!, $every: Duration!) {
  series(ids: $ids) { metric { name } buckets(range: {from: $from, to: $to}, every: $every) {
    starts average minimum maximum
  } }
}
"""
_IDS: Final = "query Ids($path: String!) { machine(path: $path) { series { id } } }"


async def costs(running: Service, history: History, seconds: float) -> list[Figure]:
    """A line for each of the cases; in each one thing is more than in the usual one."""
    ids: list[str] = []
    for machine in range(max(series for series, _, _ in _CASES) // METRICS):
        found = await answered(running.port, graphql(running.token, _IDS, {"path": history.path(machine)}))
        ids += [series["id"] for series in found["data"]["machine"]["series"]]
    span = {"from": history.starts_at.isoformat(), "to": history.ends_at.isoformat()}
    lines = []
    for series, points, connections in _CASES:
        raw = graphql(running.token, _QUERY, {"ids": ids[:series], "every": _STEPS[points], **span})
        answer = (await answered(running.port, raw))["data"]["series"]
        if [len(each["buckets"]["starts"]) for each in answer] != [points] * series:
            raise RuntimeError(f"{series} series are not answered with {points} points each")
        began = time.perf_counter()
        taken = await durations(running.port, [[raw]] * connections, seconds)
        rate = len(taken) / (time.perf_counter() - began)
        what = f"cost: {series} series, {points:,} points each, {connections} connections"
        slow = quantiles(taken, n=100)[-1]
        lines.append(told(what, f"{in_milliseconds(median(taken))}, of 100 the slowest {in_milliseconds(slow)}; "
                                f"{rate:,.0f} requests/s"))  # fmt: skip
    return lines
