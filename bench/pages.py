"""Pages: GraphQL beside bare routes that answer the same numbers from the same database."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from bench.bounds import CONNECTIONS, LEAST_MACHINE_PAGE, Extent
from bench.client import ask_once, rate, request
from bench.figures import Comparison, Figure, compared, taking_turns
from bench.history import METRICS, PLANT_MACHINES, PLANT_METRICS, History
from bench.process import Service, bare_routes, service
from bench.server import Server, new_database
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
_WARM_UP = 0.5
"""Seconds."""
MINUTES = 1_440
Target = tuple[int, list[bytes]]
"""A port, and the requests that go there."""


async def pages(server: Server, extent: Extent) -> list[Figure]:
    """Both pages on one database."""
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
        ]


async def _machine_page(running: Service, bare: int, history: History, seconds: float) -> Figure:
    span = {"from": history.starts_at.isoformat(), "to": history.ends_at.isoformat()}
    ours, theirs = [], []
    for machine in range(history.machines):
        ours.append(_graphql(running.token, _MACHINE, {"path": history.path(machine), **span}))
        series = (await _ask(running.port, ours[-1]))["data"]["machine"]["series"]
        numbers = {read_id(each["id"]).number: each["buckets"] for each in series}
        ids = sorted(numbers)
        theirs.append(request("GET", "/machine?" + urlencode({"ids": ",".join(map(str, ids)), **span})))
        _same([numbers[number] for number in ids], await _ask(bare, theirs[-1]))
        buckets = sum(len(each["starts"]) for each in numbers.values())
        if buckets != METRICS * MINUTES:
            raise RuntimeError(f"the machine page has {buckets} buckets, not {METRICS * MINUTES}")
    found = await _taking_turns((running.port, ours), (bare, theirs), seconds)
    what = (
        f"machine page: {METRICS} series, 24 h of one-minute buckets, {CONNECTIONS} connections;"
        " reference: a bare route with one statement"
    )
    return compared(what, found, "requests/s", least=LEAST_MACHINE_PAGE)


async def _plant_page(running: Service, bare: int, seconds: float) -> Figure:
    ours = _graphql(running.token, _PLANT, {"code": "plant"})
    theirs = request("GET", "/plant?code=plant")
    machines = (await _ask(running.port, ours))["data"]["plant"]["machines"]
    shown = {each["code"]: [_reading(series) for series in each["series"]] for each in machines}
    _same(shown, await _ask(bare, theirs))
    if sum(map(len, shown.values())) != PLANT_MACHINES * PLANT_METRICS:
        raise RuntimeError("the plant page does not show every machine with every metric")
    found = await _taking_turns((running.port, [ours]), (bare, [theirs]), seconds)
    what = (
        f"plant page: {PLANT_MACHINES} machines with the latest of {PLANT_METRICS} metrics each,"
        f" {CONNECTIONS} connections; reference: a bare route with one join"
    )
    return compared(what, found, "requests/s")


async def _taking_turns(ours: Target, theirs: Target, seconds: float) -> Comparison:
    async def run_of(target: Target) -> float:
        port, requests = target
        # Every connection starts elsewhere, so that they do not all ask for the same at once.
        turned = [requests[at % len(requests) :] + requests[: at % len(requests)] for at in range(CONNECTIONS)]
        return await rate(port, turned, seconds)

    for target in (ours, theirs):  # plans and caches are made before the clock starts
        await rate(target[0], [target[1]] * CONNECTIONS, _WARM_UP)
    return await taking_turns(lambda _: run_of(ours), lambda _: run_of(theirs))


def _reading(series: dict[str, Any]) -> dict[str, object]:
    latest = series["latest"]
    at = datetime.fromisoformat(latest["time"]).timestamp() * 1_000
    return {"metric": series["metric"]["name"], "time": at, "value": latest["value"]}


def _graphql(token: str, query: str, variables: dict[str, str]) -> bytes:
    body = orjson.dumps({"query": query, "variables": variables})
    return request("POST", "/graphql", token, body, "application/json")


async def _ask(port: int, raw: bytes) -> Any:
    answer = orjson.loads(await ask_once(port, raw))
    if "errors" in answer:
        raise RuntimeError(f"the page is answered with an error: {answer['errors'][0]}")
    return answer


def _same(ours: object, theirs: object) -> None:
    if ours != theirs:
        raise RuntimeError("the page and its reference do not answer the same numbers")
