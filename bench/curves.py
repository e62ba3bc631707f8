"""Curves of a year: plots beside a bare route on the same tier, and how their cost grows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from bench.bounds import CONNECTIONS, LEAST_CURVES, MOST_CURVES
from bench.client import Refused, durations, request
from bench.figures import Figure, at_most_seconds, compared, in_milliseconds, told
from bench.process import Service
from bench.sides import answered, beside, graphql, must_be_same
from schema.ids import read_id

POINTS: Final = 800
_STARTS_AT: Final = datetime(2025, 1, 1, tzinfo=UTC)
_ENDS_AT: Final = _STARTS_AT + timedelta(days=365)
"""The six-hour tier fits both ends: nothing finer is read beside it, here or there."""
_COLUMN: Final = timedelta(hours=12)
"""The least multiple of that tier's width of which 800 cover the year."""
_MACHINE: Final = """
query Curves($path: String!, $from: DateTime!, $to: DateTime!, $points: Int!) {
  machine(path: $path) { series { id plot(range: {from: $from, to: $to}, points: $points) { times values tier } } }
}
"""
_SERIES: Final = """
query Curves($ids: [ID!]!, $from: DateTime!, $to: DateTime!, $points: Int!) {
  series(ids: $ids) { plot(range: {from: $from, to: $to}, points: $points) { times values } }
}
"""
_CORNERS = ("first", "minimum", "maximum", "last")
_SPAN = {"from": _STARTS_AT.isoformat(), "to": _ENDS_AT.isoformat()}
_NUMBERS = (1, 10, 100)
_WIDTHS = (100, POINTS, 4_000)
_CLIENTS = (1, 4, 16)


async def curves(running: Service, bare: int, machines: Sequence[str], seconds: float) -> list[Figure]:
    """Plots of the machines with these paths, which have ten series each, and of all their series."""
    ours, theirs, ids = [], [], []
    for path in machines:
        ours.append(graphql(running.token, _MACHINE, {"path": path, "points": POINTS, **_SPAN}))
        series = (await answered(running.port, ours[-1]))["data"]["machine"]["series"]
        plots = {read_id(each["id"]).number: each["plot"] for each in series}
        if {plot["tier"] for plot in plots.values()} != {"PT6H"}:
            raise RuntimeError("the plots of a year are not made of the six-hour tier")
        wanted = ",".join(map(str, sorted(plots)))
        width = int(_COLUMN.total_seconds())
        theirs.append(request("GET", "/curves?" + urlencode({"ids": wanted, "seconds": width, **_SPAN})))
        found = await answered(bare, theirs[-1])
        must_be_same([_pairs(plots[number]) for number in sorted(plots)], [_corners(each) for each in found])
        ids += [each["id"] for each in series]
    what = f"a year of 10 series as plot(points: {POINTS}), one reading a minute"
    found = await beside((running.port, ours), (bare, theirs), seconds)
    alone = median(await durations(running.port, [ours], seconds))
    return [
        compared(
            f"{what}, {CONNECTIONS} connections; reference: a bare route with one statement on the same tier",
            found, "requests/s", least=LEAST_CURVES,
        ),
        at_most_seconds(f"{what}, one client", alone, MOST_CURVES),
        *[await _growth(running, ids[:series], points, seconds) for series in _NUMBERS for points in _WIDTHS],
    ]  # fmt: skip


async def _growth(running: Service, ids: Sequence[str], points: int, seconds: float) -> Figure:
    """The median time of an answer with more and more clients at once."""
    raw = graphql(running.token, _SERIES, {"ids": ids, "points": points, **_SPAN})
    plots = [each["plot"] for each in (await answered(running.port, raw))["data"]["series"]]
    shown = sum(len(plot["times"]) for plot in plots)
    medians = [f"{clients}: {await _median(running, raw, clients, seconds)}" for clients in _CLIENTS]
    what = f"a year of {len(ids)} series as plot(points: {points}), {shown:,} readings shown: median by connections"
    return told(what, "; ".join(medians))


async def _median(running: Service, raw: bytes, clients: int, seconds: float) -> str:
    stopped, taken = False, list[float]()
    try:
        taken = await durations(running.port, [[raw]] * clients, seconds)
    except* Refused:
        stopped = True
    return "more than requests may take" if stopped else in_milliseconds(median(taken))


def _pairs(plot: dict[str, Any]) -> list[tuple[float, float]]:
    return list(zip(plot["times"], plot["values"], strict=True))


def _corners(columns: dict[str, list[float]]) -> list[tuple[float, float]]:
    """Each reading once, in the order of time."""
    return sorted({pair for name in _CORNERS for pair in zip(columns[f"{name}_at"], columns[name], strict=True)})
