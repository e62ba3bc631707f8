"""Large bodies are handed on piece by piece, each when the client has taken what was before it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import TooSlow
from app.observe import Observer

PIECE: Final = 1 << 18
"""Bytes that are handed on at once."""
PATIENCE: Final = 10.0
"""Seconds that a client may take for a piece of what is all made: others wait for its memory."""


async def hand_on(data: bytes, send: Send, patience: float) -> None:
    """TooSlow where the client does not take a piece in so many seconds."""
    for start in range(0, len(data), PIECE):
        try:
            async with asyncio.timeout(patience):
                await send({"type": "http.response.body", "body": data[start : start + PIECE], "more_body": True})
        except TimeoutError as error:
            raise TooSlow(f"The client has not taken anything for {patience:g} s.") from error
        await asyncio.sleep(0)  # packing a piece takes its time, and others have their turn between two of them


class Piecemeal(Response):
    """A body that is all made; `sent` is called when the client has it, or has left, or was given up."""

    def __init__(
        self,
        observer: Observer,
        body: bytes,
        status: int,
        headers: Mapping[str, str],
        media: str,
        sent: Callable[[], None],
    ) -> None:
        super().__init__(body, status, headers, media)
        self._observer = observer
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await hand_on(bytes(self.body), send, PATIENCE)
            await send({"type": "http.response.body"})
        except TooSlow as error:
            self._observer.cut_off("graphql", error)
        finally:
            self._sent()
