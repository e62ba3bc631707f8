"""Liveness, readiness, what InfluxDB's clients ask first, and what the service counts."""

import httpx
import pytest

from app.domain.access import Role
from app.main import House
from app.store.database import Database
from tests.doors import open_client, token_for
from tests.engines import TestServer
from tests.holdings import allowed, forbidden, nanoseconds

pytestmark = pytest.mark.anyio

OPEN = {"/healthz": 200, "/readyz": 200, "/ping": 204, "/health": 200}


async def test_shells_answer_without_a_token_and_counts_ask_for_one(house: House) -> None:
    reader, writer = await token_for(house, Role.VIEWER), await token_for(house, Role.WRITER)
    async with open_client(house, loopback_only=False) as client:
        for path, status in OPEN.items():
            for method in ("GET", "HEAD"):
                assert (await client.request(method, path)).status_code == status, path
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers=writer)).status_code == 403
        counted = await client.get("/metrics", headers=reader)
    assert counted.status_code == 200
    assert counted.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "linegraph_readings_stored_total 0.0" in counted.text


async def test_what_is_stored_repeated_and_refused_is_counted(client: httpx.AsyncClient) -> None:
    body = f"m value=1 {nanoseconds(0)}\nm value=2 {nanoseconds(1)}\n"
    await client.post("/write", content=body)
    await client.post("/write", content=body + "no fields\n")
    counted = (await client.get("/metrics")).text.splitlines()
    assert "linegraph_readings_stored_total 2.0" in counted
    assert "linegraph_readings_repeated_total 2.0" in counted
    assert "linegraph_readings_refused_total 1.0" in counted


async def test_influxdb_clients_find_a_version_and_a_health(client: httpx.AsyncClient) -> None:
    ping = await client.get("/ping")
    assert ping.headers["X-Influxdb-Build"] == "linegraph"
    assert ping.headers["X-Influxdb-Version"]
    health = (await client.get("/health")).json()
    assert (health["status"], health["name"]) == ("pass", "linegraph")
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_without_the_database_the_service_lives_and_is_not_ready(
    client: httpx.AsyncClient, server: TestServer, database: Database, database_url: str
) -> None:
    await forbidden(server, database_url)
    ready, health = await client.get("/readyz"), await client.get("/health")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (health.status_code, health.json()["status"]) == (503, "fail")
    assert int(ready.headers["Retry-After"]) >= 1
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/ping")).status_code == 204
    await allowed(server, database_url)
    for _ in range(2):  # a connection that was cut may be found out only by using it
        await client.get("/readyz")
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/health")).json()["status"] == "pass"
