"""Readings that come too late: what retention has dropped stays as its rollups have it, and the sender is told."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.domain.instants import SECOND, instant, microseconds
from app.domain.policy import Policy
from app.main import House
from tests.holdings import kept_readings, kept_refusals

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
DAY = 86_400 * SECOND


async def test_rows_older_than_a_retention_are_refused_with_that_reason(
    house: House, client: httpx.AsyncClient
) -> None:
    now = microseconds(NOW)
    old = "\n".join(f"m value={at} {(now - at * DAY) * 1_000}" for at in range(60, 0, -1))
    assert (await client.post("/write", content=old)).status_code == 204
    while await house.keeper.advance(now) is None:  # the service is at it
        continue
    await house.policies.set({"RAW": Policy(timedelta(days=30))})
    assert len(await house.policies.carry_out(NOW)) == 1
    since = next(gone for gone in (await house.keeper.freshness()).gone)
    assert now - 38 * DAY < since <= now - 30 * DAY

    lines = [f"m value=700 {(now - 50 * DAY) * 1_000}", f"m value=8 {(now - DAY // 2) * 1_000}", "m value=9"]
    answers = [await client.post("/write", content="\n".join(lines)) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["stored"], answer.json()["refusedCount"]) == (400, 2, 1)
        assert answer.json()["refused"][0]["reason"] == (
            f"readings before {instant(since):%Y-%m-%dT%H:%MZ} are not kept any more (linegraph policy)"
        )
    values = [value for _, value, _ in (await kept_readings(house.database))["m value"]]
    assert 700.0 not in values
    assert {8.0, 9.0} <= set(values)
    assert len(await kept_refusals(house.database)) == 1
    columns = {"source": "m value", "times": [(now - 50 * DAY) / 1_000], "values": [700]}
    refused = await client.post("/api/v1/readings", json={"series": [columns]})
    assert (refused.status_code, refused.json()["stored"]) == (400, 0)
