"""InfluxDB's own client library, unchanged, against a listening server."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import anyio.to_thread
import httpx
import pytest
import uvicorn
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions
from influxdb_client.rest import ApiException

from app.domain.access import Role
from app.main import House, application, open_service
from app.store.database import Database
from tests.doors import house_of
from tests.holdings import BASE, kept_readings, kept_series, nanoseconds

pytestmark = pytest.mark.anyio

GZIP = {"Content-Encoding": "gzip"}

Result = TypeVar("Result")


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[str]:
    """The address of the service on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with open_service(house) as service:
            server = uvicorn.Server(uvicorn.Config(application(service), log_level="critical", lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[free]))
            with anyio.fail_after(5):
                while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                    await anyio.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{free.getsockname()[1]}"
            finally:
                server.should_exit = True
                await serving


async def using(url: str, token: str, use: Callable[[InfluxDBClient], Result], *, packed: bool = False) -> Result:
    """What a thread with a client does, while this loop serves it."""

    def run() -> Result:
        with InfluxDBClient(url, token, org="factory", enable_gzip=packed, timeout=10_000) as client:
            return use(client)

    return await anyio.to_thread.run_sync(run)


def point(number: int) -> dict[str, object]:
    return {
        "measurement": "press",
        "tags": {"plant": "p1", "line": "l1", "machine": "m 1" if number % 2 else "m1"},
        "fields": {"temperature": number / 4, "parts": number, "running": number > 1},
        "time": BASE // 1_000 + number,
    }


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_points_are_written_as_they_are_to_influxdb(house: House, database: Database, packed: bool) -> None:
    token = await house.access.create("client", Role.WRITER, None)

    def write(client: InfluxDBClient) -> None:
        assert client.ping()
        with pytest.deprecated_call():
            assert client.health().status == "pass"
        api = client.write_api(write_options=SYNCHRONOUS)
        api.write("bucket", record=[point(number) for number in range(4)], write_precision="ms")  # type: ignore[arg-type]
        api.write("bucket", record=f"loose value=1u {nanoseconds(0)}")

    async with listening(house) as url:
        await using(url, token, write, packed=packed)
    machine = "press,line=l1,machine=m1,plant=p1"
    kept = await kept_readings(database)
    assert kept[f"{machine} temperature"] == [(0, 0.0, 0), (2_000, 0.5, 0)]
    assert kept[f"{machine} parts"] == [(0, 0.0, 0), (2_000, 2.0, 0)]
    assert kept[f"{machine} running"] == [(0, 0.0, 0), (2_000, 1.0, 0)]
    assert kept["press,line=l1,machine=m\\ 1,plant=p1 parts"] == [(1_000, 1.0, 0), (3_000, 3.0, 0)]
    assert kept["loose value"] == [(0, 1.0, 0)]
    assert len(kept) == 7
    assert (await kept_series(database))[f"{machine} parts"].mapped == "p1/l1/m1 press.parts"


async def test_a_batching_client_delivers_everything(house: House, database: Database) -> None:
    token = await house.access.create("client", Role.WRITER, None)

    def write(client: InfluxDBClient) -> None:
        with client.write_api(write_options=WriteOptions(batch_size=50, flush_interval=100)) as api:
            for number in range(500):
                api.write("bucket", record=f"m,of={number % 5} value={number} {nanoseconds(number)}")

    async with listening(house) as url:
        await using(url, token, write, packed=True)
    kept = await kept_readings(database)
    assert sorted(value or 0 for found in kept.values() for _, value, _ in found) == list(range(500))


async def test_errors_come_in_the_form_that_the_client_reads(database: Database) -> None:
    house = house_of(database, body_limit=1_000)
    token = await house.access.create("client", Role.WRITER, None)

    def refused(body: str) -> Callable[[InfluxDBClient], ApiException]:
        def write(client: InfluxDBClient) -> ApiException:
            with pytest.raises(ApiException) as caught:
                client.write_api(write_options=SYNCHRONOUS).write("bucket", record=body)
            return caught.value

        return write

    async with listening(house) as url:
        partly = await using(url, token, refused(f"m value=1 {nanoseconds(0)}\nm value=\nm value=nan"))
        large = await using(url, token, refused("#" * 2_000))
        unknown = await using(url, "lg_unknown", refused("m value=1"))
    assert partly.status == 400
    assert "line 2: " in partly.message
    assert "line 3: " in partly.message
    assert (large.status, unknown.status) == (413, 401)
    assert await kept_readings(database) == {"m value": [(0, 1.0, 0)]}


async def test_version_1_clients_send_the_token_as_a_password(house: House, database: Database) -> None:
    token = await house.access.create("telegraf", Role.WRITER, None)
    async with listening(house) as url, httpx.AsyncClient(base_url=url) as client:
        password, parameters = httpx.BasicAuth("telegraf", token), {"u": "telegraf", "p": token}
        packed = [gzip.compress(f"cpu,host=a usage={at} {nanoseconds(at)}".encode()) for at in range(3)]
        answers = [
            await client.post("/write?db=d", content=packed[0], headers=GZIP, auth=password),
            await client.post("/write", content=packed[1], headers=GZIP, params={"db": "d"} | parameters),
            await client.post("/write?db=d", content=packed[2], headers=GZIP | {"Authorization": f"Token u:{token}"}),
        ]
        assert [answer.status_code for answer in answers] == [204, 204, 204]
        assert (await client.post("/write?db=telegraf&u=telegraf&p=wrong", content=b"m v=1")).status_code == 401
    assert [value for _, value, _ in (await kept_readings(database))["cpu,host=a usage"]] == [0, 1, 2]


async def test_a_server_goes_on_after_bodies_that_it_did_not_read(house: House, database: Database) -> None:
    """A refusal comes before the body has arrived; the connection is either closed or in step for the next request."""
    token = await house.access.create("client", Role.WRITER, None)
    async with listening(house_of(database, body_limit=10_000)) as url:
        headers = {"Authorization": f"Token {token}"}
        async with httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=1)) as client:
            for at in range(5):
                large = await client.post("/write", content=b"#" * 5_000_000, headers=headers)
                assert large.status_code == 413
                nobody = await client.post("/write", content=b"#" * 5_000_000)
                assert nobody.status_code == 401
                small = await client.post("/write", content=f"m value=1 {nanoseconds(at)}", headers=headers)
                assert small.status_code == 204
    assert len((await kept_readings(database))["m value"]) == 5
