"""Answers that do not fit into memory beside the others wait for their turn."""

import asyncio

import pytest

from app.read.space import Space

pytestmark = pytest.mark.anyio


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_whoever_came_first_is_let_in_first() -> None:
    space, let_in = Space(10), list[str]()

    async def enter(name: str, points: int) -> None:
        await space.take(points)
        let_in.append(name)

    tasks = [asyncio.create_task(enter(*each)) for each in (("a", 6), ("b", 6), ("c", 4), ("d", 1))]
    await settled()
    assert let_in == ["a"], "c would fit beside a, but came after b"
    space.give_back(6)
    await settled()
    assert let_in == ["a", "b", "c"]
    space.give_back(6)
    await settled()
    assert let_in == ["a", "b", "c", "d"]
    await asyncio.gather(*tasks)


async def test_nothing_is_taken_by_those_who_leave() -> None:
    space = Space(10)
    await space.take(10)
    large, small, late = (asyncio.create_task(space.take(points)) for points in (9, 5, 5))
    await settled()
    large.cancel()
    await settled()
    assert not small.done(), "nothing is free yet"
    space.give_back(10)
    small.cancel()  # at the very moment at which it is let in
    await settled()
    assert late.done()
    await asyncio.wait_for(space.take(5), 1)


async def test_more_is_taken_at_once_and_paid_back_before_others_are_let_in() -> None:
    space = Space(10)
    await space.take(8)
    space.take_more(8)
    other = asyncio.create_task(space.take(2))
    space.give_back(8)
    await settled()
    assert other.done(), "8 of 10 are held"
    last = asyncio.create_task(space.take(1))
    await settled()
    assert not last.done()
    space.give_back(2)
    await asyncio.wait_for(last, 1)
