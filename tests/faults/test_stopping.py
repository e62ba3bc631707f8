"""A service that is told to stop while it takes a body in: the sender is never told of an error of the service."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from signal import SIGTERM

import httpx
import orjson
import pytest

from bench.server import installed
from bench.victims import Fault, victims
from tests.engines import reachable_folder
from tests.holdings import milliseconds

pytestmark = pytest.mark.anyio

READINGS = 900_000
"""So many that the service is still decoding them when it is told."""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = reachable_folder()
    yield made
    rmtree(made, ignore_errors=True)


async def test_a_body_under_way_is_stored_or_sent_again(engine: str, folder: Path) -> None:
    if not installed(engine):
        pytest.skip(f"no {engine} installed on this machine that a test may kill")
    columns = {"source": "m", "times": [milliseconds(at) for at in range(READINGS)], "values": [1.5] * READINGS}
    async with victims(folder / "data", engine) as running:
        headers = {"Authorization": f"Bearer {await running.token()}"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client:
            sent = asyncio.create_task(client.post("/api/v1/readings", content=orjson.dumps({"series": [columns]})))
            await asyncio.sleep(0.25)
            assert not sent.done()
            await running.strike(Fault("service stopped", service=SIGTERM))
            try:
                answer = await sent
            except httpx.TransportError:
                return  # not acknowledged: it will be sent again
        assert answer.status_code == 200 or (answer.status_code == 503 and "Retry-After" in answer.headers), answer.text
