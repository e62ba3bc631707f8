"""Readings as askers see them: the newest one of a series, and pages that join without loss or repeats."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, within
from tests.schema.test_series import Row, id_of, messy

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR = 60 * MINUTE


async def test_the_newest_reading_says_its_value_text_quality_and_full_status(asker: Asker) -> None:
    await asker.send(
        columns("p/l/good", "x", [(BASE, 1.5), (BASE - SECOND, 9.0)]),
        columns("p/l/bad", "x", [(BASE, 1.0), (BASE + 1, None, 0xFFFFFFFF)]),
        columns("p/l/kept", "x", [(BASE + 123, 2.0, 0x808C0000)]),
        columns("p/l/unsure", "x", [(BASE, -0.25, 0x40900000)]),
        columns("p/l/text", "state", [(BASE, "run"), (BASE + SECOND, "idle")]),
        columns("p/l/other", "state", [(BASE, 7.0)]),
    )
    query = "{machines {edges {node {code series {latest {time value text quality status}}}}}}"
    nodes = [edge["node"] for edge in (await asker.data(query))["machines"]["edges"]]
    found = {node["code"]: tuple(node["series"][0]["latest"].values()) for node in nodes}
    assert found == {
        "good": ("2024-03-04T08:00:00Z", 1.5, None, "GOOD", 0),
        "bad": ("2024-03-04T08:00:00.000001Z", None, None, "BAD", 0xFFFFFFFF),
        "kept": ("2024-03-04T08:00:00.000123Z", 2.0, None, "BAD", 0x808C0000),
        "unsure": ("2024-03-04T08:00:00Z", -0.25, None, "UNCERTAIN", 0x40900000),
        "text": ("2024-03-04T08:00:01Z", 1.0, "idle", "GOOD", 0),
        "other": ("2024-03-04T08:00:00Z", 7.0, None, "GOOD", 0),
    }


READINGS = """query ($ids: [ID!]!, $range: Range!, $first: Int!, $after: String) {series(ids: $ids) {
  readings(range: $range, first: $first, after: $after) {unit times values statuses endCursor hasNextPage}
}}"""


async def test_pages_of_readings_join_without_loss_or_repeats(asker: Asker) -> None:
    rows = messy(random.Random(5), BASE, BASE + HOUR, 80)
    await asker.send(columns("p/l/m", "x", rows))
    number = await id_of(asker, "p/l/m", "x")
    start, end = rows[3].time, rows[-3].time
    inside = [(row.time / 1_000, row.value, row.status) for row in rows if start <= row.time < end]
    for size in (1, 7, len(inside) - 1, len(inside), len(inside) + 1, 10_000):
        found: list[tuple[float, float | None, int]] = []
        after, going = None, True
        while going:
            page = (await asker.data(READINGS, ids=[number], range=within(start, end), first=size, after=after))[
                "series"
            ][0]["readings"]
            assert len(page["times"]) == len(page["values"]) == len(page["statuses"]) <= size
            found += zip(page["times"], page["values"], page["statuses"], strict=True)
            assert page["hasNextPage"] is (len(found) < len(inside))
            after, going = page["endCursor"], page["hasNextPage"]
        assert found == inside
    page = (await asker.data(READINGS, ids=[number], range=within(start, end), first=5, after=after))["series"][0]
    assert page["readings"] == {
        "unit": None, "times": [], "values": [], "statuses": [], "endCursor": None, "hasNextPage": False
    }  # fmt: skip


async def test_one_series_under_several_aliases_with_different_cursors(asker: Asker) -> None:
    rows = [Row(BASE + at * SECOND, float(at)) for at in range(30)]
    await asker.send(columns("p/l/m", "x", rows), columns("p/l/m", "y", [(BASE, 1.0)]))
    ids, asked = [await id_of(asker, "p/l/m", name) for name in ("x", "y")], within(BASE, BASE + HOUR)
    page = (await asker.data(READINGS, ids=ids, range=asked, first=10))["series"][0]["readings"]
    query = """query ($ids: [ID!]!, $range: Range!, $after: String!) {series(ids: $ids) {
      a: readings(range: $range, first: 5) {values} b: readings(range: $range, first: 5, after: $after) {values}
      c: readings(range: $range, first: 6, after: $after) {values} d: readings(range: $range, first: 5) {values}
      e: readings(range: {from: "2024-03-04T08:00:20Z", to: "2024-03-04T09:00:00Z"}, first: 5, after: $after) {values}
    }}"""
    first, second = (await asker.data(query, ids=ids, range=asked, after=page["endCursor"]))["series"]
    assert {name: part["values"] for name, part in first.items()} == {
        "a": [0.0, 1.0, 2.0, 3.0, 4.0],
        "b": [10.0, 11.0, 12.0, 13.0, 14.0],
        "c": [10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
        "d": [0.0, 1.0, 2.0, 3.0, 4.0],
        "e": [20.0, 21.0, 22.0, 23.0, 24.0],
    }
    assert {name: part["values"] for name, part in second.items()} == {
        "a": [1.0],
        "b": [],
        "c": [],
        "d": [1.0],
        "e": [],
    }


async def test_a_range_ends_now_where_no_end_is_said(database: Database) -> None:
    async with asking(database, tier_lag=timedelta(minutes=1)) as asker:
        now = microseconds(datetime.now(UTC))
        await asker.send(columns("p/l/m", "x", [(now - HOUR, 1.0), (now - 2 * SECOND, 2.0), (now + HOUR, 3.0)]))
        number = await id_of(asker, "p/l/m", "x")
        query = """query ($ids: [ID!]!, $from: DateTime!) {series(ids: $ids) {
          a: readings(range: {from: $from}) {values} b: readings(range: {last: "PT30M"}) {values}
          c: plot(range: {last: "PT2H"}) {values} latest {value}
          d: buckets(range: {last: "PT2H"}, every: "P1W") {maximum}
        }}"""
        asked = datetime.fromtimestamp((now - 2 * HOUR) / 1e6, UTC).isoformat()
        found = (await asker.data(query, ids=[number], **{"from": asked}))["series"][0]
        assert [found[name]["values"] for name in "abc"] == [[1.0, 2.0], [2.0], [1.0, 2.0]]
        assert found["latest"] == {"value": 3.0}
        assert max(found["d"]["maximum"]) == 3.0
