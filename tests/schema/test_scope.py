"""A token that is bound to a plant sees that plant, whichever way it asks, and nothing of the others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.access import Role
from app.domain.instants import microseconds
from app.store.database import Database
from tests.asker import asking, columns, unmapped
from tests.doors import token_for

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
EVERYTHING = """{
  plants {totalCount edges {node {id code lines {id path machines {id path plant {code} line {path} series {id}}}}}}
  machines {totalCount edges {node {path}}}
  unmappedSeries {totalCount edges {node {id source}}}
}"""


async def test_a_token_bound_to_a_plant_sees_only_that_plant(database: Database) -> None:
    async with asking(database, loopback_only=False) as asker:

        async def ask(headers: dict[str, str], query: str, **variables: object) -> Any:
            body = {"query": query, "variables": variables}
            response = await asker.client.post("/graphql", json=body, headers=headers)
            answer = response.json()
            assert "errors" not in answer, answer
            return answer["data"]

        writer = await token_for(asker.house, Role.WRITER)
        series = [columns(path, "x", [(BASE, 1.0)]) for path in ("a/l/m", "a/l/n", "b/l/m", "b/k/m")]
        body = {"series": [*series, unmapped("tag", [(BASE, 1.0)])]}
        assert (await asker.client.post("/api/v1/readings", json=body, headers=writer)).status_code == 200
        everybody = await token_for(asker.house, Role.VIEWER)
        bound = await token_for(asker.house, Role.VIEWER, "a")

        whole, mine = await ask(everybody, EVERYTHING), await ask(bound, EVERYTHING)
        assert whole["plants"]["totalCount"] == 2
        assert whole["machines"]["totalCount"] == 4
        assert whole["unmappedSeries"]["totalCount"] == 1
        assert mine["plants"] == {"totalCount": 1, "edges": whole["plants"]["edges"][:1]}
        assert mine["machines"]["totalCount"] == 2
        assert [edge["node"]["path"] for edge in mine["machines"]["edges"]] == ["a/l/m", "a/l/n"]
        assert mine["unmappedSeries"] == {"totalCount": 0, "edges": []}

        other = whole["plants"]["edges"][1]["node"]
        machines = [machine for line in other["lines"] for machine in line["machines"]]
        theirs = [other["id"], *(line["id"] for line in other["lines"]), *(machine["id"] for machine in machines)]
        tags = [whole["unmappedSeries"]["edges"][0]["node"]["id"], *(s["id"] for m in machines for s in m["series"])]
        own = mine["plants"]["edges"][0]["node"]["lines"][0]["machines"][0]
        query = (
            "query ($nodes: [ID!]!, $series: [ID!]!) {nodes(ids: $nodes) {id} series(ids: $series) {id latest {value}}}"
        )
        asked: dict[str, Any] = {"nodes": [*theirs, *tags, own["id"]], "series": [*tags, own["series"][0]["id"]]}
        found = await ask(bound, query, **asked)
        assert [node and node["id"] for node in found["nodes"]] == [None] * len(theirs + tags) + [own["id"]]
        assert found["series"] == [None] * len(tags) + [{"id": own["series"][0]["id"], "latest": {"value": 1.0}}]
        assert all((await ask(everybody, query, **asked))["nodes"])

        names = """query ($plant: String!, $line: String!, $machine: String!, $id: ID!) {
          plant(code: $plant) {code} line(path: $line) {path} machine(path: $machine) {path} node(id: $id) {id}
          machines(filter: {plant: $plant}) {totalCount edges {cursor}}
          lines: machines(filter: {line: "k"}) {totalCount} search: machines(filter: {search: "b/"}) {totalCount}
        }"""
        asked = {"plant": "b", "line": "b/k", "machine": "b/k/m", "id": theirs[0]}
        nothing = {"totalCount": 0}
        assert await ask(bound, names, **asked) == {
            **dict.fromkeys(("plant", "line", "machine", "node")),
            "machines": {**nothing, "edges": []},
            **dict.fromkeys(("lines", "search"), nothing),
        }
        assert (await ask(everybody, names, **asked))["machines"]["totalCount"] == 2
        page = "query ($after: String) {machines(first: 1, after: $after) {pageInfo {endCursor hasNextPage}}}"
        first = (await ask(bound, page))["machines"]["pageInfo"]
        last = (await ask(bound, page, after=first["endCursor"]))["machines"]["pageInfo"]
        assert (first["hasNextPage"], last["hasNextPage"]) == (True, False)


async def test_who_may_not_read_gets_no_data(database: Database) -> None:
    async with asking(database, loopback_only=False) as asker:
        writer = await token_for(asker.house, Role.WRITER)
        response = await asker.client.post("/graphql", json={"query": "{__typename}"}, headers=writer)
        assert response.status_code == 403
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "data" not in response.json()
