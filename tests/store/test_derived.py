"""Derived series: exact after every turn, whatever arrives late, changed or bad, and wherever a worker has died."""

import random
from collections.abc import Callable, Mapping

import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE, SECOND
from app.domain.spans import Span
from app.store.database import Database
from app.store.derived import DerivedSeries
from app.store.tables import touched
from app.store.tiers import TierKeeper
from tests.asker import Asker, asking, columns
from tests.holdings import count
from tests.store.derived_plant import (
    FORMULAS,
    HOUR,
    MACHINES,
    MODEL,
    START,
    Arrived,
    Formula,
    Kept,
    derived,
    expected,
    tiers_differ,
)

pytestmark = pytest.mark.anyio

LENGTH = 4 * HOUR
STATUSES = [0, 0, 0, 0, 0, 0, 0x40000000, 0x80000000]


def drawn(chance: random.Random, machine: str, metric: str, most: int) -> dict[int, Arrived]:
    """Readings here and there; a machine is silent for most of the second hour."""
    times = [START + chance.randrange(LENGTH // SECOND) * SECOND for _ in range(chance.randrange(most))]
    times = [at for at in times if not (machine == "b" and HOUR + 5 * MINUTE < at - START < 2 * HOUR)]
    counted = _counted({"good": 2, "total": 3}.get(metric, 0))
    made = counted if metric != "power" else lambda _: float(chance.randrange(-9, 9))
    return {at: Arrived(made(at), chance.choice(STATUSES)) for at in times}


def _counted(speed: int) -> Callable[[int], float]:
    """A counter that stands still for some minutes of each quarter and is reset every hour and a half."""
    return lambda at: float((at - START) % (90 * MINUTE) // (7 * MINUTE) * speed)


async def send(asker: Asker, sent: Kept, batch: Kept) -> None:
    """Remembers what was sent: the later arrival counts."""
    await asker.send(
        *(
            columns(MACHINES[machine], metric, [(at, *each) for at, each in found.items()])
            for (machine, metric), found in batch.items()
            if found
        )
    )
    for key, found in batch.items():
        if found:
            sent[key] = {**sent.get(key, {}), **found}


async def check(database: Database, sent: Kept, watermark: int, formulas: Mapping[str, Formula] = FORMULAS) -> None:
    usable, bad = await derived(database)
    wanted = {key: found for key, found in expected(sent, watermark, formulas).items() if found}
    assert usable.keys() == wanted.keys()
    for key, found in wanted.items():
        assert usable[key].keys() == found.keys(), key
        for at, each in found.items():
            assert usable[key][at].value == pytest.approx(each.value, rel=1e-9, abs=1e-9), (key, (at - START) // MINUTE)
            assert usable[key][at].status == each.status, (key, (at - START) // MINUTE)
    assert all(at not in wanted.get(key, {}) for key, found in bad.items() for at in found)
    assert await tiers_differ(database) == 0
    assert await count(database, touched) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_every_turn_leaves_exactly_what_the_formulas_say(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    sent: Kept = {}
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        watermark = START + chance.randrange(60) * MINUTE
        for turn in range(7):
            # The second machine has no power at first, the third never counts what is good.
            batch = {
                (machine, metric): drawn(chance, machine, metric, 60)
                for machine in MACHINES
                for metric in ("good", "total", "power")
                if not (machine == "b" and metric == "power" and turn < 3) and (machine, metric) != ("c", "good")
            }
            again = {key: dict(list(found.items())[:5]) for key, found in sent.items()}
            await send(asker, sent, again)
            await send(asker, sent, batch)
            least = await half_a_turn(database, watermark) if turn == 4 else watermark
            watermark = max(least, watermark + chance.randrange(50) * MINUTE)
            await asker.advance(watermark)
            await check(database, sent, watermark)
        await asker.advance(START + 2 * LENGTH)
        await check(database, sent, START + 2 * LENGTH)


async def half_a_turn(database: Database, watermark: int) -> int:
    """A worker that dies when it has derived, before it refreshes anything; where it meant to get."""
    fresh = await TierKeeper(database).freshness()
    dying = DerivedSeries(database)
    await dying.begin(fresh)
    assert await dying.rework(list(fresh.touched), fresh)
    async with database.begin() as transaction:
        await transaction.execute(
            sa.text("UPDATE tiers SET intended = intended + interval '7 minutes' WHERE name = 'PT1M'")
        )
    await dying.keep_up(Span(watermark, watermark + 7 * MINUTE), fresh, fresh)
    return watermark + 7 * MINUTE
