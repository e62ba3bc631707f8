"""A metric that becomes a counter while it has series: what the model file's engineer is told of their past."""

from datetime import timedelta

import pytest

from app.change.model_file import ModelFile
from app.domain.instants import SECOND, instant
from app.domain.policy import Policy
from app.store.database import Database
from app.store.policies import PolicyStore
from app.store.state import CounterState, StateReader
from tests.store.counted_plant import BASE, DAY, counted_plant, rows

pytestmark = pytest.mark.anyio

COUNTER = "metrics: [{name: heat, kind: COUNTER}, {name: new, kind: COUNTER}, {name: parts, dip_tolerance: 1}]"
TOLD = "The next turn of the service scans 2 series of heat for drops"


async def test_series_that_become_counters_are_counted_and_those_whose_past_is_gone_are_warned_of(
    database: Database,
) -> None:
    plant = await counted_plant(database)
    await plant.say("INSERT INTO series (id, source, machine_id, metric_id) VALUES (8, 's8', 8, 2)")
    await plant.say("SELECT setval('metrics_id_seq', 9)")
    await plant.writer.store(rows([(9, 0, 5, 0), (9, 30 * DAY, 4, 0), (8, 30 * DAY, 7, 0), (1, 0, 9, 0)]))
    await plant.advance(40 * DAY)
    model, states = ModelFile(database), StateReader(database)
    assert await states.counters() == CounterState(3, 0, 0, None)
    assert (await model.diff(COUNTER, "f")).notes == [f"{TOLD}."]
    assert (await model.diff("metrics: [{name: heat, unit: Cel}, {name: parts, kind: GAUGE}]", "f")).notes == []

    policies = PolicyStore(database)
    await policies.set({"RAW": Policy(timedelta(days=20))})
    assert "dropped RAW before 2026-03-19" in await policies.carry_out(instant(BASE + 40 * DAY * SECOND))
    warning = (
        f"warning: {TOLD}; those of 1 are known since 2026-03-19T00:00Z only, because earlier raw readings are not kept"
        " any more."
    )
    assert (await model.diff(COUNTER, "f")).notes == [warning]
    assert await plant.kept() == [], "a diff scans nothing"
    applied = await model.apply(COUNTER, "f")
    assert applied.notes == [warning]
    assert "changed metric heat: kind GAUGE -> COUNTER" in applied.changes
    assert (await model.apply(COUNTER, "f")).notes == [], "what is a counter already becomes none"
    assert await states.counters() == CounterState(3, 2, 0, None)
    await plant.advance(41 * DAY)
    gone = (await plant.keeper.freshness()).gone[0]
    assert await states.counters() == CounterState(5, 0, 1, gone)
    assert await plant.kept() == [(9, 30 * DAY, 5, 4)], "the drop after what is gone, by what the tiers keep of it"
