"""Keeping a server up: how long is waited between one try and the next."""

import asyncio
import time

import pytest

from app.store.upkeep import keep_up

pytestmark = [pytest.mark.anyio, pytest.mark.alone]


async def test_pauses_grow_while_the_server_cannot_be_started() -> None:
    tries: list[float] = []
    said: list[str] = []

    async def start() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError("no room")

    keeping = asyncio.create_task(keep_up(lambda: len(tries) >= 3, start, said.append))
    await asyncio.sleep(3.5)
    assert not keeping.done()
    keeping.cancel()

    assert [round(later - before) for before, later in zip(tries, tries[1:], strict=False)] == [1, 2]
    missing = "The embedded PostgreSQL is not running, although it is in use; starting it again"
    assert said == [
        f"{missing} now.",
        "The embedded PostgreSQL is still not running: no room",
        f"{missing} in 1 s.",
        "The embedded PostgreSQL is still not running: no room",
        f"{missing} in 2 s.",
        "The embedded PostgreSQL runs again.",
    ]


async def test_a_server_that_ends_again_and_again_is_waited_for() -> None:
    tries: list[float] = []

    async def start() -> None:
        tries.append(time.monotonic())

    keeping = asyncio.create_task(keep_up(lambda: False, start, lambda _: None))
    await asyncio.sleep(3.5)
    keeping.cancel()
    assert len(tries) == 3


async def test_whoever_makes_room_is_not_kept_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.upkeep._SHORTEST_PAUSE", 0.1)
    monkeypatch.setattr("app.store.upkeep._LONGEST_PAUSE", 0.2)
    tries: list[float] = []

    async def start() -> None:
        tries.append(time.monotonic())
        raise OSError("no room")

    keeping = asyncio.create_task(keep_up(lambda: False, start, lambda _: None))
    await asyncio.sleep(1)
    keeping.cancel()
    pauses = [later - before for before, later in zip(tries, tries[1:], strict=False)]
    assert len(pauses) >= 3
    assert max(pauses) < 0.3
