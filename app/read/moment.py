"""The moment of one request: one `now`, one state of the tiers, and one budget from which everything is paid."""

import asyncio
from collections.abc import Sequence
from typing import cast

from app.domain.asking import Bill, Budget
from app.domain.model import SeriesId
from app.domain.tiers import Freshness
from app.read.remembered import Answers, Remembered
from app.read.space import Space
from app.store.series import SeriesCatalog
from app.store.tally import Tally
from app.store.tiers import Present, TierKeeper

QUIET_TURNS = 10
"""Turns of the event loop in which what was read of the catalog has led to all further questions: four were needed."""


class Moment:
    """Shared by all readers of a request; now: microseconds. What is answered takes up `space` until `over`."""

    def __init__(
        self,
        tiers: TierKeeper,
        series: SeriesCatalog,
        remembered: Remembered,
        budget: Budget,
        now: int,
        tally: Tally,
        space: Space,
    ) -> None:
        self._tiers = tiers
        self._series = series
        self._remembered = remembered
        self._received: dict[SeriesId, int] = {}
        self._tally = tally
        self._space = space
        self._held = 0
        self._version: int | None = None
        self._present: asyncio.Task[Present] | None = None
        self._bills: list[Bill] = []
        self._payment: asyncio.Task[int] | None = None
        self._payments: list[asyncio.Task[int]] = []
        self.budget = budget
        self.now = now

    async def fresh(self) -> Freshness:
        """The state of the tiers, read once."""
        return (await self._seen()).freshness

    @property
    def seen(self) -> bool:
        """Whether it is known of which version the catalog is."""
        return self._present is not None or self._version is not None

    async def catalog(self) -> Answers:
        """What is known of the catalog as it is now."""
        version = self._version if self._present is None else None
        return self._remembered.of((await self._seen()).catalog if version is None else version)

    def seen_of(self, version: int) -> None:
        """A statement has told of which version the catalog is."""
        # The first one counts: what is read of the catalog may be as old, and must not pass for a later version.
        if self._version is None:
            self._version = version

    async def _seen(self) -> Present:
        self.foresee(())
        return await cast("asyncio.Task[Present]", self._present)

    def foresee(self, series: Sequence[SeriesId]) -> None:
        """These will have to be paid for, if nothing has changed: what that takes is read with the state."""
        if self._present is None:
            self._present = asyncio.ensure_future(self._tiers.present(series))

    @property
    def paid_for(self) -> Sequence[SeriesId]:
        return list(self._received)

    def received(self, series: SeriesId) -> int:
        """How many readings there are of a series that is paid for."""
        return self._received[series]

    async def pay(self, *bills: Bill) -> int:
        """How much coarser than wanted it must be. Returns when everything that the request asks for is priced, so that
        nothing at all is read for one that is refused, and when there is memory for it; BadInput for all of it where it
        costs too much."""
        self._bills += bills
        if self._payment is None:
            self._payment = asyncio.ensure_future(self._pay())
            self._payments.append(self._payment)
        return await self._payment

    async def _pay(self) -> int:
        await self._everything_asked()
        bills: Sequence[Bill] = self._bills
        self._bills, self._payment = [], None
        before = self.budget.points
        self._received |= (await self._seen()).received
        if unknown := {series for bill in bills for series in bill.series} - self._received.keys():
            self._received |= await self._series.received(list(unknown))
        coarser = self.budget.charge(bills)
        points = self.budget.points - before
        if before:
            self._space.take_more(points)
        else:
            await self._space.take(points)
        self._held += points
        return coarser

    def over(self) -> None:
        """The answer is with its client, or nobody waits for it."""
        for payment in self._payments:
            payment.cancel()
        self._space.give_back(self._held)
        self._held = 0

    async def _everything_asked(self) -> None:
        """Until nothing more is asked of the catalog. Should a field come later, it is priced by itself."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await self._tally.idle.wait()
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._tally.idle.is_set() else 0
