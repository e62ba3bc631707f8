"""KPIs as clients see them: ratios of sums like a plain loop over readings, of machines, lines and plants."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.access import Role
from app.domain.instants import MINUTE, SECOND, instant, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, within
from tests.doors import house_of, open_client, token_for
from tests.engines import TestServer
from tests.schema.kpi_plant import BASE, DAY, HOUR, METRICS, MODEL, RATIOS, expected, increase, plant
from tests.watched import watched

pytestmark = pytest.mark.anyio

ANSWER = "name displayName unit starts ends value inputs {name unit value} machines leftOut finality tier"
OF = {"machine": 'machine(path: "%s")', "line": 'line(path: "%s")', "plant": 'plant(code: "%s")'}
PLACES = {
    ("machine", "p/l/a"): ["p/l/a"],
    ("machine", "q/l/e"): ["q/l/e"],
    ("line", "p/l"): ["p/l/a", "p/l/b"],
    ("plant", "p"): ["p/l/a", "p/l/b", "p/k/d"],
    ("plant", "q"): ["q/l/e"],
}
STEPS: list[dict[str, str]] = [{"by": "DAY"}, {"by": "PRODUCTION_DAY"}, {"by": "HOUR"}, {"every": '"PT7H"'}, {}]


async def asked(asker: Asker, what: str, path: str, kpi: str, start: int, end: int, **steps: str) -> Any:
    """The KPI of one place."""
    query = f"query ($range: Range!) {{{OF[what] % path} {{{field(kpi, steps)}}}}}"
    return (await asker.data(query, range=within(start, end)))[what][kpi]


def field(kpi: str, steps: dict[str, str]) -> str:
    given = ", ".join([f'name: "{kpi}"', "range: $range", *(f"{name}: {value}" for name, value in steps.items())])
    return f"{kpi}: kpi({given}) {{{ANSWER}}}"


async def test_kpis_are_ratios_of_sums_wherever_and_however_they_are_asked(asker: Asker) -> None:
    truth, compared = await plant(asker), 0
    start, end = BASE + 6 * HOUR, BASE + 2 * DAY + 7 * MINUTE + 13 * SECOND
    for watermark in (0, BASE + DAY + 5 * HOUR + 7 * MINUTE, BASE + 20 * DAY):
        await asker.advance(watermark)
        for steps in STEPS:
            fields = " ".join(field(kpi, steps) for kpi in RATIOS)
            parts = [f"at{number}: {OF[what] % path} {{{fields}}}" for number, (what, path) in enumerate(PLACES)]
            data = await asker.data(f"query ($range: Range!) {{{' '.join(parts)}}}", range=within(start, end))
            for machines, answers in zip(PLACES.values(), data.values(), strict=True):
                for kpi, found in answers.items():
                    assert len(found["value"]) == len(found["starts"]) > 0, (kpi, steps)
                    for at, until, value in zip(found["starts"], found["ends"], found["value"], strict=True):
                        step = round(at * 1_000), round(until * 1_000)
                        right = expected(truth, machines, RATIOS[kpi], *step, METRICS.get(kpi, {"power"}))
                        assert value == (right if right is None else pytest.approx(right)), (watermark, kpi, steps, at)
                        compared += 1
    assert compared > 5_000


async def test_what_a_kpi_was_computed_from_stands_beside_it(asker: Asker) -> None:
    truth = await plant(asker)
    found = await asked(asker, "line", "p/l", "pass", BASE, BASE + DAY - HOUR, by="DAY")
    assert (found["name"], found["displayName"], found["unit"]) == ("pass", "First pass yield", "%")
    clock = ZoneInfo("Europe/Berlin")
    assert [f"{instant(round(at * 1_000)).astimezone(clock):%d %H:%M}" for at in found["starts"]] == ["28 00:00"]
    good, total = found["inputs"]
    assert [(each["name"], each["unit"]) for each in (good, total)] == [
        ("increase(process.good)", "{parts}"), ("increase(total)", "{parts}"),
    ]  # fmt: skip
    assert found["value"] == [pytest.approx(100 * good["value"][0] / total["value"][0])]
    each = [await asked(asker, "machine", f"p/l/{code}", "pass", BASE, BASE + DAY - HOUR, by="DAY") for code in "ab"]
    assert total["value"][0] == pytest.approx(sum(one["inputs"][1]["value"][0] for one in each))
    assert abs(found["value"][0] - sum(one["value"][0] for one in each) / 2) > 0.3, "not the average of both"
    day = BASE - HOUR, BASE + 23 * HOUR
    assert total["value"] == [pytest.approx(sum(increase(truth[f"p/l/{code}", "total"], *day) for code in "ab"))]
    assert found["machines"] == [2]
    assert found["leftOut"] == ["p/l/c", "p/l/none"], "one without good parts, one without anything"
    definitions = (await asker.data("{kpis {name displayName formula unit description}}"))["kpis"]
    assert [one["name"] for one in definitions] == sorted(one["name"] for one in definitions)
    assert {"name": "pass", "displayName": "First pass yield", "formula": "process.good / total", "unit": "%",
            "description": "Of all parts"} in definitions  # fmt: skip


async def test_what_is_missing_makes_no_number(asker: Asker) -> None:
    await plant(asker)
    none = await asked(asker, "machine", "p/l/none", "pass", BASE, BASE + DAY, by="DAY")
    assert (none["starts"], none["value"], none["leftOut"]) == ([], [], ["p/l/none"])
    assert [each["value"] for each in none["inputs"]] == [[], []]
    whole = await asked(asker, "machine", "p/l/none", "pass", BASE, BASE + DAY)
    assert (whole["starts"], whole["ends"]) == ([BASE / 1e3], [(BASE + DAY) / 1e3])
    assert (whole["value"], whole["machines"], [each["value"] for each in whole["inputs"]]) == (
        [None],
        [0],
        [[None]] * 2,
    )
    zero = await asked(asker, "plant", "p", "zero", BASE, BASE + DAY, by="DAY")
    assert set(zero["value"]) == {None}
    assert all(value > 0 for value in zero["inputs"][0]["value"])
    silent = await asked(asker, "line", "p/l", "pass", BASE + 6 * HOUR, BASE + 8 * HOUR, by="HOUR")
    assert silent["machines"] == [1, 1]
    bad = [(BASE + 40 * DAY, None, 0x80000000)]
    await asker.send(columns("p/l/a", "power", bad), columns("p/l/b", "power", [(BASE + 40 * DAY, 3.0)]))
    later = BASE + 40 * DAY, BASE + 40 * DAY + HOUR
    assert (await asked(asker, "machine", "p/l/a", "mean", *later, every='"PT1H"'))["value"] == [None]
    both = await asked(asker, "line", "p/l", "mean", *later, every='"PT1H"')
    assert (both["value"], both["machines"]) == ([3_000.0], [1])


async def test_readings_in_another_unit_are_converted_or_left_out(asker: Asker) -> None:
    await plant(asker)
    async with asker.house.database.begin() as transaction:
        await transaction.exec_driver_sql(
            "UPDATE series SET unit = CASE machines.code WHEN 'a' THEN 'MW' WHEN 'b' THEN 'bar' END"
            " FROM machines, metrics"
            " WHERE machines.id = machine_id AND metrics.id = metric_id AND metrics.name = 'power'"
        )
    plain = await asked(asker, "machine", "q/l/e", "mean", BASE, BASE + DAY, by="DAY")
    line = await asked(asker, "line", "p/l", "mean", BASE, BASE + DAY, by="DAY")
    assert line["leftOut"] == ["p/l/b", "p/l/c", "p/l/none"]
    assert line["inputs"][0]["unit"] == "kW"
    assert 1e6 < line["value"][0] < 1e7, "kW that were MW, told in W"
    assert 1e3 < plain["value"][0] < 1e4


async def test_finality_is_the_worst_of_all_machines(asker: Asker) -> None:
    await plant(asker)
    await asker.advance(BASE + 2 * DAY)
    before = await asked(asker, "plant", "p", "pass", BASE, BASE + 3 * DAY, by="DAY")
    assert before["finality"] == ["FINAL", "FINAL", "PROVISIONAL", "PROVISIONAL"]
    await asker.send(columns("p/k/d", "total", [(BASE + 30 * HOUR, 7.0)]))
    await asker.advance(BASE + 2 * DAY)
    after = await asked(asker, "plant", "p", "pass", BASE, BASE + 3 * DAY, by="DAY")
    assert after["finality"] == ["FINAL", "REVISED", "PROVISIONAL", "PROVISIONAL"]
    line = await asked(asker, "line", "p/l", "pass", BASE, BASE + 3 * DAY, by="DAY")
    assert line["finality"] == before["finality"]


async def test_a_running_step_has_lasted_up_to_now(database: Database) -> None:
    now = microseconds(datetime.now(UTC))
    start = now // DAY * DAY
    async with asking(database) as asker:
        await asker.house.model.apply(MODEL, "f")
        await asker.send(columns("p/l/a", "process.good", [(start - HOUR, 0.0), (start + 1, 60.0)]))
        found = await asked(asker, "machine", "p/l/a", "rate", start, start + HOUR, every='"P1D"')
        hours = (microseconds(datetime.now(UTC)) - start) / HOUR
        assert found["value"] == [pytest.approx(60 / hours, rel=0.2)]
        assert found["inputs"][1] == {
            "name": "duration()",
            "unit": "s",
            "value": [pytest.approx(hours * 3_600, rel=0.2)],
        }


async def test_what_cannot_be_answered_is_told_at_its_field(asker: Asker) -> None:
    await plant(asker)
    query = 'query ($range: Range!) {machine(path: "p/l/a") {kpi(name: "%s", range: $range %s) {value}}}'
    span = within(BASE, BASE + DAY)
    fault = await asker.fault(query % ("pas", ""), range=span)
    assert fault == ("There is no KPI 'pas'.", "BAD_USER_INPUT", "Did you mean 'pass'?")
    fault = await asker.fault(query % ("\\u0000; DROP TABLE kpis", ""), range=span)
    assert (fault.code, fault.hint) == ("BAD_USER_INPUT", "{ kpis { name } } lists those of the model file.")
    fault = await asker.fault(query % ("pass", 'every: "PT1H", by: DAY'), range=span)
    assert fault.hint == "Write every: PT1H, or by: DAY."
    async with asker.house.database.begin() as transaction:
        await transaction.exec_driver_sql("UPDATE metrics SET unit = 'kW' WHERE name = 'total'")
    two = 'query ($range: Range!) {machines {edges {node {lost: kpi(name: "lost", range: $range) {value} ' \
          'mean: kpi(name: "mean", range: $range) {value}}}}}'  # fmt: skip
    answer = await asker.answer(two, range=span)
    assert {error["message"].split(":")[0] for error in answer["errors"]} == {
        "The KPI 'lost' cannot be computed. The formula subtracts {parts}/kW from a plain number (at character 5)."
    }
    async with asking(asker.house.database, query_rows=50) as poor:
        fault = await poor.fault(query % ("mean", 'every: "PT1M"'), range=span)
        assert (fault.code, "the limit is 50" in fault.message) == ("BAD_USER_INPUT", True)
        assert fault.hint == "No step fits: ask for a shorter range or fewer series."


async def test_a_token_of_a_plant_sees_its_own_machines_alone(database: Database) -> None:
    async with asking(database) as asker:
        await plant(asker)
    house = house_of(database)
    async with open_client(house, loopback_only=False) as client:
        token = await token_for(house, Role.VIEWER, "q")
        query = """query ($range: Range!) {plants {edges {node {code kpi(name: "pass", range: $range) {machines}}}}
          machine(path: "p/l/a") {kpi(name: "pass", range: $range) {value}}}"""
        body = {"query": query, "variables": {"range": within(BASE, BASE + DAY)}}
        answer = (await client.post("/graphql", json=body, headers=token)).json()
    assert answer["data"] == {
        "plants": {"edges": [{"node": {"code": "q", "kpi": {"machines": [1]}}}]}, "machine": None,
    }  # fmt: skip


async def test_kpis_of_many_machines_cost_the_statements_of_one(server: TestServer, database_url: str) -> None:
    machines = """query ($first: Int!, $range: Range!) {machines(first: $first) {edges {node {
      pass: kpi(name: "pass", range: $range, by: DAY) {value inputs {value} finality machines}
      use: kpi(name: "use", range: $range, by: DAY) {value}
    }}}}"""
    above = """query ($code: String!, $range: Range!) {plant(code: $code) {
      kpi(name: "pass", range: $range, every: "PT1H") {value finality}
      lines {kpi(name: "mean", range: $range, every: "PT1H") {value leftOut}}
    }}"""
    async with watched(server, database_url) as (asker, log):
        await asker.house.model.apply(MODEL, "f")
        rows = [(BASE + at * MINUTE, float(at)) for at in range(10)]
        paths = ["p/k/d", *(f"q/l{number % 3}/m{number}" for number in range(40))]
        await asker.send(*(columns(path, name, rows) for path in paths
                           for name in ("total", "process.good", "energy", "power")))  # fmt: skip
        await asker.advance(BASE + 5 * MINUTE)
        span = within(BASE, BASE + DAY)
        counts = [len(await log.statements(machines, first=first, range=span)) for first in (1, 50)]
        assert counts[0] == counts[1] <= 14
        data = await asker.data(machines, first=50, range=span)
        assert sum(edge["node"]["pass"]["machines"] == [1] for edge in data["machines"]["edges"]) == 41
        counts = [len(await log.statements(above, code=code, range=span)) for code in "pq"]
        assert counts[0] == counts[1] <= 20
