"""Readings by the million: many series in, pages of columns out, at constant memory."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.domain.access import Viewer
from app.domain.asking import Bill, Budget
from app.domain.instants import microseconds, width
from app.domain.model import Series, SeriesId
from app.domain.quality import HIGHEST_STATUS
from app.domain.spans import Span
from app.domain.units import UNCHANGED
from app.errors import Busy, Forbidden
from app.read.plants import PlantReader
from app.read.selection import Origin, Selected, Wanted, selected
from app.store.buckets import Columns
from app.store.catalog import Catalog
from app.store.database import Database
from app.store.export import ExportPages
from app.store.series import SeriesCatalog

PAGE = 65_536
"""Readings: 2 MB of columns, 5 MB of text."""
GROUP = 1_000
"""Series that one statement looks at: it stops when the page is full."""

_LESS = "Ask for a shorter range, or for fewer series at once; LINEGRAPH_EXPORT_ROWS is the limit."


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Readings in columns of equal length.

    places: of the series among the origins, ascending. times: microseconds since 1970-01-01 UTC, ascending within a
    series. values: in the unit shown, NaN for none. statuses: unsigned OPC UA codes. labels: places in `texts`, where
    the first stands for no text; None where no reading has one.
    """

    places: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    statuses: NDArray[np.uint32]
    labels: NDArray[np.int32] | None
    texts: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.places)


class Export:
    """One export: what its series are called, and its readings."""

    def __init__(self, pages: ExportPages, chosen: Sequence[Selected], span: Span) -> None:
        self.origins: list[Origin] = [each.origin for each in chosen]
        self._pages = pages
        self._span = span
        self._ids = np.array([each.series.id for each in chosen], np.int32)
        self._scales = np.array([each.conversion.scale for each in chosen])
        self._offsets = np.array([each.conversion.offset for each in chosen])
        self._as_stored = all(each.conversion == UNCHANGED for each in chosen)
        self._texts: dict[int, Mapping[float, str]] = {}

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Series after series, each in the order of time. What arrives meanwhile is in it or not."""
        first, start = 0, self._span.start
        while first < len(self._ids):
            group = self._ids[first : first + GROUP]
            found = await self._pages.page(group, start, self._span, PAGE)
            if found is not None:
                yield await self._page(found, first)
            if found is None or len(found["time"]) < PAGE:
                first, start = first + len(group), self._span.start
            else:
                first, start = first + int(found["place"][-1]) - 1, int(found["time"][-1]) + 1

    async def _page(self, found: Columns, first: int) -> Page:
        places = (found["place"] + (first - 1)).astype(np.int32)
        values = found["value"].astype(np.float64)
        labels, texts = await self._labelled(places, values)
        if not self._as_stored:
            values = values * self._scales[places] + self._offsets[places]
        statuses = found["quality"].astype(np.int32).view(np.uint32) & np.uint32(HIGHEST_STATUS)
        return Page(places, found["time"].astype(np.int64), values, statuses, labels, texts)

    async def _labelled(
        self, places: NDArray[np.int32], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32] | None, Sequence[str | None]]:
        """The text of every reading whose value is a code with one."""
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        here = dict(zip(places[starts].tolist(), zip(starts, [*starts[1:], len(places)], strict=True), strict=True))
        await self._learn(here)
        if not any(self._texts.values()):
            return None, (None,)
        labels, numbers = np.zeros(len(places), np.int32), dict[str | None, int]({None: 0})
        for place, (start, end) in here.items():
            if texts := self._texts[place]:
                codes, which = np.unique(values[start:end], return_inverse=True)
                written = [numbers.setdefault(texts.get(code), len(numbers)) for code in codes.tolist()]
                labels[start:end] = np.array(written, np.int32)[which]
        return labels, list(numbers)

    async def _learn(self, here: Mapping[int, object]) -> None:
        """Texts of the series on the page alone are kept."""
        kept = {place: texts for place, texts in self._texts.items() if place in here}
        new = {SeriesId(int(self._ids[place])): place for place in here if place not in kept}
        learnt: dict[int, dict[float, str]] = {place: {} for place in new.values()}
        if new:
            for number, code, text in await self._pages.texts(new):
                learnt[new[number]][code] = text
        self._texts = kept | learnt


class ExportReader:
    """Makes exports: `rows` is what one may touch, `most` how many there may be at once."""

    def __init__(self, database: Database, *, rows: int, most: int) -> None:
        self._catalog = Catalog(database.timed)
        self._series = SeriesCatalog(database.timed)
        self._pages = ExportPages(database.timed)
        self._rows = rows
        self._most = most
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Around an export, with all of its pages; Busy where there are as many as may be, Forbidden where none may."""
        if not self._most:
            raise Forbidden("Exports are switched off here.", "Whoever runs the service can set LINEGRAPH_EXPORTS.")
        if self._under_way >= self._most:
            message = f"{self._most} exports are under way, and there may be no more (LINEGRAPH_EXPORTS)."
            raise Busy(message, "Ask again when one has ended.", retry_after=10)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def export(self, viewer: Viewer, wanted: Wanted, now: datetime) -> Export:
        """BadInput where it is of nothing, or of too much; NotFound for what is not there or not to be seen."""
        chosen = await selected(PlantReader(self._catalog, self._series, viewer.plant_id), wanted)
        received = await self._series.received([each.series.id for each in chosen])
        price = sum(_price(each.series, wanted.asked, microseconds(now), received) for each in chosen)
        Budget(self._rows).charge([Bill(lambda _: price, lambda _: _LESS)])
        return Export(self._pages, chosen, wanted.asked)


def _price(series: Series, asked: Span, now: int, received: Mapping[SeriesId, int]) -> int:
    """Readings at the expected interval up to now (one a second where none is set), at most those received."""
    interval = series.metric.interval if series.metric else None
    length = max(min(asked.end, now) - asked.start, 0)
    return min(length // max(width(interval or timedelta(seconds=1)), 1) + 1, received[series.id])
