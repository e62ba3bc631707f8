"""The door for analysts: readings of many series as CSV, Arrow or Parquet, streamed at constant memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.errors import BadInput, LinegraphError, MediaNotGiven
from app.http.access import viewer_of
from app.http.arrow_rows import ArrowRows, ParquetRows
from app.http.asked import AskedQuery
from app.http.csv_rows import CsvRows
from app.http.leaving import unless_left
from app.http.media import ARROW, CSV, PARQUET, accepted, preferred
from app.http.pieces import hand_on
from app.http.service import service_of
from app.read.export import Export, Page
from app.read.selection import Origin, Wanted

PATIENCE: Final = 60.0
"""Seconds that a client may take for one piece."""

ONCE: Final = ("from", "to", "last", "format", "unit", "p")
OFTEN: Final = ("series", "machine", "line", "plant", "metric")

Item = TypeVar("Item")


class Writer(Protocol):
    """Whoever writes pages in one of the formats."""

    def start(self) -> bytes: ...
    def rows(self, page: Page) -> bytes: ...
    def end(self) -> bytes: ...


class Format(NamedTuple):
    """How an export is written; `ending` is that of a file."""

    media: str
    ending: str
    writer: Callable[[Sequence[Origin]], Writer]


FORMATS: Final[Mapping[str, Format]] = {
    "csv": Format(CSV, "csv", CsvRows),
    "arrow": Format(ARROW, "arrows", ArrowRows),
    "parquet": Format(PARQUET, "parquet", ParquetRows),
}


async def export(request: Request) -> Response:
    """All that may be wrong with the question is told before the first byte."""
    service, viewer = service_of(request), await viewer_of(request)
    viewer.must_read()
    query, now = AskedQuery(request, once=ONCE, often=OFTEN), datetime.now(UTC)
    form = _format(request, query.one("format"))
    wanted = Wanted(
        {text: service.series_id(text) for text in query.many("series")},
        query.many("machine"),
        query.many("line"),
        query.many("plant"),
        query.many("metric"),
        query.range(now),
        query.one("unit"),
    )
    found = await unless_left(request, service.exports.export(viewer, wanted, now))
    if found is None:
        return Response(None, 499)  # nobody reads it; proxies know the number
    return _Streamed(request, found, form, await asyncio.to_thread(form.writer, found.origins))


def routes() -> list[BaseRoute]:
    return [Route("/api/v1/export", export, methods=["GET"])]


class _Streamed(Response):
    """Page after page, each when the client has taken what was before it.

    An answer that cannot be finished ends without its last chunk, so that its client notices.
    """

    def __init__(self, request: Request, found: Export, form: Format, writer: Writer) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="readings.{form.ending}"',
            "Cache-Control": "no-store",
            "Vary": "Accept, Authorization",
        }
        super().__init__(None, headers=headers, media_type=form.media)
        del self.headers["Content-Length"]  # nobody knows it yet
        self._request = request
        self._found = found
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_left(self._request, self._send(send))

    async def _send(self, send: Send) -> None:
        service = service_of(self._request)
        started = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if self._request.method == "HEAD":
            await send(started)
            await send({"type": "http.response.body"})
            return
        with service.exports.place():
            async with aclosing(_ahead(self._found.pages())) as pages:
                page = await anext(pages, None)  # trouble with the database is told as such, while it can be
                await send(started)
                try:
                    await hand_on(self._writer.start(), send, PATIENCE)
                    while page is not None:
                        await hand_on(await asyncio.to_thread(self._writer.rows, page), send, PATIENCE)
                        page = await anext(pages, None)
                    await hand_on(await asyncio.to_thread(self._writer.end), send, PATIENCE)
                except LinegraphError as error:
                    service.observer.cut_off("export", error)
                    return
        await send({"type": "http.response.body"})


async def _ahead(pages: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """While one page is written and handed on, the next is read; no more than one."""
    coming: asyncio.Future[Item | None] = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await coming) is not None:
            coming = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await pages.aclose()


def _format(request: Request, name: str | None) -> Format:
    """By `format`, else by what `Accept` likes best."""
    if name is not None:
        if name not in FORMATS:
            raise BadInput(f"The format {name[:60]!r} is not known.", f"Write format={' or '.join(FORMATS)}.")
        return FORMATS[name]
    media = preferred(accepted(request), [form.media for form in FORMATS.values()])
    if media is None:
        message = f"No export is given as {accepted(request)[:100]}."
        raise MediaNotGiven(
            message, f"Accept {', '.join(form.media for form in FORMATS.values())}, or write format=csv."
        )
    return next(form for form in FORMATS.values() if form.media == media)
