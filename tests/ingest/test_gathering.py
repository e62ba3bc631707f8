"""Gathering: what arrives during one commit shares the next; nobody waits for ever, nobody pays for another."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psycopg
import pytest
import sqlalchemy as sa
import structlog

from app.domain.addresses import SeriesKey
from app.domain.batch import NO_TEXT, Batch, Refusal, of_columns
from app.errors import Busy, StoreUnavailable
from app.ingest.gathering import WRITERS, Gathering
from app.main import House
from app.store.database import Database
from app.store.tables import readings
from tests.doors import house_of, open_client
from tests.holdings import BASE, commits_held, count, kept_labels, kept_readings, nanoseconds, rows, until_held

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def said() -> Iterator[list[Any]]:
    """What is logged; rendering tracebacks would take longer than the tests."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def batch(source: str, *values: float | str, time: int = BASE) -> Batch:
    """One reading of a series after the other, a microsecond apart."""
    texts = [value for value in values if isinstance(value, str)]
    return of_columns(
        [SeriesKey(source)],
        [0] * len(values),
        [time + at for at in range(len(values))],
        [float("nan") if isinstance(value, str) else value for value in values],
        [0] * len(values),
        [texts.index(value) if isinstance(value, str) else NO_TEXT for value in values],
        texts,
    )


@asynccontextmanager
async def gathering_of(house: House, limit: int = 1_000) -> AsyncIterator[tuple[Gathering, asyncio.Task[None]]]:
    gathering = Gathering(house.committer, house.observer, limit=limit)
    task = asyncio.create_task(gathering.run())
    try:
        yield gathering, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def outcomes(tasks: Sequence[asyncio.Task[Any]]) -> list[Any]:
    with anyio.fail_after(10):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def started(*waiting: Any) -> list[asyncio.Task[Any]]:
    """Tasks, each of which has had its turn."""
    tasks = [asyncio.create_task(each) for each in waiting]
    await asyncio.sleep(0)
    return tasks


async def test_requests_that_arrive_during_a_commit_share_the_next(
    house: House, database: Database, database_url: str
) -> None:
    async with open_client(house) as client, asyncio.TaskGroup() as sending:
        async with commits_held(database_url) as holder:
            first = sending.create_task(client.post("/write", content=f"first value=0 {nanoseconds(0)}"))
            await until_held(holder)
            others = [
                sending.create_task(client.post("/write", content=f"m,of={at} value={at} {nanoseconds(at)}"))
                for at in range(20)
            ]
            await asyncio.sleep(0.2)
            assert await count(database, readings) == 0
            assert not any(task.done() for task in (first, *others)), "no answer before the commit"
        assert {(await task).status_code for task in (first, *others)} == {204}
    assert await count(database, readings) == 21
    commits = await rows(database, sa.select(sa.literal_column("xmin::text")).select_from(readings).distinct())
    assert len(commits) <= WRITERS + 1


async def test_a_full_queue_refuses_and_keeps_its_promises(database: Database, database_url: str) -> None:
    house = house_of(database, queue_limit=3)
    async with open_client(house) as client, asyncio.TaskGroup() as sending:
        async with commits_held(database_url) as holder:
            taken = [sending.create_task(client.post("/write", content=f"a value=1,more=2 {nanoseconds(0)}"))]
            await until_held(holder)
            taken.append(sending.create_task(client.post("/write", content=f"b value=2 {nanoseconds(0)}")))
            await until_held(holder, count=2)
            refused = await client.post("/write", content=f"c value=3 {nanoseconds(0)}")
            assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
            assert int(refused.headers["Retry-After"]) >= 1
            assert (await client.post("/write", content=b"# nothing to store")).status_code == 204
        assert [(await task).status_code for task in taken] == [204, 204]
        assert set(await kept_readings(database)) == {"a value", "a more", "b value"}
        assert (await client.post("/write", content=f"c value=3 {nanoseconds(0)}")).status_code == 204
    assert b"linegraph_busy_total 1.0" in house.observer.metrics()


async def test_a_batch_beyond_the_limit_is_taken_when_nothing_waits(house: House, database: Database) -> None:
    async with gathering_of(house, limit=2) as (gathering, _):
        assert await gathering.store(batch("large", *range(100))) == []
    assert await count(database, readings) == 100


async def test_whoever_waits_when_the_service_stops_is_told(
    house: House, database: Database, database_url: str
) -> None:
    async with commits_held(database_url) as holder:
        async with open_client(house) as client:
            sent = [asyncio.create_task(client.post("/write", content=f"m value=1 {nanoseconds(0)}"))]
            await until_held(holder)
            sent += await started(*(client.post("/write", content=f"m,of={at} value=1") for at in range(5)))
            await asyncio.sleep(0.1)
        answers = await outcomes(sent)
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {answer.json()["code"] for answer in answers} == {"STORE_UNAVAILABLE"}
    assert {answer.headers["Retry-After"] for answer in answers} == {"5"}
    assert await count(database, readings) == 0


async def test_a_gathering_that_has_stopped_takes_nothing_more(house: House) -> None:
    async with gathering_of(house) as (gathering, task):
        await gathering.store(batch("a", 1.0))
        task.cancel()
        await asyncio.wait([task])
        with anyio.fail_after(2), pytest.raises(StoreUnavailable, match="stopping"):
            await gathering.store(batch("a", 2.0))


@pytest.mark.parametrize("poison", [batch("bad", "n\x00l"), batch("bad", 1.0, time=-(2**62))], ids=["text", "time"])
async def test_a_batch_that_the_database_does_not_take_fails_alone(
    house: House, database: Database, database_url: str, poison: Batch
) -> None:
    async with gathering_of(house) as (gathering, _):
        async with commits_held(database_url) as holder:
            tasks = await started(gathering.store(batch("first", 0.0)))
            await until_held(holder)
            tasks += await started(*map(gathering.store, (batch("a", 1.0), poison, batch("b", 2.0, "on"))))
        first, a, failed, b = await outcomes(tasks)
        assert (first, a, b) == ([], [], [])
        assert isinstance(failed, Exception)
        assert not isinstance(failed, Busy), "sending it again would not help"
        assert await gathering.store(batch("a", 3.0)) == []
    kept = await kept_readings(database)
    assert {source: [value for _, value, _ in found] for source, found in kept.items()} == {
        "first": [0.0],
        "a": [3.0],
        "b": [2.0, 0.0],
    }


async def test_stopping_while_batches_are_committed_alone_tells_everybody(
    house: House, database: Database, database_url: str
) -> None:
    poison = batch("bad", 1.0, time=-(2**62))
    async with (
        gathering_of(house) as (gathering, task),
        await psycopg.AsyncConnection.connect(database_url) as other,
    ):
        await gathering.store(batch("a", 0.0))
        async with commits_held(database_url) as holder:
            tasks = await started(gathering.store(batch("first", 0.0)))
            await until_held(holder)
            await other.execute("SELECT FROM latest FOR UPDATE")
            tasks += await started(*map(gathering.store, (poison, batch("a", 1.0), batch("b", 2.0))))
        await until_held(other, "INSERT INTO latest")
        assert tasks[1].done(), "the poison has failed alone"
        task.cancel()
        first, failed, *others = await outcomes(tasks)
    assert first == []
    assert not isinstance(failed, Busy)
    assert [type(each) for each in others] == [StoreUnavailable, StoreUnavailable]
    assert await count(database, readings) == 2


async def test_a_sender_that_gives_up_disturbs_nobody(house: House, database: Database, database_url: str) -> None:
    async with gathering_of(house) as (gathering, _):
        async with commits_held(database_url) as holder:
            tasks = await started(gathering.store(batch("first", 0.0)))
            await until_held(holder)
            poison = batch("bad", "n\x00l")
            tasks += await started(*map(gathering.store, (batch("gone", 1.0), batch("stays", 2.0), poison)))
            tasks[1].cancel()
        first, gone, stays, _ = await outcomes(tasks)
    assert (first, stays) == ([], [])
    assert isinstance(gone, asyncio.CancelledError)
    assert "stays" in await kept_readings(database)
    assert b'linegraph_failures_total{kind="commit"} 1.0' in house.observer.metrics(), "the poison's, and no other"


async def test_each_batch_learns_its_own_refusals(database: Database, database_url: str) -> None:
    house = house_of(database, labels=2)
    async with gathering_of(house) as (gathering, _):
        async with commits_held(database_url) as holder:
            tasks = await started(gathering.store(batch("first", 0.0)))
            await until_held(holder)
            tasks += await started(*map(gathering.store, (batch("a", "x", "y", "z"), batch("b", 1.0), batch("a", "w"))))
        answers: list[list[Refusal]] = await outcomes(tasks)
    assert [len(refused) for refused in answers] == [0, 1, 0, 1]
    assert [answers[1][0].payload.split()[1], answers[3][0].payload.split()[1]] == [b"'z'", b"'w'"]
    assert await kept_labels(database) == {"a": {0: "x", 1: "y"}}
