"""Keeps the tiers fresh and carries out policies, on a schedule of its own, and leaves word of what was done."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

from app.domain.instants import microseconds
from app.errors import StoreUnavailable
from app.observe import Observer
from app.store.jobs import JobLog
from app.store.policies import PolicyStore
from app.store.state import StateReader
from app.store.tiers import TierKeeper

SOONER = 10
"""Turns in the time of one, at most, while readings come that the tiers have passed."""
RESTS = 1
"""Seconds of rest for each second of such turns: at most half the time somebody refreshes."""
LOOKS = 20
"""In the shortest time between two turns: whether readings have been noted."""
QUIET = 5
"""So much shorter are all rests where no more readings come: nothing else is to be done then."""
YOUNG = 3
"""Looks for which a note is young: where it was taken, more is arriving."""


class Freshener:
    """The worker's turns."""

    def __init__(
        self,
        keeper: TierKeeper,
        policies: PolicyStore,
        jobs: JobLog,
        states: StateReader,
        observer: Observer,
        *,
        lag: timedelta,
    ) -> None:
        self._keeper = keeper
        self._policies = policies
        self._jobs = jobs
        self._states = states
        self._observer = observer
        self._lag = lag

    async def run(self, every: timedelta) -> None:
        """Until it is cancelled; a failure is noticed and tried again at the next turn."""
        due, young = -math.inf, None
        while True:
            started = time.monotonic()
            if started >= due:
                due, young = started + every.total_seconds(), None
            try:
                if await self.turn(young):
                    young = await self._rest(every.total_seconds(), time.monotonic() - started)
                    continue
            except StoreUnavailable as error:
                self._observer.store_lost("freshness", error)
            except Exception as error:
                self._observer.failed("freshness", error)
            await asyncio.sleep(every.total_seconds())

    async def turn(self, young: int | None = None) -> bool:
        """Refreshes up to now less the lag; whether nothing was left undone. An early turn leaves alone where notes
        beyond `young` were taken; a whole one (None) carries out the policies and tells how things stand, too.
        StoreUnavailable where the database goes."""
        now = datetime.now(UTC)
        refreshed = await self._do("refresh", self._refresh(now, young))
        if young is not None:
            return refreshed
        carried_out = await self._do("policies", self._carry_out(now))
        self._observer.stands(await self._states.state(), now)
        return refreshed and carried_out

    async def _rest(self, longest: float, worked: float) -> int | None:
        """Until the next turn, which comes sooner where readings have been noted: but not before the worker has rested
        as well, and as soon as no more of them come, for then what they have touched is refreshed once. The number of
        the note beyond which they are young; None where none was looked for."""
        began = time.monotonic()
        enough = max(longest / SOONER, RESTS * worked)
        seen: deque[int | None] = deque([None], maxlen=YOUNG)
        while (rested := time.monotonic() - began) < longest:
            await asyncio.sleep(min(longest / SOONER / LOOKS, longest - rested))
            newest = await self._keeper.newest_note()
            quiet = newest == seen[-1]
            if newest is not None and time.monotonic() - began >= (enough / QUIET if quiet else enough):
                return newest if quiet else seen[0] or 0
            seen.append(newest)
        return None

    async def _refresh(self, now: datetime, young: int | None) -> tuple[list[str], list[str]]:
        advance = await self._keeper.advance(microseconds(now - self._lag), young=young)
        return ([f"{advance.spans} spans"], advance.errors) if advance else ([], [])

    async def _carry_out(self, now: datetime) -> tuple[list[str], list[str]]:
        return await self._policies.carry_out(now), []

    async def _do(self, job: str, work: Awaitable[tuple[list[str], list[str]]]) -> bool:
        """One job: what it did and its errors are kept in the store, and noticed; whether there were none."""
        started = time.monotonic()
        try:
            did, errors = await work
            if did:
                await self._jobs.ended(job, time.monotonic() - started, ", ".join(did))
            for error in errors:
                self._observer.left_undone(job, error)
                await self._jobs.failed(job, error)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._observer.failed(job, error)
            await self._jobs.failed(job, str(error))
            return False
        return not errors
