"""The demo: history in seconds, machines that go on producing, and examples that answer."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.http.graphiql import examples
from app.main import House
from app.store.tables import latest, machines, metrics, plants, series

pytestmark = pytest.mark.anyio

WITHOUT_ANSWER = {"unmapped"}
"""The demo has no unmapped series until somebody writes one."""


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for below in value.values() for leaf in _leaves(below)]
    if isinstance(value, list):
        return [leaf for below in value for leaf in _leaves(below)]
    return [value]


async def test_a_week_of_history_and_then_live_readings(house: House, client: httpx.AsyncClient) -> None:
    said: list[str] = []
    started = time.monotonic()
    await house.demo_history(said.append)
    assert time.monotonic() - started < 30
    [stored] = re.findall(r"has ([\d,]+) new readings", said[0])
    assert int(stored.replace(",", "")) > 1_200_000
    async with house.database.begin() as transaction:
        counts = [
            await transaction.scalar(sa.select(sa.func.count()).select_from(t)) for t in (plants, machines, metrics)
        ]
        assert counts == [1, 24, 6]
        assert await transaction.scalar(sa.select(sa.func.count()).where(series.c.machine_id.is_(None))) == 0
        newest = await transaction.scalar(sa.select(sa.func.max(latest.c.time)))
    assert (datetime.now(UTC) - newest).total_seconds() < 30

    for example in examples():
        response = await client.post("/graphql", json={"query": example.document})
        body = response.json()
        assert "errors" not in body, (example.name, body)
        if example.name not in WITHOUT_ANSWER:
            assert any(leaf not in (None, False, 0) for leaf in _leaves(body["data"])), example.name

    await house.demo_history(said.append)
    [again] = re.findall(r"has ([\d,]+) new readings", said[1])
    assert int(again.replace(",", "")) < 10_000, "starting again goes on with the same data"

    live = asyncio.create_task(house.demo_live())
    await asyncio.sleep(2.5)
    live.cancel()
    async with house.database.begin() as transaction:
        now_newest = await transaction.scalar(sa.select(sa.func.max(latest.c.time)))
    assert (datetime.now(UTC) - now_newest).total_seconds() < 3
