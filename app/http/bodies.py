"""Reads bodies: no larger than allowed, no slower, packed or not, and all of them together within memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.requests import ClientDisconnect, Request

from app.errors import BadInput, Busy, TooLarge, TooSlow

PIECE = 1 << 16
"""Bytes that are unpacked at once: a bomb is found out before it is unpacked."""

_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """`limit` is the most that one body may hold, packed or not; `together` of all that are being read or stored."""

    def __init__(self, *, limit: int, together: int, timeout: timedelta) -> None:
        self._limit = min(limit, together)  # one that never fits must not be told to come back later
        self._together = together
        self._timeout = timeout.total_seconds()
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, largest: int | None = None) -> AsyncIterator[bytes]:
        """The whole body, unpacked, where it is not larger than `largest`; its memory counts until the block is left.

        TooLarge; TooSlow; Busy where all bodies together take too much; BadInput for a broken or unknown packing, or
        a body that its sender gave up.
        """
        body = bytearray()
        limit = min(self._limit, largest or self._limit)
        try:
            async with _in_time(self._timeout):
                async for piece in _unpacked(request.headers.get("content-encoding"), _sent(request, limit)):
                    _bound(len(body) + len(piece), limit)
                    self._hold(len(piece))
                    body += piece
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _hold(self, size: int) -> None:
        if self._held + size > self._together:
            raise Busy("Too many bodies are being taken in at once.", "Send the same again in a moment.")
        self._held += size


async def _sent(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it was sent, in pieces. Its size counts too: gzip may go on for ever and hold nothing."""
    size = 0
    try:
        async for sent in request.stream():
            size += len(sent)
            _bound(size, limit)
            for start in range(0, len(sent), PIECE):
                yield sent[start : start + PIECE]
    except ClientDisconnect as error:
        raise BadInput("The connection was closed before the body had arrived.", "Send it whole.") from error


def _bound(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The body is larger than {limit:,} bytes.", "Send it in smaller bodies.")


@asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TooSlow(f"The body took longer than {seconds:g} s to arrive.", "Send smaller bodies.") from error


def _unpacked(packing: str | None, sent: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    match (packing or "identity").strip().lower():
        case "identity":
            return sent
        case "gzip":
            return _gunzipped(sent)
    raise BadInput(f"The content encoding {str(packing)[:40]!r} is not known.", "Send gzip, or send it as it is.")


async def _gunzipped(sent: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gzip may hold several members, one after the other; each ends with a checksum of its own."""
    unpacker, begun = zlib.decompressobj(_GZIP), False
    try:
        async for packed in sent:
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
