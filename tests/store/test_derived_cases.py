"""What becomes of derived series, case by case: history, repairs, other writers, other units, verdicts on counters."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.access import Role
from app.domain.addresses import Address, SeriesKey
from app.domain.counters import Overrule, Verdict
from app.domain.instants import MINUTE, SECOND
from app.domain.model import SeriesId
from app.store.counter_events import CounterEvents
from app.store.database import Database
from app.store.derived import DerivedSeries
from app.store.state import DerivedState, StateReader
from app.store.tables import metrics, series, touched
from app.store.tiers import TierKeeper
from tests.asker import asking, columns, within
from tests.doors import house_of, open_client, token_for
from tests.holdings import count, kept_latest, kept_series, rows
from tests.store.derived_plant import DAY, FORMULAS, HOUR, MODEL, START, Arrived, Kept, derived, settled, tiers_differ
from tests.store.test_derived import check, send

pytestmark = pytest.mark.anyio

BUCKETS = "average count uncertain bad coverage finality starts"


def regular(days: int, metric: str, factor: float = 1.0) -> dict[int, Arrived]:
    """A reading every ten minutes."""
    made = {"good": lambda n: n % 100 * 2.0, "total": lambda n: n % 100 * 3.0, "power": lambda n: n % 7 * factor}
    return {START + n * 10 * MINUTE: Arrived(made[metric](n), 0) for n in range(days * 144)}


async def test_history_is_derived_by_and_by_and_again_when_a_formula_changes(database: Database) -> None:
    sent: Kept = {}
    async with asking(database) as asker:
        sent_alone, derived_alone = MODEL.split("derived:")
        await asker.house.model.apply(sent_alone, "model.yaml")
        # A week of silence lies between; the second machine sends little.
        await send(asker, sent, {("a", name): regular(3, name) for name in ("good", "total", "power")})
        later = {at + 10 * DAY: each for at, each in regular(1, "power").items()}
        await send(asker, sent, {("a", "power"): later, ("b", "power"): regular(1, "power")})
        watermark = START + 11 * DAY
        await asker.advance(watermark)
        await asker.house.model.apply("derived:" + derived_alone, "model.yaml")
        # A worker derives the newest day, and dies before it has said so.
        fresh = await TierKeeper(database).freshness()
        dying = DerivedSeries(database)
        await dying.begin(fresh)
        async with database.driver(autocommit=True) as connection:
            chunks = await database.engine.chunks(connection)
        newest = dying.older(chunks, fresh, DAY)
        assert newest is not None
        await dying.go_back(newest, fresh)
        assert {at // DAY for found in (await derived(database))[0].values() for at in found} == {newest.start // DAY}
        states = StateReader(database)
        assert (await states.state()).derived == DerivedState(10, 10, watermark)
        await settled(asker, watermark)
        await check(database, sent, watermark)
        assert (await states.state()).derived == DerivedState(10, 0, None)
        # Steps that are longer now leave readings behind that have no meaning any more.
        changed = "derived: [{name: pass, formula: 3 * good / total, every: PT20M, unit: null}]"
        await asker.house.model.apply(changed, "model.yaml")
        await settled(asker, watermark)
        formula = FORMULAS["pass"]._replace(
            every=20 * MINUTE, value=lambda step: 3 * step.grown("good") / step.grown("total")
        )
        await check(database, sent, watermark, {**FORMULAS, "pass": formula})
        assert await asker.data("{ metrics { name unit derived { formula every } } }") == {
            "metrics": [
                {"name": name, "unit": unit, "derived": made and {"formula": made[0], "every": made[1]}}
                for name, unit, made in [
                    ("good", "{parts}", None),
                    ("load", "W/h", ("sum(power) / count(power) / duration()", "PT1H")),
                    ("lost", None, ("1 - share", "PT15M")),
                    ("mean", "W", ("average(power)", "PT5M")),
                    ("of hours", "W/h", ("load * twice", "PT1M")),
                    ("pass", None, ("3 * good / total", "PT20M")),
                    ("power", "kW", None),
                    ("range", "kW", ("maximum(power) - minimum(power) + 0 * last(power) + 0 * first(power)", "PT1M")),
                    ("total", "{parts}", None),
                    ("twice", None, ("pass * 2", "PT15M")),
                ]
            ]
        }


async def test_a_value_comes_goes_and_comes_back(database: Database) -> None:
    """A division by 0, which a late reading repairs, and a bad one takes back."""
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        steps = [(START, 1), (START + 10 * SECOND, 1), (START + 70 * SECOND, 3)]
        await asker.send(columns("p/l/a", "total", steps), columns("p/l/a", "good", steps))

        async def passed() -> list[tuple[int, float | None, int]]:
            usable, bad = await derived(database)
            found = {**usable.get(("a", "pass"), {}), **bad.get(("a", "pass"), {})}
            return [((at - START) // MINUTE, *each) for at, each in sorted(found.items())]

        async def told() -> dict[str, Any]:
            query = f"""query ($range: Range!) {{ machine(path: "p/l/a") {{ series(metrics: ["pass"]) {{
                buckets(range: $range, every: "PT1M") {{ {BUCKETS} }} latest {{ time value quality }} }} }} }}"""
            [found] = (await asker.data(query, range=within(START, START + 3 * MINUTE)))["machine"]["series"]
            buckets = found["buckets"]
            buckets["starts"] = [(int(at * 1_000) - START) // MINUTE for at in buckets["starts"]]
            return {**buckets, "latest": found["latest"] and found["latest"]["value"]}

        await asker.advance(START + 2 * MINUTE)
        assert await passed() == [(1, 100.0, 0)]
        await asker.send(columns("p/l/a", "total", [(START + 20 * SECOND, 2, 0x40000000)]))
        await asker.advance(START + 3 * MINUTE)
        # The second step has grown less for it.
        assert await passed() == [(0, 0.0, 0x40000000), (1, 200.0, 0)]
        assert await told() == {
            "average": [0, 200], "count": [1, 1], "uncertain": [1, 0], "bad": [0, 0], "coverage": [1, 1],
            "finality": ["REVISED", "REVISED"], "starts": [0, 1], "latest": 200,
        }  # fmt: skip
        await asker.send(columns("p/l/a", "good", [(START + 70 * SECOND, None, 0x80000000)]))
        await asker.send(columns("p/l/a", "total", [(START + 70 * SECOND, None, 0x80000000)]))
        await asker.advance(START + 3 * MINUTE)
        assert await passed() == [(0, 0.0, 0x40000000), (1, None, 0x809B0000)]
        again = await told()
        assert again["average"] == [0, None]
        assert again["bad"] == [0, 1]
        assert again["latest"] is None
        await asker.send(columns("p/l/a", "good", [(START + 71 * SECOND, 5)]))
        await asker.send(columns("p/l/a", "total", [(START + 71 * SECOND, 10)]))
        await asker.advance(START + 3 * MINUTE)
        assert await passed() == [(0, 0.0, 0x40000000), (1, 50.0, 0)]
        assert await tiers_differ(database) == await count(database, touched) == 0


async def test_what_is_too_large_to_be_a_reading_is_none(database: Database) -> None:
    async with asking(database) as asker:
        huge = "metrics: [{name: x}]\nderived: [{name: y, formula: x * x}]"
        await asker.house.model.apply(huge, "f")
        await asker.send(columns("p/l/a", "x", [(START, 1e100), (START + MINUTE, 1e70)]))
        await asker.advance(START + HOUR)
        usable, _ = await derived(database)
        assert usable == {("a", "y"): {START + MINUTE: Arrived(1e140, 0)}}


async def test_nobody_else_writes_into_a_derived_series(database: Database) -> None:
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        sent = [columns(path, "pass", [(START, 1.0)]) for path in ("p/l/a", "p/l/b")]
        await asker.send(sent[0])  # before there is such a series
        await asker.send(*(columns("p/l/a", name, [(START, 1.0), (START + 1, 2.0)]) for name in ("good", "total")))
        await asker.advance(START + HOUR)
        await asker.send(*sent)
        line = f"pass,plant=p,line=l,machine=a,sensor=x value=7 {START + 5}"
        response = await asker.client.post("/api/v2/write?precision=us", content=line)
        assert response.status_code == 204
        own = "linegraph:derived p/l/a pass"
        response = await asker.client.post(
            "/api/v1/readings", json={"series": [{"source": own, "times": [START / 1_000], "values": [3]}]}
        )
        assert response.status_code == 400
        assert "is that of a series that is made here" in response.text
        await asker.advance(START + 2 * HOUR)
        found = await kept_series(database)
        assert found[own] == ("p/l/a pass", None)
        unmapped = {source: kept.reason for source, kept in found.items() if kept.mapped is None}
        assert unmapped == {
            "pass,line=l,machine=a,plant=p value": "p/l/a has pass derived, and takes nothing that is sent for it",
            "pass,line=l,machine=b,plant=p value": "p/l/b has pass derived, and takes nothing that is sent for it",
            "pass,line=l,machine=a,plant=p,sensor=x value": "p/l/a has pass derived, and takes nothing that is sent"
            " for it",
        }
        assert (await derived(database))[0]["a", "pass"] == {START: Arrived(100.0, 0)}
        assert (await kept_latest(database))[own][1:] == (100.0, 0)
        # An import that states a unit leaves the formula's alone.
        assert await asker.house.registration.give_units("p/l/a", {"lost": "kW"}) == {}


async def test_readings_in_another_unit_are_converted(database: Database) -> None:
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        for machine, unit in (("a", "W"), ("b", "bar")):
            key = SeriesKey(f"power of {machine}", Address("p", "l", machine, "power"), unit=unit)
            await asker.house.registration.series_by_key([key])
            readings_of = [(START, 1_000.0), (START + 1, 4_000.0)]
            await asker.send(columns(f"p/l/{machine}", "power", readings_of))
        await asker.advance(START + HOUR)
        usable, _ = await derived(database)
        assert usable == {
            ("a", "mean"): {START: Arrived(2_500.0, 0)},
            ("a", "range"): {START: Arrived(3.0, 0)},
            ("a", "load"): {START: Arrived(2_500.0, 0)},
        }


async def test_a_verdict_on_a_counter_changes_what_is_derived_from_it(database: Database) -> None:
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        fallen = [(START, 10.0), (START + 70 * SECOND, 4.0)]
        await asker.send(
            columns("p/l/a", "good", fallen), columns("p/l/a", "total", [(at, at / MINUTE) for at, _ in fallen])
        )
        await asker.advance(START + HOUR)
        before = (await derived(database))[0]["a", "pass"][START + MINUTE].value
        [(number,)] = await rows(
            database,
            sa.select(series.c.id).join(metrics, metrics.c.id == series.c.metric_id).where(metrics.c.name == "good"),
        )
        said = Overrule(fallen[1][0], Verdict.REPLACED, None, "me", datetime(2026, 1, 1, tzinfo=UTC), "")
        await CounterEvents(database).overrule(SeriesId(number), said, await TierKeeper(database).freshness())
        await asker.advance(START + HOUR)
        assert before == pytest.approx(4 / (70 / 60) * 100)
        assert (await derived(database))[0]["a", "pass"][START + MINUTE].value == 0.0


async def test_a_token_sees_what_is_derived_in_its_plant(database: Database) -> None:
    house = house_of(database)
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        for path in ("p/l/a", "q/l/d"):
            await asker.send(columns(path, "power", [(START, 1.0)]))
        await asker.advance(START + HOUR)
    query = """{ p: machine(path: "p/l/a") { series { source latest { value } } }
        q: machine(path: "q/l/d") { series { source latest { value } } } }"""
    async with open_client(house, loopback_only=False) as client:
        for plant, other in (("p", "q"), ("q", "p")):
            headers = await token_for(house, Role.VIEWER, plant)
            data = (await client.post("/graphql", json={"query": query}, headers=headers)).json()["data"]
            assert data[other] is None
            assert {each["latest"]["value"] for each in data[plant]["series"]} == {1.0, 1_000.0, 0.0}
