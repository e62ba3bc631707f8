"""What the catalog has answered: asked again only when it has changed, bounded, and never of what is not there."""

import asyncio
from collections.abc import Sequence

import pytest

from app.read.remembered import MOST, Answers, Remembered

pytestmark = pytest.mark.anyio


class Asked:
    """Answers numbers with their texts, and odd ones with nothing; notes what it was asked."""

    def __init__(self) -> None:
        self.keys: list[list[int]] = []

    async def __call__(self, keys: Sequence[int]) -> list[str | None]:
        self.keys.append(list(keys))
        await asyncio.sleep(0)
        return [None if key % 2 else str(key) for key in keys]


async def test_only_what_is_not_known_is_asked_and_what_is_not_there_is_asked_again() -> None:
    answers, asked = Answers(), Asked()
    assert await answers.each("texts", [2, 4, 3], asked) == ["2", "4", None]
    assert await answers.each("texts", [6, 3, 2, 2], asked) == ["6", None, "2", "2"]
    assert await answers.each("texts", [2, 6], asked) == ["2", "6"]
    assert await answers.each("others", [2], asked) == ["2"]
    assert asked.keys == [[2, 4, 3], [6, 3], [2]]


async def test_two_who_ask_at_once_get_both_answers() -> None:
    answers, asked = Answers(), Asked()
    found = await asyncio.gather(answers.each("a", [2, 4], asked), answers.each("a", [4, 6], asked))
    assert tuple(found) == (["2", "4"], ["4", "6"])


async def test_there_are_never_more_than_memory_is_meant_for() -> None:
    answers, asked = Answers(), Asked()
    half = list(range(0, MOST, 2))
    assert len(await answers.each("a", half, asked)) == MOST // 2
    await answers.each("a", [MOST + number for number in half], asked)
    await answers.each("a", [2 * MOST], asked)
    assert await answers.each("a", [2], asked) == ["2"]
    assert len(asked.keys) == 4, "all are forgotten at once, and read again"


async def test_what_was_read_before_a_change_is_not_told_after_it() -> None:
    remembered, asked = Remembered(), Asked()
    before = remembered.of(1)
    await before.each("a", [2], asked)
    after = remembered.of(2)
    await before.each("a", [4], asked)
    await after.each("a", [2, 4], asked)
    assert asked.keys == [[2], [4], [2, 4]]
    assert remembered.of(2) is after
