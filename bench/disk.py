"""Bytes on disk: what a reading takes with its indexes, in all tiers, with notes and revisions, after columnstore."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from app.domain.batch import Batch
from app.domain.instants import SECOND, microseconds
from app.domain.tiers import SOURCES
from app.main import House, Policy
from app.observe import Observer
from app.settings import Settings
from app.sources.demo_plant.plant import DemoPlant, model_text
from app.store.database import open_database
from bench.bounds import MOST_BYTES, MOST_BYTES_OF_TWO_DECIMALS, Extent
from bench.figures import Figure, at_most, told
from bench.server import Server, new_database

_AGE: Final = timedelta(days=200)
"""A chunk of a tier spans seventy days: only what is older has all its chunks in the columnstore."""
_NO_MEASUREMENTS: Final = ("parts", "status")
_NOISE: Final = 0.01


async def disk(server: Server, extent: Extent) -> list[Figure]:
    """The signals of the demo plant, as its sensors show them and with noise in all digits. Counters and states, which
    take next to nothing, are left out."""
    kinds = (("noise in all digits", True, MOST_BYTES), ("two decimals", False, MOST_BYTES_OF_TWO_DECIMALS))
    figures = []
    for kind, noise, most in kinds:
        async with new_database(server, "bench_disk") as url, open_database(url) as database:
            house = House(database, Settings(), Observer())
            readings, size, parts = await _stored(house, extent.disk_hours, noise)
        what = (
            f"bytes on disk a reading: {readings:,} of the demo's sensors at 1 Hz, {kind}, with indexes and all tiers"
        )
        if database.engine.columnstore:
            figures.append(at_most(f"{what}, after columnstore ({parts})", size / readings, most, "bytes"))
        else:
            figures.append(told(f"{what} ({parts})", f"{size / readings:.1f} bytes"))
    return figures


async def _stored(house: House, hours: int, noise: bool) -> tuple[int, int, str]:
    """How many readings, how many bytes more than before, and what parts these are of."""
    await house.model.apply(model_text(), "demo.yaml")
    await house.freshen()
    before = (await house.states.state()).sizes
    readings = 0
    for batch in _signals(hours, noise):
        readings += (await house.committer.commit(batch)).new
    await house.freshen()
    if house.database.engine.columnstore:
        await house.policies.set({name: Policy(columnstore_after=timedelta(days=1)) for name in SOURCES})
        while await house.policies.carry_out(datetime.now(UTC)):
            pass
    after = (await house.states.state()).sizes
    added = {name: size - before[name] for name, size in after.items()}
    parts = ", ".join(f"{name} {size / readings:.2f}" for name, size in added.items())
    return readings, sum(added.values()), parts


def _signals(hours: int, noise: bool) -> Iterator[Batch]:
    plant = DemoPlant()
    start = microseconds(datetime.now(UTC) - _AGE) // (24 * 3_600 * SECOND) * (24 * 3_600 * SECOND)
    random = np.random.default_rng(1)
    measured = np.array([key.address is None or key.address.metric not in _NO_MEASUREMENTS for key in plant.keys])
    for batch in plant.history(start, start + hours * 3_600 * SECOND, SECOND):
        some = batch.only(measured[batch.series])
        values = some.values * (1 + _NOISE * random.normal(size=len(some))) if noise else some.values
        yield Batch(some.keys, some.series, some.times, values, some.statuses, some.text)
