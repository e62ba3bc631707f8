"""The demo: history in seconds, machines that go on producing, and examples that answer."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.domain.instants import SECOND, instant, microseconds
from app.http.graphiql import examples
from app.main import House
from app.sources.demo_plant.plant import DemoPlant, model_text
from app.store.database import Database
from app.store.tables import latest, machines, metrics, plants, readings, series
from tests.sources.drawn import Drawn

pytestmark = pytest.mark.anyio


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for below in value.values() for leaf in _leaves(below)]
    if isinstance(value, list):
        return [leaf for below in value for leaf in _leaves(below)]
    return [value]


async def seconds_of(database: Database, source: str, since: datetime) -> list[int]:
    """The seconds in which a source has readings, in order."""
    query = sa.select(readings.c.time).join(series, series.c.id == readings.c.series_id)
    async with database.begin() as transaction:
        found = await transaction.scalars(query.where(series.c.source == source, readings.c.time >= since))
        return sorted(microseconds(time) // SECOND for time in found)


def stored_and_repeated(house: House) -> tuple[float, float]:
    text = house.observer.metrics().decode()
    stored, repeated = (
        float(re.findall(rf"^linegraph_readings_{word}_total (\S+)$", text, re.MULTILINE)[0])
        for word in ("stored", "repeated")
    )
    return stored, repeated


@asynccontextmanager
async def live(house: House) -> AsyncIterator[None]:
    task = asyncio.create_task(house.demo_live())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.alone
async def test_a_week_of_history_and_then_live_readings(house: House, client: httpx.AsyncClient) -> None:
    said: list[str] = []
    began = datetime.now(UTC)
    started = time.monotonic()
    await house.demo_history(said.append)
    assert time.monotonic() - started < 30
    [stored] = re.findall(r"has ([\d,]+) new readings", said[0])
    assert int(stored.replace(",", "")) > 1_200_000
    async with house.database.begin() as transaction:
        counts = [
            await transaction.scalar(sa.select(sa.func.count()).select_from(t)) for t in (plants, machines, metrics)
        ]
        assert counts == [1, 24, 7]
        unmapped = (await transaction.execute(sa.select(series).where(series.c.machine_id.is_(None)))).all()
        assert [row.unmapped_reason for row in unmapped] == ["the tag line is missing"]

    for example in examples():
        response = await client.post("/graphql", json={"query": example.document})
        body = response.json()
        assert "errors" not in body, (example.name, body)
        assert any(leaf not in (None, False, 0) for leaf in _leaves(body["data"])), example.name

    await _coverage_tells_where_a_sensor_was_silent(client)
    await _pace_is_derived(house, client)

    async with live(house):
        await asyncio.sleep(3)
    plant = DemoPlant()
    compressor = await seconds_of(house.database, plant.compressor.source, began - timedelta(minutes=10))
    assert compressor == list(range(compressor[0], compressor[-1] + 1)), "no second is missing where live ones begin"
    assert compressor[0] <= began.timestamp() - 599
    assert datetime.now(UTC).timestamp() - compressor[-1] < 3
    assert stored_and_repeated(house)[1] == 0

    await house.demo_history(said.append)
    [again] = re.findall(r"has ([\d,]+) new readings", said[1])
    assert int(again.replace(",", "")) < 2_000, "starting again goes on with the same data"


async def _coverage_tells_where_a_sensor_was_silent(client: httpx.AsyncClient) -> None:
    document = """{ machine(path: "demo/press/press-3") { series(metrics: ["temperature", "vibration"]) {
        metric { displayName description } buckets(range: { last: "P1D" }, every: "PT1H") { coverage } } } }"""
    body = (await client.post("/graphql", json={"query": document})).json()
    temperature, vibration = body["data"]["machine"]["series"]
    for each in (temperature, vibration):
        assert each["metric"]["displayName"][0].isupper()
        assert len(each["metric"]["description"]) > 20
        assert len(each["buckets"]["coverage"]) in (24, 25)
        assert all(0 < share <= 1 for share in each["buckets"]["coverage"])
    assert sum(share == 1 for share in vibration["buckets"]["coverage"]) >= 22
    assert 2 <= sum(share < 0.96 for share in temperature["buckets"]["coverage"]) <= 10


async def _pace_is_derived(house: House, client: httpx.AsyncClient) -> None:
    document = """{ machine(path: "demo/press/press-1") { series(metrics: ["pace"]) { unit
        readings(range: { last: "P1D" }) { values } buckets(range: { last: "P1D" }, every: "PT1H") { coverage } } } }"""
    pace: dict[str, Any] = {"readings": {"values": []}}
    async with asyncio.timeout(60):
        while len(pace["readings"]["values"]) < 80:
            await house.freshen()
            await asyncio.sleep(0.1)  # the service may be at it itself
            found = (await client.post("/graphql", json={"query": document})).json()["data"]["machine"]["series"]
            pace = found[0] if found else pace
    assert pace["unit"] == "/h"
    assert all(0 <= value < 1_000 for value in pace["readings"]["values"])
    assert sum(share == 1 for share in pace["buckets"]["coverage"]) > 20


async def test_what_is_stored_is_what_a_plant_of_any_other_day_would_tell(house: House) -> None:
    now = microseconds(datetime.now(UTC)) // SECOND * SECOND
    await _demo_until(house, now - 20 * SECOND)
    await house.demo_history(lambda _: None)
    drawn = Drawn(DemoPlant().history(now - 20 * SECOND, now, SECOND))
    query = sa.select(readings.c.time, readings.c.value).join(series, series.c.id == readings.c.series_id)
    source = "vibration,line=press,machine=press-3,plant=demo value"
    async with house.database.begin() as transaction:
        rows = await transaction.execute(query.where(series.c.source == source).order_by(readings.c.time))
        stored = {microseconds(row.time): row.value for row in rows}
    times, values = drawn.of("press-3", "vibration")
    assert [stored[time] for time in times.tolist()] == values.tolist()


async def _demo_until(house: House, moment: int) -> None:
    """A demo that has stopped a while ago."""
    await house.model.apply(model_text(), "demo.yaml")
    await house.committer.commit(DemoPlant().at(moment))


async def test_live_readings_begin_where_the_stored_ones_end_and_every_second_is_stored_once(house: House) -> None:
    stopped = microseconds(datetime.now(UTC)) // SECOND - 90
    await _demo_until(house, stopped * SECOND)
    source = DemoPlant().compressor.source
    async with live(house):
        await asyncio.sleep(2)
        async with house.database.begin() as transaction:
            # A commit that takes longer than a second or two.
            await transaction.execute(sa.text("LOCK TABLE latest IN ACCESS EXCLUSIVE MODE"))
            await asyncio.sleep(2.5)
        await asyncio.sleep(3)
    seconds = await seconds_of(house.database, source, instant(stopped * SECOND))
    assert seconds == list(range(stopped, seconds[-1] + 1))
    assert datetime.now(UTC).timestamp() - seconds[-1] < 3
    stored, repeated = stored_and_repeated(house)
    assert repeated == 0
    assert stored >= 130 * len(seconds)


async def test_readings_of_others_do_not_move_the_demo(house: House, client: httpx.AsyncClient) -> None:
    stopped = microseconds(datetime.now(UTC)) // SECOND - 60
    await _demo_until(house, stopped * SECOND)
    ahead = (stopped + 3_600) * 1_000_000_000
    lines = [f"vibration,plant={plant},line=press,machine=press-1 value=1 {ahead}" for plant in ("demo", "detroit")]
    assert (await client.post("/api/v2/write", content="\n".join(lines))).status_code == 204
    async with live(house):
        await asyncio.sleep(2)
    seconds = await seconds_of(house.database, DemoPlant().compressor.source, instant(stopped * SECOND))
    assert seconds == list(range(stopped, seconds[-1] + 1))
    assert len(seconds) > 60
    async with house.database.begin() as transaction:
        assert await transaction.scalar(sa.select(sa.func.max(latest.c.time))) == instant(ahead // 1_000)
