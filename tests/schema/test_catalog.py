"""The catalog as askers see it: structure, pages that hold each item once, and nothing where nothing is."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.instants import SECOND, microseconds
from app.store.tables import lines, machine_type_metrics, machine_types, machines, metrics, plants
from tests.asker import Asker, columns, unmapped

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))


async def fill(asker: Asker, paths: list[str], *names: str) -> None:
    """Machines at these paths, each with one reading of every named metric."""
    await asker.send(*(columns(path, name, [(BASE, 1.0)]) for path in paths for name in names or ("speed",)))


async def change(asker: Asker, *statements: sa.Executable) -> None:
    async with asker.house.database.begin() as transaction:
        for statement in statements:
            await transaction.execute(statement)


async def pages(asker: Asker, field: str, node: str, first: int, **variables: Any) -> list[Any]:
    """All nodes of a connection, page by page; what every page must say is checked on the way."""
    kind = {"machines": "$filter: MachineFilter", "plants": "", "unmappedSeries": "$search: String"}[field]
    given = {"machines": "filter: $filter", "plants": "", "unmappedSeries": "search: $search"}[field]
    query = (
        f"query ($first: Int, $after: String, {kind}) {{ page: {field}(first: $first, after: $after, {given})"
        f" {{ totalCount edges {{ cursor node {node} }}"
        " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    )
    found: list[Any] = []
    after, totals, going = None, set(), True
    while going:
        page = (await asker.data(query, first=first, after=after, **variables))["page"]
        info, edges = page["pageInfo"], page["edges"]
        assert info["hasPreviousPage"] is (after is not None)
        assert (info["startCursor"], info["endCursor"]) == (
            (edges[0]["cursor"], edges[-1]["cursor"]) if edges else (None, None)
        )
        assert len(edges) == first or not info["hasNextPage"]
        found += [edge["node"] for edge in edges]
        totals.add(page["totalCount"])
        after, going = info["endCursor"], info["hasNextPage"]
    assert totals == {len(found)}
    return found


async def test_the_structure_is_told_from_every_end(asker: Asker) -> None:
    await asker.define("temperature", display_name="Temperature", unit="Cel", description="At the nozzle.")
    await fill(asker, ["p1/l2/m1", "p1/l1/m3", "p1/l1/m1", "p1/l1/m2", "p2/l1/m1"], "temperature", "status")
    async with asker.house.database.begin() as transaction:
        kind = await transaction.scalar(sa.insert(machine_types).values(name="robot").returning(machine_types.c.id))
        known = {row.name: row.id for row in await transaction.execute(sa.select(metrics))}
        await transaction.execute(
            sa.insert(machine_type_metrics),
            [{"machine_type_id": kind, "metric_id": known[name]} for name in ("temperature", "status")],
        )
        first_line = sa.select(lines.c.id).join(plants).where(plants.c.code == "p1", lines.c.code == "l1")
        here = machines.c.line_id == first_line.scalar_subquery()
        await transaction.execute(
            sa.update(machines).where(here, machines.c.code == "m3").values(position=0, machine_type_id=kind)
        )
        await transaction.execute(
            sa.update(plants)
            .where(plants.c.code == "p1")
            .values(name="Plant 1", time_zone="America/Detroit", attributes={"a": [1, {"b": None}], "ä": 2**63 - 1})
        )
    data = await asker.data(
        """{
          plant(code: "p1") {
            code name path timeZone attributes
            lines { path plant { code } machines { code } }
            machines { path }
          }
          line(path: "p1/l1") { code name path attributes plant { name } machines { code line { path } } }
          machine(path: "p1/l1/m3") {
            code name path attributes plant { code } line { code }
            type { name metrics { name displayName unit kind description } }
            series { metric { name } machine { path } unit }
            some: series(metrics: ["temperature", "nothing"]) { metric { name } }
            none: series(metrics: []) { id }
          }
          other: machine(path: "p1/l1/m1") { type { name } }
          metrics { name kind }
        }"""
    )
    assert data["plant"] == {
        "code": "p1",
        "name": "Plant 1",
        "path": "p1",
        "timeZone": "America/Detroit",
        "attributes": {"a": [1, {"b": None}], "ä": 2**63 - 1},
        "lines": [
            {"path": "p1/l1", "plant": {"code": "p1"}, "machines": [{"code": "m3"}, {"code": "m1"}, {"code": "m2"}]},
            {"path": "p1/l2", "plant": {"code": "p1"}, "machines": [{"code": "m1"}]},
        ],
        "machines": [{"path": path} for path in ("p1/l1/m3", "p1/l1/m1", "p1/l1/m2", "p1/l2/m1")],
    }
    assert data["line"]["attributes"] == {}
    assert data["line"]["plant"] == {"name": "Plant 1"}
    assert [each["line"]["path"] for each in data["line"]["machines"]] == ["p1/l1"] * 3
    robot = data["machine"]
    assert (robot["plant"], robot["line"], robot["attributes"]) == ({"code": "p1"}, {"code": "l1"}, {})
    temperature = {
        "name": "temperature",
        "displayName": "Temperature",
        "unit": "Cel",
        "kind": "GAUGE",
        "description": "At the nozzle.",
    }
    status = {"name": "status", "displayName": "status", "unit": None, "kind": "GAUGE", "description": None}
    assert robot["type"] == {"name": "robot", "metrics": [status, temperature]}
    assert [series["metric"]["name"] for series in robot["series"]] == ["status", "temperature"]
    assert [series["unit"] for series in robot["series"]] == [None, "Cel"]
    assert {series["machine"]["path"] for series in robot["series"]} == {"p1/l1/m3"}
    assert robot["some"] == [{"metric": {"name": "temperature"}}]
    assert robot["none"] == []
    assert data["other"] == {"type": None}
    assert data["metrics"] == [{"name": "status", "kind": "GAUGE"}, {"name": "temperature", "kind": "GAUGE"}]


async def test_what_is_not_there_is_null_or_empty_and_never_an_error(asker: Asker) -> None:
    query = """query ($it: String!) {
      plant(code: $it) { code } line(path: $it) { code } machine(path: $it) { code }
      machines(filter: {plant: $it}) { totalCount edges { cursor } pageInfo { hasNextPage endCursor } }
      byLine: machines(filter: {line: $it}) { totalCount } byType: machines(filter: {type: $it}) { totalCount }
      bySearch: machines(filter: {search: $it}) { totalCount } unmappedSeries(search: $it) { totalCount }
    }"""
    empty = {"totalCount": 0}
    nothing = {
        "plant": None,
        "line": None,
        "machine": None,
        "machines": {"totalCount": 0, "edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        **dict.fromkeys(("byLine", "byType", "bySearch", "unmappedSeries"), empty),
    }
    await fill(asker, ["p/l/m"])
    for text in ("nobody", "no/body", "p/l/m/x", "p//l", "p/l/", "\x00", "p\x00", "'; --", "ä" * 5_000, "\\", "P"):
        data = await asker.data(query, it=text)
        if text in ("P", "p/l/"):  # a search does not mind the case, and takes a piece of a path
            assert data["bySearch"] == {"totalCount": 1}
            data["bySearch"] = empty
        assert data == nothing, text
    data = await asker.data('{machine(path: "p/l/m") {series(metrics: ["nothing"]) {id}} metrics {name}}')
    assert data == {"machine": {"series": []}, "metrics": [{"name": "speed"}]}


async def test_walking_all_pages_gives_each_item_once_in_order(asker: Asker) -> None:
    paths = sorted(f"p{plant}/l{line}/m{number}" for plant in range(3) for line in range(2) for number in range(4))
    await fill(asker, list(reversed(paths)))
    for size in (1, 5, 24, 500):
        assert [node["path"] for node in await pages(asker, "machines", "{ path }", size)] == paths
        assert [node["code"] for node in await pages(asker, "plants", "{ code }", size)] == ["p0", "p1", "p2"]
    data = await asker.data("{machines(first: null) {edges {node {path}}} plants {edges {node {code}}}}")
    assert [edge["node"]["path"] for edge in data["machines"]["edges"]] == paths
    cursor = (await asker.data("{machines(first: 3) {pageInfo {endCursor}}}"))["machines"]["pageInfo"]["endCursor"]
    await change(asker, sa.update(machines).values(name="renamed"))
    query = "query ($after: String) {machines(first: 2, after: $after) {edges {node {path}}}}"
    page = (await asker.data(query, after=cursor))["machines"]
    assert [edge["node"]["path"] for edge in page["edges"]] == paths[3:5]


async def test_machines_are_found_by_plant_line_type_and_a_piece_of_text(asker: Asker) -> None:
    paths = ["a/press/robot_1", "a/press/robot-1", "a/paint/100", "b/press/robotx1", "b/press/Z_9"]
    await fill(asker, paths)
    async with asker.house.database.begin() as transaction:
        kind = await transaction.scalar(sa.insert(machine_types).values(name="50% robot").returning(machine_types.c.id))
        await transaction.execute(
            sa.update(machines)
            .where(machines.c.code.in_(["100", "Z_9"]))
            .values(machine_type_id=kind, name="Ofen 7 (Süd) 100%\\")
        )

    async def found(**wanted: str) -> list[str]:
        return [node["path"] for node in await pages(asker, "machines", "{ path }", 2, filter=wanted)]

    assert await found() == sorted(paths)
    assert await found(plant="a") == sorted(path for path in paths if path.startswith("a/"))
    assert await found(line="press", plant="b") == sorted(path for path in paths if path.startswith("b/press"))
    assert await found(type="50% robot") == ["a/paint/100", "b/press/Z_9"]
    assert await found(type="50% robot", plant="b", line="press", search="z_") == ["b/press/Z_9"]
    assert await found(search="_") == ["a/press/robot_1", "b/press/Z_9"]
    assert await found(search="t_1") == ["a/press/robot_1"]
    assert await found(search="%") == await found(search="100%\\") == ["a/paint/100", "b/press/Z_9"]
    assert await found(search="ROBOT-") == ["a/press/robot-1"]
    assert await found(search="s/robot") == ["a/press/robot-1", "a/press/robot_1", "b/press/robotx1"]
    assert await found(search="SüD") == ["a/paint/100", "b/press/Z_9"]
    assert await found(search="") == sorted(paths)
    assert await found(search="/%") == await found(search="\\\\") == await found(search="/", type="r") == []


async def test_ids_are_answered_in_the_order_asked_with_null_for_what_is_not_there(asker: Asker) -> None:
    await fill(asker, ["p/l/m", "p/l/n"], "a", "b")
    data = await asker.data(
        '{plant(code: "p") {id lines {id machines {id series {id}}}} again: machine(path: "p/l/m") {id}}'
    )
    plant = data["plant"]["id"]
    line = data["plant"]["lines"][0]
    first, second = line["machines"]
    series = [each["id"] for machine in (first, second) for each in machine["series"]]
    ids = [second["id"], plant, series[2], line["id"], first["id"], plant, series[0]]
    assert len({*ids, *series}) == 8
    assert data["again"]["id"] == first["id"]
    query = """query ($ids: [ID!]!) {nodes(ids: $ids) {
      id __typename ... on Plant {code} ... on Line {path} ... on Machine {path} ... on Series {metric {name}}
    }}"""
    nodes = (await asker.data(query, ids=ids))["nodes"]
    assert [node["id"] for node in nodes] == ids
    kinds = ["Machine", "Plant", "Series", "Line", "Machine", "Plant", "Series"]
    assert [node["__typename"] for node in nodes] == kinds
    assert nodes[0]["path"] == "p/l/n"
    assert nodes[2]["metric"] == {"name": "a"}
    query = "query ($ids: [ID!]!) {series(ids: $ids) {id machine {path} metric {name}}}"
    wanted = [series[3], series[0], series[3], series[1]]
    found = (await asker.data(query, ids=wanted))["series"]
    assert [each["id"] for each in found] == wanted
    assert [(each["machine"]["path"], each["metric"]["name"]) for each in found] == [
        ("p/l/n", "b"), ("p/l/m", "a"), ("p/l/n", "b"), ("p/l/m", "b"),
    ]  # fmt: skip
    assert (await asker.data("query ($ids: [ID!]!) {series(ids: $ids) {id} nodes(ids: $ids) {id}}", ids=[])) == {
        "series": [],
        "nodes": [],
    }
    gone = "c2VyaWVzOjk5OTk"  # series:9999
    data = await asker.data(
        "query ($ids: [ID!]!, $gone: ID!) {series(ids: $ids) {id} nodes(ids: $ids) {id} node(id: $gone) {id}}",
        ids=[gone, series[1]],
        gone=gone,
    )
    assert data == {"series": [None, {"id": series[1]}], "nodes": [None, {"id": series[1]}], "node": None}
    data = await asker.data("query ($id: ID!) {node(id: $id) {id ... on Line {machines {code}}}}", id=line["id"])
    assert data == {"node": {"id": line["id"], "machines": [{"code": "m"}, {"code": "n"}]}}


async def test_unmapped_series_come_busiest_first_with_reasons_search_and_pages(asker: Asker) -> None:
    counts = {"plc1.temp_a": 3, "plc1.temp%b": 7, "plc2.tempXa": 3, "PLC2.speed": 1, "plc3.q": 7}
    await asker.send(
        *(unmapped(name, [(BASE + at * SECOND, at) for at in range(count)]) for name, count in counts.items()),
        columns("p/l/m", "speed", [(BASE, 1)]),
    )
    response = await asker.client.post("/api/v2/write", content=f"m,plant=p,line=l v=1 {BASE}000")
    assert response.status_code == 204
    named = list(counts)
    expected = ["plc1.temp%b", "plc3.q", "plc1.temp_a", "plc2.tempXa", "PLC2.speed", "m,line=l,plant=p v"]
    assert sorted(named[:5]) == sorted(expected[:5])
    for size in (1, 2, 50):
        nodes = await pages(asker, "unmappedSeries", "{ source unmappedReason metric { name } machine { path } }", size)
        assert [node["source"] for node in nodes] == expected
        assert nodes[-1]["unmappedReason"] == "the tag machine is missing"
        assert all(node["metric"] is node["machine"] is None for node in nodes)

    async def found(search: str) -> list[str]:
        return [node["source"] for node in await pages(asker, "unmappedSeries", "{ source }", 2, search=search)]

    assert await found("temp") == ["plc1.temp%b", "plc1.temp_a", "plc2.tempXa"]
    assert await found("p_a") == ["plc1.temp_a"]
    assert await found("%") == ["plc1.temp%b"]
    assert await found("plc2") == ["plc2.tempXa", "PLC2.speed"]
    assert await found("nothing") == []


async def test_labels_are_the_codes_that_texts_were_given(asker: Asker) -> None:
    await asker.send(
        columns("p/l/m", "state", [(BASE + at * SECOND, text) for at, text in enumerate(["run", "idle", "run", "ü"])]),
        columns("p/l/m", "door", [(BASE, True)]),
        columns("p/l/m", "speed", [(BASE, 1.0)]),
    )
    data = await asker.data('{machine(path: "p/l/m") {series {metric {name kind} labels {code text}}}}')
    found = {series["metric"]["name"]: series for series in data["machine"]["series"]}
    assert found["state"]["labels"] == [
        {"code": 0, "text": "run"},
        {"code": 1, "text": "idle"},
        {"code": 2, "text": "ü"},
    ]
    assert found["door"]["labels"] == [{"code": 0, "text": "false"}, {"code": 1, "text": "true"}]
    assert found["speed"]["labels"] == []
    assert {name: series["metric"]["kind"] for name, series in found.items()} == {
        "state": "STATE",
        "door": "STATE",
        "speed": "GAUGE",
    }


async def test_questions_at_the_same_time_keep_their_answers_apart(asker: Asker) -> None:
    paths = [f"p/l/m{number}" for number in range(20)]
    await fill(asker, paths)
    query = "query ($path: String!) {machine(path: $path) {path series {machine {path}}}}"
    answers = await asyncio.gather(*(asker.data(query, path=path) for path in paths))
    assert [answer["machine"] for answer in answers] == [
        {"path": path, "series": [{"machine": {"path": path}}]} for path in paths
    ]
