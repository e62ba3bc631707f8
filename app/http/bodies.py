"""Reads bodies: no larger than allowed, no slower, packed or not, and all of them together within memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.requests import Request

from app.errors import BadInput, Busy, TooLarge, TooSlow

PIECE = 1 << 16
"""Bytes that are unpacked at once: a bomb is found out before it is unpacked."""

_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """`limit` is the most that one body may hold, `together` the most of all that are being read or stored."""

    def __init__(self, *, limit: int, together: int, timeout: timedelta) -> None:
        self._limit = limit
        self._together = together
        self._timeout = timeout.total_seconds()
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, unpacked; its memory counts until the block is left.

        TooLarge; TooSlow; Busy where all bodies together take too much; BadInput for a broken or unknown packing.
        """
        body = bytearray()
        try:
            async with _in_time(self._timeout):
                async for piece in _unpacked(request):
                    self._hold(len(piece), len(body))
                    body += piece
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _hold(self, size: int, before: int) -> None:
        if before + size > self._limit:
            raise TooLarge(f"The body is larger than {self._limit:,} bytes.", "Send it in smaller bodies.")
        if self._held + size > self._together:
            raise Busy("Too many bodies are being taken in at once.", "Send the same again in a moment.")
        self._held += size


@asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TooSlow(f"The body took longer than {seconds:g} s to arrive.", "Send smaller bodies.") from error


async def _unpacked(request: Request) -> AsyncIterator[bytes]:
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing == "identity":
        async for piece in request.stream():
            yield piece
    elif packing == "gzip":
        async for piece in _gunzipped(request):
            yield piece
    else:
        raise BadInput(f"The content encoding {packing[:40]!r} is not known.", "Send gzip, or send it as it is.")


async def _gunzipped(request: Request) -> AsyncIterator[bytes]:
    """Gzip may hold several members, one after the other; each ends with a checksum of its own."""
    unpacker, begun = zlib.decompressobj(_GZIP), False
    try:
        async for packed in request.stream():
            while packed:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP)
                begun = True
                if piece := unpacker.decompress(packed, PIECE):
                    yield piece
                packed = unpacker.unused_data or unpacker.unconsumed_tail
    except zlib.error as error:
        raise BadInput(f"The body is not valid gzip: {error}.", "Pack it again, or send it as it is.") from error
    if begun and not unpacker.eof:
        raise BadInput("The gzip body is cut short.", "Send it whole.")
