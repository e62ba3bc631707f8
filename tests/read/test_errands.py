"""What a request has set going ends with it."""

import asyncio

import pytest

from app.read.errands import Errands

pytestmark = pytest.mark.anyio


async def test_nothing_goes_on_when_a_request_is_over() -> None:
    errands, ended = Errands(), []

    async def held(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # as long as a statement takes to end
            ended.append(name)

    async def of_somebody_else(name: str) -> None:
        with errands.joined():
            await held(name)

    async def done() -> int:
        return 7

    assert await errands.send(done()) == 7
    sent, joined = errands.send(held("sent")), asyncio.create_task(of_somebody_else("joined"))
    await asyncio.sleep(0)
    await errands.over()
    assert sorted(ended) == ["joined", "sent"]
    assert sent.cancelled()
    assert joined.cancelled()
    late = asyncio.create_task(of_somebody_else("late"))
    await asyncio.wait([late])
    assert late.cancelled()
    assert len(ended) == 2
    await errands.over()
