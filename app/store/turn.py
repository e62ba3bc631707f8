"""One turn of the worker: notes are settled and the watermarks move, and with them all that is made of readings."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from itertools import groupby
from typing import LiteralString

import psycopg

from app.domain.instants import instant, microseconds, width
from app.domain.model import SeriesId
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import MINUTES, TIERS, Freshness
from app.domain.touches import Touch, gathered, ripe
from app.store.counter_scan import CounterScan
from app.store.database import Database
from app.store.derived import AT_ONCE, DerivedSeries
from app.store.engines import CHUNK, Connection
from app.store.local_days import Clocks, LocalDays
from app.store.notes import Note, forget, note, notes
from app.store.tier_refresh import TierRefresh, chunks_with_rows

SECONDS_BACK = 2.0
"""Of each turn, for what is derived later than it was measured."""
INTEND: LiteralString = "UPDATE tiers SET intended = greatest(intended, %s) WHERE name = %s RETURNING intended"
# All at once: a tier that stayed behind would have a hole where the next turn begins.
PUBLISH: LiteralString = """
UPDATE tiers SET intended = greatest(intended, reached), watermark = greatest(watermark, reached)
FROM unnest(%s::text[], %s::timestamptz[]) AS published (tier, reached) WHERE name = tier
"""

_NAMES = [tier.name for tier in TIERS]


class Turn:
    """One turn of the only worker."""

    def __init__(self, database: Database, connection: Connection, fresh: Freshness, young: int | None) -> None:
        self._database = database
        self._connection = connection
        self._fresh = fresh
        self._young = young
        self._watermarks = fresh.watermarks
        self._tiers = TierRefresh(database, connection)
        self._counters = CounterScan(database)
        self._counter_ids: list[SeriesId] = []
        self._derived = DerivedSeries(database)
        self._days = LocalDays(database)
        self._clocks: list[Clocks] = []
        self.spans = 0
        self.errors: list[str] = []

    async def begin(self) -> None:
        """What is derived, who is a counter, those being scanned that became one since the last turn, and who lives by
        which clocks."""
        self.errors += await self._derived.begin(self._fresh)
        self._counter_ids = await self._counters.counters(self._fresh)
        self._clocks = await self._days.clocks()

    async def settle_touched(self) -> None:
        """Notes are taken, derived for, refreshed in every tier, and removed; a crash in between repeats that."""
        found = self._ripe(await notes(self._connection))
        undone = []
        # A week at a time: its days are made once, however many notes there are in it.
        stale = merged(each.touch.span for each in found.values() if not each.derived)
        for _, spans in groupby(stale, key=_week):
            week = list(spans)
            undone += [] if await self._reworked(week) else week
        if len(undone) < len(found):
            found |= await notes(self._connection, derived=True)
        everybody = sum(len(clocks.ids) for clocks in self._clocks)
        for _, touches in groupby(gathered((each.touch for each in found.values()), everybody), key=_week_of):
            settled = [touch for touch in touches if await self._refreshed(touch.span, touch.series)]
            if settled and await self._days_made(settled):
                numbers = [number for touch in settled for number in touch.notes]
                done = [number for number in numbers if not overlapping(undone, *found[number].touch.span)]
                await forget(self._connection, done)

    def _ripe(self, found: dict[int, Note]) -> dict[int, Note]:
        if self._young is None:
            return found
        young = [note.touch for number, note in found.items() if number > self._young]
        kept = ripe((note.touch for note in found.values()), young)
        return {number: found[number] for touch in kept for number in touch.notes}

    async def _reworked(self, spans: list[Span]) -> bool:
        """Derives again what readings in these spans have touched; false as below."""
        with self._noticed(Span(spans[0].start, spans[-1].end)) as failed:
            # Notes that have come since the turn began are stale as well.
            stale = tuple(merged([*self._fresh.touched, *spans]))
            await self._derived.rework(spans, self._fresh._replace(touched=stale))
        return not failed

    async def move_watermarks(self, to: int) -> None:
        """Up to `to`, microseconds of a whole minute; never back."""
        if to <= self._watermarks[0]:
            return  # and nobody is waited for
        # Writers hold this row FOR SHARE: the update waits for open batches, later ones will note what they touch.
        cursor = await self._connection.execute(INTEND, (instant(to), MINUTES.name))
        row = await cursor.fetchone()
        intended = microseconds(row[0]) if row else to
        before, was_fresh, behind = self._watermarks, self._fresh, False
        self._watermarks = Freshness.at(intended).watermarks
        # For what is looked up before a span: everything there is refreshed by the time that the span is.
        self._fresh = self._fresh._replace(watermarks=self._watermarks)
        for span in await self._with_rows(Span(before[0], intended), and_next=True):
            with self._noticed(span) as failed:
                await self._examine(span)
                behind |= await self._derived.keep_up(span, was_fresh, self._fresh)
            if (
                not (await self._refreshed(span, None, examined=True) and await self._days_made([Touch(span)]))
                or failed
            ):
                # Nobody else's series wait for it: the watermark moves on, and this span is noted as stale.
                await note(self._connection, span)
        await self._connection.execute(PUBLISH, (_NAMES, [instant(reached) for reached in self._watermarks]))
        if behind:
            await self.settle_touched()

    async def go_back(self) -> None:
        """Derives what is older than derived series are, for as long as nobody else waits for it."""
        began = at = time.monotonic()
        lengths, length = iter(AT_ONCE[1:]), AT_ONCE[0]
        chunks = await self._database.engine.chunks(self._connection)
        while at < began + SECONDS_BACK and (span := self._derived.older(chunks, self._fresh, length)):
            with self._noticed(span) as failed:
                await self._derived.go_back(span, self._fresh)
            if failed:
                await note(self._connection, span)
            await self._derived.went_back(span)
            await self.settle_touched()
            if time.monotonic() < at + SECONDS_BACK / 4:
                length = next(lengths, length)
            at = time.monotonic()

    async def _refreshed(self, span: Span, series: Collection[SeriesId] | None, *, examined: bool = False) -> bool:
        """Brings every tier of these series (None: of all) up to date there; false, and the reason kept, where one
        cannot be."""
        with self._noticed(span) as failed:
            await self._tiers.refresh(span, series, self._watermarks)
            if not examined:
                await self._examine(span, series)
            self.spans += 1
        return not failed

    async def _examine(self, span: Span, series: Collection[SeriesId] | None = None) -> None:
        """Finds the drops of counters there, in raw rows."""
        ids = self._counter_ids if series is None else [each for each in self._counter_ids if each in series]
        for part in await self._with_rows(span):
            await self._counters.examine(ids, part, self._watermarks[0], self._fresh)

    async def _days_made(self, settled: Sequence[Touch]) -> bool:
        """Makes the days that meet what is settled; false as above. Where more is noted in them they are not used, and
        are made again with that."""
        spans = [touch.span for touch in settled]
        whole = Span(min(span.start for span in spans), max(span.end for span in spans))
        changed = reduce(Touch.with_, settled).series
        clocks = self._clocks if changed is None else [each.only(changed) for each in self._clocks]
        with self._noticed(whole) as failed:
            for part in await self._with_rows(whole, and_next=True):
                await self._days.refresh(clocks, part, self._fresh._replace(touched=()))
        return not failed

    @contextmanager
    def _noticed(self, span: Span) -> Iterator[list[str]]:
        """What goes wrong there is kept and handed out; a server that goes away ends the turn."""
        failed: list[str] = []
        try:
            yield failed
        except psycopg.Error as error:
            if self._connection.broken or self._connection.closed:
                raise
            failed.append(f"{instant(span.start):%Y-%m-%d %H:%M} to {instant(span.end):%Y-%m-%d %H:%M}: {error}")
            self.errors += failed

    async def adopt_days(self, freshness: Freshness) -> None:
        """After all is refreshed, the days of series that are new to their clocks; until then they are put together
        when they are read."""
        for clocks in self._clocks:
            if clocks.since is None:
                await self._days.adopt(clocks, freshness)

    async def _with_rows(self, span: Span, *, and_next: bool = False) -> list[Span]:
        chunks = await chunks_with_rows(self._database.engine, self._connection, and_next=and_next)
        return overlapping(chunks, *span)


def _week(span: Span) -> int:
    return span.start // width(CHUNK)


def _week_of(touch: Touch) -> int:
    return _week(touch.span)
