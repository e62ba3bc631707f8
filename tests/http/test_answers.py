"""Errors as HTTP answers: JSON with a code and a way out at every door, and at addresses that are none."""

from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.main import House
from app.store.database import Database
from tests.doors import house_of, open_client, token_for

pytestmark = pytest.mark.anyio

COLUMNS = {"series": [{"source": "a", "times": [1], "values": ["x", []]}]}


async def test_an_address_at_which_nothing_is_tells_where_the_doors_are(client: httpx.AsyncClient) -> None:
    ways = {
        "/api": "/api/v1/readings",
        "/api/v9/write": "/api/v2/write (line protocol) or /api/v1/readings (JSON), questions to /graphql;",
        "/api/v2/query": "Flux are not answered here: questions go to /graphql.",
        "/query?db=x&q=SHOW+DATABASES": "Flux are not answered here: questions go to /graphql.",
        "/nowhere": "Questions go to /graphql, readings to",
        "/static/nothing.js": "Questions go to /graphql",
    }
    for path, way in ways.items():
        for method in ("GET", "POST") if not path.startswith("/static") else ("GET",):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
            assert answer.json()["message"].startswith(f"There is no {path.partition('?')[0]}. ")
            assert way in answer.json()["message"], answer.text
            assert answer.headers["content-type"] == "application/json"


async def test_a_method_that_a_door_does_not_answer_is_told_the_one_that_it_does(client: httpx.AsyncClient) -> None:
    doors = {
        "/api/v2/write": {"POST"}, "/write": {"POST"}, "/api/v1/readings": {"POST"}, "/healthz": {"GET", "HEAD"},
        "/metrics": {"GET", "HEAD"},
    }  # fmt: skip
    for path, allowed in doors.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - allowed:
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED"), (method, path)
            assert set(answer.headers["Allow"].split(", ")) == allowed
            assert answer.json()["message"] == f"{path} does not answer {method}. Send {' or '.join(sorted(allowed))}."
    answer = await client.put("/graphql")
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "METHOD_NOT_ALLOWED", "hint": "Send GET or HEAD or POST."}


async def test_a_mutation_by_get_is_told_to_come_by_post(client: httpx.AsyncClient) -> None:
    for query in ("mutation {x}", "mutation M {x: __typename}"):
        answer = await client.get("/graphql", params={"query": query})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        (error,) = answer.json()["errors"]
        assert error["message"] == "A mutation cannot be sent by GET."
        assert error["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    answer = await client.get("/graphql", params={"query": "query Q {__typename} mutation M {x}", "operationName": "M"})
    assert answer.status_code == 405


async def test_every_refusal_has_a_code_and_a_message(client: httpx.AsyncClient) -> None:
    refused: list[tuple[httpx.Response, int, str]] = [
        (await client.post("/api/v1/readings", json=COLUMNS), 400, "BAD_USER_INPUT"),
        (await client.post("/api/v1/readings", content=b"{"), 400, "BAD_USER_INPUT"),
        (await client.post("/api/v2/write", content=b"m"), 400, "invalid"),
        (await client.post("/write?precision=y", content=b"m"), 400, "BAD_USER_INPUT"),
        (await client.post("/write", content=b"m", headers={"Host": "elsewhere"}), 403, "FORBIDDEN"),
        (await client.post("/write", content=b"m", headers={"Content-Encoding": "br"}), 400, "BAD_USER_INPUT"),
    ]
    for answer, status, code in refused:
        said: dict[str, Any] = answer.json()
        assert (answer.status_code, said["code"]) == (status, code)
        assert len(said["message"]) > 20


async def test_a_missing_token_is_told_the_role_that_its_door_needs(house: House, database: Database) -> None:
    async with open_client(house_of(database), loopback_only=False) as client:
        for given in ({}, {"Authorization": "Bearer lg_unknown"}):
            for path in ("/api/v2/write", "/write", "/api/v1/readings"):
                answer = await client.post(path, content=b"m value=1", headers=given)
                assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
                assert "`linegraph token create NAME --role writer`" in answer.json()["message"], path
            asked = await client.post("/graphql", json={"query": "{__typename}"}, headers=given)
            assert "--role viewer`" in asked.json()["errors"][0]["extensions"]["hint"]
            assert "--role viewer`" in (await client.get("/metrics", headers=given)).json()["message"]
        viewer = await token_for(house, Role.VIEWER)
        answer = await client.post("/write", content=b"m value=1", headers=viewer)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert "role writer" in answer.json()["message"]
