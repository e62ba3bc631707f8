"""Faults: database and service are stopped, killed and started again while readings stream in; then all is counted."""

import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bench.bounds import Extent
from bench.figures import Figure
from bench.journal import Journal
from bench.outcome import Outcome, compare_all
from bench.victims import APART, OWNED, Fault, Victims, victims

Say = Callable[[str], None]

_OWNED_SHARE = 0.3
_EARLIEST, _LATEST = 0.02, 0.95
"""Shares of the readings that are acknowledged when the first and the last fault may strike."""
_LONGEST_DELAY, _LONGEST_OUTAGE = 0.15, 1.0


async def faults(engine: str, extent: Extent, seed: int, say: Say) -> list[Figure]:
    """A run on a new server of the engine; what is said holds the seed and the process ids."""
    chosen = drawn(random.Random(seed), extent.faults)
    outcome = await survive(engine, extent.fault_readings, chosen, seed, say)
    for surprise in outcome.surprises[:20]:
        say(surprise)
    what = f"faults: database and service stopped and killed while {extent.fault_readings:,} readings stream in"
    kept = f"{outcome.acknowledged:,}; {outcome.missing} / {outcome.different} / {outcome.additional}"
    compared = f"{outcome.buckets:,}; {outcome.different_buckets}"
    return [
        Figure(f"{what}; survived", f"{outcome.struck}, seed {seed}", holds=outcome.struck == extent.faults),
        Figure(
            "faults: readings acknowledged; missing / different / additional in the store",
            kept,
            bound="none",
            holds=not (outcome.missing or outcome.different or outcome.additional),
        ),
        Figure(
            "faults: buckets compared with plain Python; different",
            compared,
            bound="none",
            holds=not outcome.different_buckets,
        ),
        Figure(
            "faults: answers to writers that were neither an acknowledgement nor 503 with Retry-After",
            str(len(outcome.surprises)),
            bound="none",
            holds=not outcome.surprises,
        ),
    ]


def drawn(chance: random.Random, count: int) -> list[Fault]:
    """So many faults of all kinds in any order; the last of them strike a service that owns its server."""
    owned = round(count * _OWNED_SHARE)
    return [*_dealt(chance, APART, count - owned), *_dealt(chance, OWNED, owned)]


def _dealt(chance: random.Random, kinds: Sequence[Fault], count: int) -> list[Fault]:
    """Each kind comes again only after all others have come."""
    dealt: list[Fault] = []
    while len(dealt) < count:
        dealt += chance.sample(kinds, len(kinds))
    return dealt[:count]


async def survive(engine: str, readings: int, chosen: Sequence[Fault], seed: int, say: Say) -> Outcome:
    """Strikes at random moments of a load, waits until all of it is acknowledged, and compares what is there."""
    say(f"{engine}: {len(chosen)} faults in {readings:,} readings, seed {seed}")
    with _folder() as folder:
        journal = Journal(folder / "journal")
        async with victims(folder / "data", engine) as running:
            arguments = (running.url, await running.token(), str(readings), str(seed), str(journal.path))
            outcome = Outcome()
            async with _load(arguments) as load:
                await _strike_all(running, load, readings, chosen, random.Random(f"{seed} moments"), outcome, say)
                await load.wait()
            if surprises := journal.surprises():
                outcome.surprises += surprises
                say(running.said())
            await compare_all(running.url, running.database_url, arguments[1], journal.truth(), outcome)
    return outcome


class _Load:
    """The gateway, and how many readings it says are acknowledged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._moved = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())
        self._listening.add_done_callback(lambda _: self._moved.set())
        self.acknowledged = 0

    @property
    def is_over(self) -> bool:
        return self._listening.done()

    async def reaches(self, readings: float) -> None:
        """Returns when so many are acknowledged, or when it is over."""
        while self.acknowledged < readings and not self.is_over:
            self._moved.clear()
            await self._moved.wait()

    async def wait(self) -> None:
        await self._listening
        if await self._process.wait():
            raise RuntimeError(f"the gateway ended with code {self._process.returncode}")

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.acknowledged = int(line)
            self._moved.set()


@asynccontextmanager
async def _load(arguments: Sequence[str]) -> AsyncIterator[_Load]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.gateway", *arguments), stdout=asyncio.subprocess.PIPE
    )
    load = _Load(process)
    try:
        yield load
    finally:
        await load.stop()


async def _strike_all(
    running: Victims,
    load: _Load,
    readings: int,
    chosen: Sequence[Fault],
    chance: random.Random,
    outcome: Outcome,
    say: Say,
) -> None:
    clock = asyncio.get_running_loop().time
    moments = sorted(chance.uniform(_EARLIEST, _LATEST) * readings for _ in chosen)
    for number, (fault, moment) in enumerate(zip(chosen, moments, strict=True), 1):
        await load.reaches(moment)
        if fault.owned:
            await running.hand_over()
        await asyncio.sleep(chance.uniform(0, _LONGEST_DELAY))
        if load.is_over:
            raise RuntimeError(f"the load was over before fault {number} of {len(chosen)}")
        at, before = load.acknowledged, running.pids
        await running.strike(fault)
        await asyncio.sleep(chance.uniform(0, _LONGEST_OUTAGE))
        began = clock()
        await running.recover()
        outcome.struck += 1
        say(
            f"fault {number} of {len(chosen)}, {at:,} readings acknowledged: {fault.what};"
            f" {before} -> {running.pids}, ready in {clock() - began:.1f} s"
        )


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="linegraph-faults-"))
    folder.chmod(0o755)  # the server may run as another user, who must get in
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
