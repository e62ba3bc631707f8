"""Bodies on their way in: packed, too large, too slow, too many, and given up."""

import asyncio
import gzip
import time
import tracemalloc
import zlib
from datetime import timedelta

import httpx
import pytest

from app.main import House, application, open_service
from app.store.database import Database
from app.store.tables import readings, refusals
from tests.doors import bare, house_of, open_client
from tests.holdings import commits_held, count, kept_readings, nanoseconds, until_held

pytestmark = pytest.mark.anyio

GZIP = {"Content-Encoding": "gzip"}
LINE = f"m value=1 {nanoseconds(0)}\n".encode()
MORE = f"m value=2 {nanoseconds(1)}\n".encode()


def bomb(size: int) -> bytes:
    """Zeros packed to a thousandth: the same block of them again and again, in one member."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = 1 << 24
    block = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * (size // piece) + packer.flush()


async def test_gzip_is_unpacked_in_one_member_or_several(client: httpx.AsyncClient, database: Database) -> None:
    for body in (gzip.compress(LINE), gzip.compress(LINE) + gzip.compress(b"") + gzip.compress(MORE)):
        assert (await client.post("/api/v2/write", content=body, headers=GZIP)).status_code == 204
    assert await kept_readings(database) == {"m value": [(0, 1.0, 0), (1_000_000, 2.0, 0)]}
    for nothing in (gzip.compress(b""), b""):
        assert (await client.post("/write", content=nothing, headers=GZIP)).status_code == 204
    columns = b'{"series": [{"source": "c", "times": [1772438400000], "values": [3]}]}'
    answer = await client.post("/api/v1/readings", content=gzip.compress(columns), headers=GZIP)
    assert answer.json()["stored"] == 1
    assert await count(database, readings) == 3


async def test_broken_gzip_is_refused_and_nothing_of_it_is_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    whole = gzip.compress(LINE * 100)
    wrong_sum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    wrong_size = whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:]
    broken = {
        "garbage": LINE,
        "truncated": whole[:-20],
        "without its end": whole[:-8],
        "one byte short": whole[:-1],
        "header only": whole[:10],
        "wrong checksum": wrong_sum,
        "wrong size": wrong_size,
        "garbage after a member": whole + b"garbage",
        "second member truncated": whole + whole[:-3],
    }
    for name, body in broken.items():
        answer = await client.post("/api/v2/write", content=body, headers=GZIP)
        assert answer.status_code == 400, name
        assert answer.json()["code"] == "BAD_USER_INPUT", name
        assert "gzip" in answer.json()["message"], name
    unknown = await client.post("/api/v2/write", content=LINE, headers={"Content-Encoding": "br"})
    assert unknown.status_code == 400
    assert "'br'" in unknown.json()["message"]
    assert await count(database, readings) == await count(database, refusals) == 0


@pytest.mark.alone
async def test_a_bomb_is_refused_quickly_within_little_memory(client: httpx.AsyncClient, database: Database) -> None:
    packed = bomb(1 << 30)
    assert len(packed) < 1 << 21
    tracemalloc.start()
    started = time.monotonic()
    try:
        answer = await client.post("/api/v2/write", content=packed, headers=GZIP)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert time.monotonic() - started < 2
    assert peak < 80 << 20
    assert (await client.post("/api/v2/write", content=LINE)).status_code == 204
    assert await count(database, readings) == 1


async def test_a_body_over_the_limit_is_refused_packed_or_not(database: Database) -> None:
    limit = 10 * len(LINE)
    async with open_client(house_of(database, body_limit=limit)) as client:
        assert (await client.post("/write", content=LINE * 10)).status_code == 204
        empty_members = gzip.compress(b"") * 1_000
        for body, headers in (
            (LINE * 10 + b"\n", {}),
            (gzip.compress(LINE * 11), GZIP),
            (gzip.compress(LINE * 1_000), GZIP),
            (empty_members, GZIP),
        ):
            answer = await client.post("/write", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
            assert f"{limit:,} bytes" in answer.json()["message"]
        asked = await client.post("/graphql", json={"query": "{ __typename }" + " " * limit})
        assert asked.status_code == 413
        assert asked.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert await count(database, readings) == 1


async def test_a_limit_beyond_the_memory_for_all_bodies_is_that_memory(database: Database) -> None:
    async with open_client(house_of(database, body_limit=1_000, intake_limit=100)) as client:
        assert (await client.post("/write", content=b"#" * 101)).status_code == 413
        assert (await client.post("/write", content=b"#" * 100)).status_code == 204


@pytest.mark.alone
async def test_a_body_that_stalls_is_given_up_and_its_memory_is_free_again(database: Database) -> None:
    house = house_of(database, body_timeout=timedelta(seconds=0.2), body_limit=100, intake_limit=100)
    async with open_service(house, loopback_only=True) as service:
        app = application(service)
        for path in ("/write", "/api/v1/readings"):
            started = time.monotonic()
            status, _, said = await bare(app, path, [b"#" * 90], ends=False)
            assert (status, said["code"]) == (408, "TOO_SLOW")
            assert 0.15 < time.monotonic() - started < 2
        status, _, said = await bare(app, "/write", [b"#" * 50, b"#" * 40, b"\n"], ends=True)
        assert (status, said) == (204, None)


async def test_a_sender_that_hangs_up_stores_nothing_and_is_no_failure_of_ours(
    database: Database, house: House
) -> None:
    async with open_service(house, loopback_only=True) as service:
        status, _, said = await bare(application(service), "/write", [LINE, None], ends=False)
    assert (status, said["code"]) == (400, "BAD_USER_INPUT")
    assert await count(database, readings) == 0
    assert b'linegraph_failures_total{kind="request"}' not in house.observer.metrics()


async def test_bodies_together_stay_within_memory(database: Database, database_url: str) -> None:
    """While commits are slow their bodies are held, and further ones are told to come back."""
    house = house_of(database, body_limit=1_000, intake_limit=1_000)
    async with open_client(house) as client, asyncio.TaskGroup() as sending:
        async with commits_held(database_url) as holder:
            first = sending.create_task(client.post("/write", content=LINE + b"#" * 900))
            await until_held(holder)
            refused = await client.post("/write", content=b"#" * 200)
            assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
            assert int(refused.headers["Retry-After"]) >= 1
            assert (await client.post("/write", content=b"#" * 10)).status_code == 204
            assert not first.done()
        assert (await first).status_code == 204
        assert (await client.post("/write", content=b"#" * 1_000)).status_code == 204
    assert await kept_readings(database) == {"m value": [(0, 1.0, 0)]}
