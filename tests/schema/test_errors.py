"""What is refused, in which words, with a code and a hint; and what an asker cannot mend hides behind an id."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, unmapped, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
DAY = 1_440 * MINUTE
CURVES = {
    "plot": "plot(range: $range) {times}",
    "buckets": 'buckets(range: $range, every: "PT1M") {count}',
    "readings": "readings(range: $range) {times}",
}

RANGES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "needs a start", "PT8H"),
    ({"to": "2024-03-04T08:00:00Z"}, "needs a start", "PT8H"),
    ({"from": None, "last": None}, "needs a start", "PT8H"),
    ({"from": "2024-03-05T00:00:00Z", "to": "2024-03-04T00:00:00Z"}, "ends before it starts", "Exchange"),
    ({"from": "2024-03-05T01:00:00+01:00", "to": "2024-03-05T00:00:00Z"}, "is empty", "move them apart"),
    ({"from": "2024-03-05T00:00:00Z", "last": "PT1H"}, "either from and to, or last", "PT8H"),
    ({"from": "2024-03-05T00:00:00Z", "to": "2024-03-06T00:00:00Z", "last": "PT1H"}, "or last", "PT8H"),
    ({"last": "PT0S"}, "longer than zero", "PT8H"),
    ({"last": "-PT1H"}, "longer than zero", "PT8H"),
    ({"last": "P400000D"}, "1700 to 2500", "PT8H"),
    ({"last": "P1M"}, "'P1M' is not a duration of one length: months and years vary.", "PT8H"),
    ({"last": "7d"}, "'7d' is not a duration in ISO 8601.", "P7D"),
    ({"last": "one hour"}, "is not a duration", "PT8H"),
    ({"last": "P99999999999999D"}, "is not a duration", "PT8H"),
    ({"last": 5}, "is not a duration", "PT8H"),
    ({"from": "2024-03-05T00:00:00"}, "lacks an offset", "06:00:00Z"),
    ({"from": "2024-03-05"}, "lacks an offset", "06:00:00Z"),
    ({"from": "yesterday"}, "is not an instant", "06:00:00Z"),
    ({"from": 1_709_625_600_000}, "is not an instant", "06:00:00Z"),
    ({"from": "9999-12-31T23:59:59-14:00"}, "outside of the years 1 to 9999", "06:00:00Z"),
    ({"from": "2024-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, "1700 to 2500", "from"),
    ({"from": "0001-01-01T00:00:00Z", "to": "2024-01-01T00:00:00Z"}, "1700 to 2500", "from"),
    ({"from": "\x00"}, "is not an instant", "06:00:00Z"),
]


async def fill(asker: Asker, count: int = 10) -> None:
    await asker.send(columns("p/l/m", "x", [(BASE + at * SECOND, float(at)) for at in range(count)]))


def of_machine(selection: str, variables: str = "") -> str:
    return f'query Q{variables} {{machine(path: "p/l/m") {{series {{{selection}}}}}}}'


async def test_ranges_that_make_no_sense_are_refused_with_a_way_out(asker: Asker) -> None:
    await fill(asker)
    for field, selection in CURVES.items():
        for asked, message, hint in RANGES:
            fault = await asker.fault(of_machine(selection, "($range: Range!)"), range=asked)
            assert message in fault.message, (field, asked, fault)
            assert fault.hint, (field, asked, fault)
            assert hint in fault.hint, (field, asked, fault)
            assert fault.code == "BAD_USER_INPUT", (field, asked, fault)
    fault = await asker.fault(of_machine('plot(range: {from: "2024-03-05T00:00:00"}) {times}'))
    assert fault.code == "GRAPHQL_VALIDATION_FAILED"
    assert "lacks an offset" in fault.message
    assert "06:00:00Z" in str(fault.hint)


SIZES = {
    "plot(range: $range, points: 0) {times}": "points: 0 is not between 1 and 4000",
    "plot(range: $range, points: 4001) {times}": "points: 4001",
    "plot(range: $range, points: -2147483648) {times}": "points: -2147483648",
    "readings(range: $range, first: 0) {times}": "first: 0 is not between 1 and 10000",
    "readings(range: $range, first: 10001) {times}": "first: 10001",
    'buckets(range: $range, every: "PT0S") {count}': "between a millisecond and a week",
    'buckets(range: $range, every: "PT0.0005S") {count}': "between a millisecond and a week",
    'buckets(range: $range, every: "P8D") {count}': "between a millisecond and a week",
    'buckets(range: $range, every: "-PT1M") {count}': "between a millisecond and a week",
}


async def test_sizes_and_steps_beyond_the_limits_are_refused_and_those_at_them_are_not(asker: Asker) -> None:
    await fill(asker)
    day, variables = within(BASE - DAY, BASE + DAY), "($range: Range!)"
    for selection, message in SIZES.items():
        fault = await asker.fault(of_machine(selection, variables), range=day)
        assert message in fault.message
        assert fault.code == "BAD_USER_INPUT"
        assert fault.hint
    for first in (0, 501, 10_001, -1):
        for field in ("plants", "machines", "unmappedSeries"):
            fault = await asker.fault(f"{{{field}(first: {first}) {{totalCount}}}}")
            assert f"first: {first} is not between 1 and 500" in fault.message
            assert (fault.code, bool(fault.hint)) == ("BAD_USER_INPUT", True)
    fault = await asker.fault("query ($ids: [ID!]!) {nodes(ids: $ids) {id}}", ids=["cGxhbnQ6MQ"] * 1_001)
    assert "a list of more than 1,000 entries" in fault.message
    selection = """a: plot(range: $range, points: 4000) {times} b: plot(range: $range, points: 1) {times}
      c: readings(range: $range, first: 10000) {times} d: buckets(range: $range, every: "P7D") {count}
      e: buckets(range: $range, every: "PT0.001S") {count}"""
    data = await asker.data(of_machine(selection, variables), range=day)
    assert data["machine"]["series"][0]["d"] == {"count": [10]}
    data = await asker.data("{plants(first: 500) {totalCount} machines(first: 1) {totalCount}}")
    assert data == {"plants": {"totalCount": 1}, "machines": {"totalCount": 1}}


async def test_buckets_over_the_price_are_refused_with_the_smallest_step_that_fits(database: Database) -> None:
    async with asking(database, query_rows=1_000) as asker:
        await fill(asker, 3_000)
        asked, variables = within(BASE, BASE + 3_000 * SECOND), "($range: Range!, $every: Duration!)"
        await asker.advance(BASE + DAY)
        query = of_machine("buckets(range: $range, every: $every) {count}", variables)
        fault = await asker.fault(query, range=asked, every="PT1S")
        assert (fault.code, fault.hint) == ("BAD_USER_INPUT", "The smallest usual step that fits is PT1M.")
        assert fault.message == "This request would touch 3,000 rows; the limit is 1,000."
        data = await asker.data(query, range=asked, every="PT1M")
        assert data["machine"]["series"][0]["buckets"]["count"] == [60] * 50
        selection = " ".join(
            f"b{at}: buckets(range: $range, every: $every) {{count a{at}: average}}" for at in range(3)
        )
        assert await asker.data(of_machine(selection, variables), range=asked, every="PT1M")
        two = of_machine(
            'a: buckets(range: $range, every: "PT1M") {count} b: buckets(range: $range, every: $every) {count}',
            variables,
        )
        faults = await asker.faults(two, range=asked, every="PT2S")
        assert "the limit is 1,000" in faults[0].message
        wide = await asker.data(of_machine("plot(range: $range) {times tier}", "($range: Range!)"), range=asked)
        assert wide["machine"]["series"][0]["plot"]["tier"] == "PT1M", "3,000 readings are too much"
        many = of_machine(
            "a: readings(range: $range, first: 600) {times} b: readings(range: $range, first: 601) {times}",
            "($range: Range!)",
        )
        fault = await asker.fault(many, range=asked)
        assert (fault.message, fault.hint) == (
            "This request would touch 1,201 rows; the limit is 1,000.",
            "Ask for fewer readings with first:.",
        )


def opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


WRITTEN = st.one_of(
    st.text(max_size=40),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False), st.lists, max_leaves=4
    ).map(lambda value: opaque(str(value).replace("'", '"').replace("None", "null"))),
    st.builds(
        lambda kind, number: opaque(f"{kind}:{number}"),
        st.sampled_from(["plant", "line", "machine", "series", "token", ""]),
        st.integers(-1, 2**40) | st.text(max_size=3),
    ),
)
FUZZED = """query ($it: String!, $id: ID!, $range: Range!) {
  plants(after: $it) {totalCount} machines(after: $it) {totalCount} unmappedSeries(after: $it) {totalCount}
  plant(code: $it) {code} line(path: $it) {code} machine(path: $it) {code}
  some: machines(filter: {plant: $it, line: $it, type: $it, search: $it}) {totalCount}
  search: unmappedSeries(search: $it) {totalCount}
  node(id: $id) {id} nodes(ids: [$id]) {id} series(ids: [$id]) {id}
  mine: machine(path: "p/l/m") {series(metrics: [$it]) {id} all: series {readings(range: $range, after: $it) {times}}}
}"""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(text=WRITTEN)
@example(opaque('["\\u0000"]'))
@example(opaque("[99999999999999999999, 5]"))
@example(opaque("[5, 2147483648]"))
@example(opaque("[-99999999999999999999]"))
@example(opaque("[9223372036854775807]"))
@example(opaque("series:2147483648"))
@example(opaque("series:2147483647"))
@example(opaque("series:01"))
@example("\x00")
@example("=")
@example("\u00e9")
async def test_cursors_ids_and_names_that_nobody_gave_out(asker: Asker, text: str) -> None:
    await fill(asker)
    variables = {"it": text, "id": text, "range": within(BASE - DAY, BASE + DAY)}
    for line in FUZZED.split("\n")[1:-1]:
        used = [name for name in ("it", "id", "range") if f"${name}" in line]
        kinds = {"it": "String!", "id": "ID!", "range": "Range!"}
        query = f"query ({', '.join(f'${name}: {kinds[name]}' for name in used)}) {{{line}}}"
        answer = await asker.answer(query, **{name: variables[name] for name in used})
        for error in answer.get("errors", []):
            assert error["extensions"]["code"] == "BAD_USER_INPUT", (text, error)
            assert error["extensions"]["hint"], (text, error)


async def test_ids_of_another_kind_and_cursors_of_another_list_are_refused(asker: Asker) -> None:
    await fill(asker)
    await asker.send(unmapped("tag", [(BASE, 1.0)]))
    data = await asker.data(
        """{plants {pageInfo {endCursor}} machines {pageInfo {endCursor}} unmappedSeries {pageInfo {endCursor}}
        machine(path: "p/l/m") {id}}"""
    )
    fault = await asker.fault("query ($id: ID!) {series(ids: [$id]) {id}}", id=data["machine"]["id"])
    assert "is not that of a series" in fault.message
    cursors = {name: data[name]["pageInfo"]["endCursor"] for name in ("plants", "machines", "unmappedSeries")}
    query = "query ($after: String) {%s(after: $after) {totalCount}}"
    for field, other in (("plants", "machines"), ("plants", "unmappedSeries"), ("unmappedSeries", "machines")):
        fault = await asker.fault(query % field, after=cursors[other])
        assert "is not valid" in fault.message
        assert fault.hint == "Hand back endCursor or a cursor of the same list, unchanged."


async def test_one_wrong_field_leaves_the_others_their_answers(asker: Asker) -> None:
    await fill(asker)
    answer = await asker.answer('{metrics {name} node(id: "x") {id} plant(code: "p") {code}}')
    assert answer["data"] == {"metrics": [{"name": "x"}], "node": None, "plant": {"code": "p"}}
    (error,) = answer["errors"]
    assert error["path"] == ["node"]
    assert error["locations"]


async def test_variables_of_the_wrong_kind_and_unknown_words_are_coded(asker: Asker) -> None:
    for query, variables, code in (
        ("query ($path: String!) {machine(path: $path) {id}}", {}, "BAD_USER_INPUT"),
        ("query ($path: String!) {machine(path: $path) {id}}", {"path": None}, "BAD_USER_INPUT"),
        ("query ($path: String!) {machine(path: $path) {id}}", {"path": [1]}, "BAD_USER_INPUT"),
        ("query ($first: Int) {plants(first: $first) {totalCount}}", {"first": 2**40}, "BAD_USER_INPUT"),
        ("query ($f: MachineFilter) {machines(filter: $f) {totalCount}}", {"f": {"plnt": "p"}}, "BAD_USER_INPUT"),
        ("{plants(first: 1.5) {totalCount}}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{plant {code}}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{plants {edges}}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{plants {totalCount}", {}, "GRAPHQL_PARSE_FAILED"),
        ("query A {__typename} query B {__typename}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query {__typename}", {}, "GRAPHQL_VALIDATION_FAILED"),
    ):
        faults = await asker.faults(query, **variables)
        assert {fault.code for fault in faults} == {code}, (query, faults)


async def test_what_an_asker_cannot_mend_is_masked_and_stands_in_the_log_once(asker: Asker) -> None:
    await asker.send(*(columns(f"p/l/m{number}", "x", [(BASE, 1.0)]) for number in range(5)))
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.text("ALTER TABLE latest RENAME COLUMN value TO hidden"))
    with capture_logs() as logs:
        answer = await asker.answer("{machines {edges {node {path series {latest {value}}}}} metrics {name}}")
    failures = [entry for entry in logs if entry["log_level"] == "error"]
    numbers = {error["extensions"]["id"] for error in answer["errors"]}
    assert [entry["id"] for entry in failures] == list(numbers)
    assert "value" in failures[0]["error"]
    assert len(answer["errors"]) == 5
    for error in answer["errors"]:
        assert error["message"] == f"Internal error {failures[0]['id']}."
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert failures[0]["id"] in error["extensions"]["hint"]
    text = str(answer)
    assert not any(word in text for word in ("hidden", "psycopg", "SELECT", "Traceback"))
    assert answer["data"]["metrics"] == [{"name": "x"}]
    assert [edge["node"]["series"] for edge in answer["data"]["machines"]["edges"]] == [[{"latest": None}]] * 5
