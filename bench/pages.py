"""Pages: GraphQL beside bare routes that answer the same numbers from the same database."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from bench.bounds import CONNECTIONS, LEAST_MACHINE_PAGE, LEAST_PLANT_PAGE, MOST_PAGES_MEMORY, Extent
from bench.client import request
from bench.costs import costs
from bench.figures import Figure, at_most, compared
from bench.history import METRICS, PLANT_MACHINES, PLANT_METRICS, History
from bench.process import Service, bare_routes, service
from bench.server import Server, new_database
from bench.sides import answered, beside, graphql, must_be_same
from bench.typing_developer import small_queries
from schema.ids import read_id

_MACHINE = """
query Machine($path: String!, $from: DateTime!, $to: DateTime!) {
  machine(path: $path) {
    name
    series { id unit metric { name } buckets(range: {from: $from, to: $to}, every: "PT1M") {
      starts average minimum maximum
    } }
  }
}
"""
_PLANT = """
query Plant($code: String!) {
  plant(code: $code) {
    machines { code series { metric { name } latest { time value quality } } }
  }
}
"""
MINUTES = 1_440


async def pages(server: Server, extent: Extent) -> list[Figure]:
    """Both pages, small queries, and what a page costs more that is larger, on one database."""
    history = History.until_now(extent.history_machines)
    async with (
        new_database(server, "bench_pages") as url,
        service(url) as running,
        bare_routes(url) as bare,
    ):
        await history.send(running, url)
        return [
            await _machine_page(running, bare, history, extent.page_seconds),
            await _plant_page(running, bare, extent.page_seconds),
            *await small_queries(running),
            *await costs(running, history, extent.page_seconds),
            at_most("pages and small queries: peak memory of the service", running.peak_megabytes, MOST_PAGES_MEMORY),
        ]


async def _machine_page(running: Service, bare: int, history: History, seconds: float) -> Figure:
    span = {"from": history.starts_at.isoformat(), "to": history.ends_at.isoformat()}
    ours, theirs = [], []
    for machine in range(history.machines):
        ours.append(graphql(running.token, _MACHINE, {"path": history.path(machine), **span}))
        series = (await answered(running.port, ours[-1]))["data"]["machine"]["series"]
        numbers = {read_id(each["id"]).number: each["buckets"] for each in series}
        ids = sorted(numbers)
        theirs.append(request("GET", "/machine?" + urlencode({"ids": ",".join(map(str, ids)), **span})))
        must_be_same([numbers[number] for number in ids], await answered(bare, theirs[-1]))
        buckets = sum(len(each["starts"]) for each in numbers.values())
        if buckets != METRICS * MINUTES:
            raise RuntimeError(f"the machine page has {buckets} buckets, not {METRICS * MINUTES}")
    found = await beside((running.port, ours), (bare, theirs), seconds)
    what = (
        f"machine page: {METRICS} series, 24 h of one-minute buckets, {CONNECTIONS} connections;"
        " reference: a bare route with one statement"
    )
    return compared(what, found, "requests/s", least=LEAST_MACHINE_PAGE)


async def _plant_page(running: Service, bare: int, seconds: float) -> Figure:
    ours = graphql(running.token, _PLANT, {"code": "plant"})
    theirs = request("GET", "/plant?code=plant")
    machines = (await answered(running.port, ours))["data"]["plant"]["machines"]
    shown = {each["code"]: [_reading(series) for series in each["series"]] for each in machines}
    must_be_same(shown, await answered(bare, theirs))
    if sum(map(len, shown.values())) != PLANT_MACHINES * PLANT_METRICS:
        raise RuntimeError("the plant page does not show every machine with every metric")
    found = await beside((running.port, [ours]), (bare, [theirs]), seconds)
    what = (
        f"plant page: {PLANT_MACHINES} machines with the latest of {PLANT_METRICS} metrics each,"
        f" {CONNECTIONS} connections; reference: a bare route with one join"
    )
    return compared(what, found, "requests/s", least=LEAST_PLANT_PAGE)


def _reading(series: dict[str, Any]) -> dict[str, object]:
    latest = series["latest"]
    at = datetime.fromisoformat(latest["time"]).timestamp() * 1_000
    return {"metric": series["metric"]["name"], "time": at, "value": latest["value"]}
