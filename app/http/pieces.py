"""Large bodies are handed on piece by piece, each when the client has taken what was before it."""

import asyncio
from typing import Final

from starlette.types import Send

from app.errors import TooSlow

PIECE: Final = 1 << 18
"""Bytes that are handed on at once."""


async def hand_on(data: bytes, send: Send, patience: float) -> None:
    """TooSlow where the client does not take a piece in so many seconds."""
    for start in range(0, len(data), PIECE):
        try:
            async with asyncio.timeout(patience):
                await send({"type": "http.response.body", "body": data[start : start + PIECE], "more_body": True})
        except TimeoutError as error:
            raise TooSlow(f"The client has not taken anything for {patience:g} s.") from error
        await asyncio.sleep(0)  # packing a piece takes its time, and others have their turn between two of them
