"""The moment of one request: one `now`, one state of the tiers, and one budget from which everything is paid."""

import asyncio
from collections.abc import Callable, Iterable

from app.domain.asking import Budget
from app.domain.tiers import Freshness
from app.store.tiers import TierKeeper


class Moment:
    """Shared by all readers of a request; now: microseconds."""

    def __init__(self, tiers: TierKeeper, budget: Budget, now: int) -> None:
        self._tiers = tiers
        self._freshness: asyncio.Task[Freshness] | None = None
        self.budget = budget
        self.now = now

    async def fresh(self) -> Freshness:
        """The state of the tiers, read once."""
        if self._freshness is None:
            self._freshness = asyncio.ensure_future(self._tiers.freshness())
        return await self._freshness

    def charge(self, prices: Iterable[int], hint: Callable[[], str]) -> None:
        """BadInput where the request as a whole would cost too much."""
        self.budget.charge(sum(prices), hint)
