"""Readings recorded on real machines: imported by the command's own way in, and given back by GraphQL as they were."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.domain.instants import MINUTE, microseconds
from app.main import House

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
SKAB = [DATA / "skab" / f"valve1-{number}.csv" for number in range(8)]
NAB = DATA / "nab" / "machine_temperature_system_failure.csv"
METRICS = (
    "Accelerometer1RMS=vibration_1:g",
    "Accelerometer2RMS=vibration_2:g",
    "Current=current:A",
    "Pressure=pressure:bar",
    "Temperature=temperature:Cel",
    "Thermocouple=fluid_temperature:Cel",
    "Voltage=voltage:V",
    "Volume Flow RateRMS=flow:L/min",
)
COLUMNS = {text.partition("=")[0]: text.partition("=")[2].partition(":")[0] for text in METRICS}

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DATA.exists(), reason="the real recordings are not beside the project"),
]

ASK = """
query ($path: String!, $metrics: [String!], $range: Range!, $after: String) {
  machine(path: $path) {
    series(metrics: $metrics) {
      metric { name unit }
      readings(range: $range, first: 10000, after: $after) { unit times values statuses endCursor hasNextPage }
    }
  }
}
"""
AVERAGES = """
query ($path: String!, $range: Range!) {
  machine(path: $path) {
    series { metric { name } buckets(range: $range, every: "PT1M") { starts average count tier } }
  }
}
"""
PLOT = """
query ($range: Range!) {
  machine(path: "nab/line/machine") { series { plot(range: $range, points: 400) { times values tier } } }
}
"""


def skab_rows() -> Iterator[tuple[int, dict[str, float]]]:
    """Milliseconds and values of every row of the eight runs."""
    for path in SKAB:
        with path.open(newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                at = datetime.fromisoformat(row["datetime"]).replace(tzinfo=ZoneInfo("Europe/Moscow"))
                yield int(at.timestamp() * 1000), {COLUMNS[name]: float(row[name]) for name in COLUMNS}


def nab_readings() -> dict[int, float]:
    """Milliseconds to value; of several rows with one time the later one."""
    with NAB.open(newline="") as file:
        return {
            int(
                datetime.fromisoformat(row["timestamp"]).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
                * 1000
            ): float(row["value"])
            for row in csv.DictReader(file)
        }


async def asked(client: httpx.AsyncClient, query: str, **variables: object) -> Any:
    response = await client.post("/graphql", json={"query": query, "variables": variables}, timeout=60)
    body = response.json()
    assert "errors" not in body, body
    return body["data"]


async def imported(house: House, files: list[Path], **form: Any) -> tuple[int, int, int, int]:
    options = {"time": None, "delimiter": None, "metrics": (), "ignore": "", **form}
    run = await house.importing(files, **options)
    size = 0
    async for read in run.run():
        size += read
    assert size == sum(path.stat().st_size for path in files)
    return run.account.new, run.account.corrected, run.account.repeated, run.account.refused


async def all_readings(client: httpx.AsyncClient, path: str, metric: str, span: dict[str, str]) -> dict[float, float]:
    found: dict[float, float] = {}
    after = None
    while True:
        data = await asked(client, ASK, path=path, metrics=[metric], range=span, after=after)
        [series] = data["machine"]["series"]
        page = series["readings"]
        assert not set(page["times"]) & set(found), "pages do not overlap"
        found |= dict(zip(page["times"], page["values"], strict=True))
        assert set(page["statuses"]) == {0.0}
        after = page["endCursor"]
        if not page["hasNextPage"]:
            return found


async def test_eight_runs_of_a_test_bed_come_back_as_they_were(house: House, client: httpx.AsyncClient) -> None:
    form: dict[str, Any] = {
        "plant": "skab",
        "line": "bed",
        "machine": "valve1",
        "time_zone": "Europe/Moscow",
        "metrics": METRICS,
    }
    rows = list(skab_rows())
    account = await imported(house, SKAB, **form, ignore="anomaly,changepoint")
    assert account == (len(rows) * 8, 0, 0, 0)
    assert await imported(house, SKAB, **form, ignore="anomaly,changepoint") == (0, 0, len(rows) * 8, 0)

    span = {"from": "2020-03-09T00:00:00Z", "to": "2020-03-10T00:00:00Z"}
    data = await asked(client, ASK, path="skab/bed/valve1", metrics=None, range=span)
    units = {series["metric"]["name"]: series["readings"]["unit"] for series in data["machine"]["series"]}
    assert units == {text.partition("=")[2].partition(":")[0]: text.rpartition(":")[2] for text in METRICS}
    for name in COLUMNS.values():
        kept = await all_readings(client, "skab/bed/valve1", name, span)
        assert kept == {float(at): values[name] for at, values in rows}

    minutes: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for at, values in rows:
        for name, value in values.items():
            minutes[name][at // 60_000 * 60_000].append(value)
    for advance_to in (None, microseconds(datetime.fromisoformat("2020-03-09T18:00:00Z"))):
        if advance_to:
            await house.keeper.advance(advance_to // MINUTE * MINUTE)
        data = await asked(client, AVERAGES, path="skab/bed/valve1", range=span)
        for series in data["machine"]["series"]:
            truth = minutes[series["metric"]["name"]]
            buckets = series["buckets"]
            assert buckets["tier"] == "PT1M"
            assert dict(zip(buckets["starts"], buckets["count"], strict=True)) == {m: len(v) for m, v in truth.items()}
            expected = {minute: sum(values) / len(values) for minute, values in truth.items()}
            assert dict(zip(buckets["starts"], buckets["average"], strict=True)) == pytest.approx(expected, rel=1e-9)


async def test_a_machine_temperature_over_three_months_comes_back_as_it_was(
    house: House, client: httpx.AsyncClient
) -> None:
    form: dict[str, Any] = {"plant": "nab", "line": "line", "machine": "machine", "time_zone": "America/Los_Angeles"}
    form["metrics"] = ["value=temperature:Cel"]
    assert await imported(house, [NAB], **form) == (22_683, 0, 12, 0)
    assert await imported(house, [NAB], **form) == (0, 0, 22_695, 0)
    truth = nab_readings()
    assert len(truth) == 22_683

    span = {"from": "2013-12-01T00:00:00Z", "to": "2014-03-01T00:00:00Z"}
    kept = await all_readings(client, "nab/line/machine", "temperature", span)
    assert kept == {float(at): value for at, value in truth.items()}
    for advance_to in (None, microseconds(datetime.fromisoformat("2014-03-01T00:00:00Z"))):
        if advance_to:
            await house.keeper.advance(advance_to)
        data = await asked(client, PLOT, range=span)
        [series] = data["machine"]["series"]
        plot = series["plot"]
        drawn = dict(zip(plot["times"], plot["values"], strict=True))
        assert len(drawn) <= 1600
        assert min(drawn.values()) == min(truth.values())
        assert max(drawn.values()) == max(truth.values())
        assert all(truth[int(at)] == value for at, value in drawn.items()), "no value is invented"
