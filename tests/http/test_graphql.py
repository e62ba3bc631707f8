"""GraphQL over HTTP as the specification has it: methods, media types and statuses."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.domain.access import Role
from app.store.database import Database
from tests.doors import house_of, open_client, token_for

pytestmark = pytest.mark.anyio

OLD, NEW = "application/json", "application/graphql-response+json"
JSON = {"content-type": "application/json"}
URQL = f"{NEW}, application/graphql+json, {OLD}, text/event-stream, multipart/mixed"


def error(response: httpx.Response) -> dict[str, Any]:
    """The only error of an answer without data."""
    body = response.json()
    assert "data" not in body
    (found,) = body["errors"]
    assert isinstance(found["message"], str)
    return dict(found["extensions"])


async def test_the_media_type_decides_on_the_status_of_a_wrong_request(client: httpx.AsyncClient) -> None:
    wrong = [
        "{",
        "{nonsense}",
        "query A {__typename} query B {__typename}",
        "query ($x: Int!) {plants(first: $x) {totalCount}}",
    ]
    for accept, media_type, status in (
        (None, OLD, 200),
        ("*/*", OLD, 200),
        (OLD, OLD, 200),
        (f"{OLD}, {NEW}", OLD, 200),
        (NEW, NEW, 400),
        (f"{NEW}; charset=utf-8, {OLD};q=0.9", NEW, 400),
        (f"{OLD};q=0, */*", NEW, 400),
        (URQL, NEW, 400),
        ("text/html, application/xhtml+xml, */*;q=0.8", OLD, 200),
        ("a,;;,=,/", OLD, 200),
    ):
        headers = {"accept": accept} if accept else {}
        for query in wrong:
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            assert response.status_code == status
            assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert response.headers["vary"].lower().startswith("accept")
            assert error(response)["code"]
        for query, data in (("{__typename}", {"__typename": "Query"}), ('{node(id: "x") {id}}', {"node": None})):
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            assert (response.status_code, response.json()["data"]) == (200, data)
            assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


async def test_who_takes_neither_media_type_is_told_which_there_are(client: httpx.AsyncClient) -> None:
    for accept in ("text/html", "text/event-stream", "multipart/mixed", "*/*;q=0", f"{OLD};charset=utf-16"):
        for response in (
            await client.post("/graphql", json={"query": "{__typename}"}, headers={"accept": accept}),
            await client.get("/graphql", params={"query": "{__typename}"}, headers={"accept": accept}),
        ):
            assert (response.status_code, error(response)["code"]) == (406, "BAD_USER_INPUT"), accept
            assert NEW in error(response)["hint"]
    # What is wrong with a request itself is told in the media type that its asker takes, too.
    for headers, status in (({}, 415), ({"content-type": "text/plain"}, 415), (JSON, 400)):
        response = await client.post("/graphql", content=b"null", headers={**headers, "accept": URQL})
        assert (response.status_code, bool(error(response)["hint"])) == (status, True)
        assert response.headers["content-type"] == f"{NEW}; charset=utf-8"
    response = await client.put("/graphql", headers={"accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (405, f"{OLD}; charset=utf-8")


async def test_which_of_several_operations_runs_is_for_the_asker_to_say(client: httpx.AsyncClient) -> None:
    two = "query A {a: __typename} query B {b: __typename}"
    for name, data in (("A", {"a": "Query"}), ("B", {"b": "Query"})):
        for _ in range(2):  # the second time from the cache of documents
            response = await client.post("/graphql", json={"query": two, "operationName": name})
            assert response.json() == {"data": data}
    for body, message, hint in (
        ({"query": two}, "not clear", "A, B"),
        ({"query": two, "operationName": None}, "not clear", "A, B"),
        ({"query": two, "operationName": "C"}, "no operation 'C'", "A, B"),
        ({"query": "{__typename}", "operationName": "C"}, "no operation 'C'", "Write one"),
        ({"query": "fragment F on Query {__typename}"}, "not clear", "Write one"),
        ({"query": "type Query {a: Int}"}, "not clear", "Write one"),
        ({"query": "{__typename} {__typename}"}, "not clear", "Write one"),
    ):
        for _ in range(2):
            response = await client.post("/graphql", json=body, headers={"accept": NEW})
            assert response.status_code == 400
            assert message in response.json()["errors"][0]["message"]
            assert error(response)["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert hint in error(response)["hint"]
    response = await client.post("/graphql", json={"query": "query A {__typename}", "operationName": ""})
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_get_asks_queries_and_nothing_else(client: httpx.AsyncClient) -> None:
    query = "query Q($code: String!) {plant(code: $code) {code}} query R {__typename}"
    asked = {"query": query, "variables": '{"code": "x"}', "operationName": "Q"}
    for accept in (OLD, NEW):
        response = await client.get("/graphql", params=asked, headers={"accept": accept})
        assert (response.status_code, response.json()) == (200, {"data": {"plant": None}})
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        head = await client.head("/graphql", params=asked, headers={"accept": accept})
        assert (head.status_code, head.headers["content-type"], head.content) == (200, f"{accept}; charset=utf-8", b"")
    for kind in ("mutation", "subscription"):
        for method in ("GET", "POST"):
            given: dict[str, Any] = {"params" if method == "GET" else "json": {"query": f"{kind} {{x}}"}}
            response = await client.request(method, "/graphql", **given, headers={"accept": NEW})
            by_get = kind == "mutation" and method == "GET"
            assert response.status_code == (405 if by_get else 400)
            codes = ("METHOD_NOT_ALLOWED",) if by_get else ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")
            assert error(response)["code"] in codes
    for params in ({}, {"query": ""}, {"variables": "{}"}, {"query": "{__typename}", "variables": "[]"}):
        response = await client.get("/graphql", params=params)
        assert response.status_code == 400
        assert error(response)["code"] == "BAD_USER_INPUT"
        assert error(response)["hint"]
    twice: list[tuple[str, str | int | float | bool | None]] = [("query", "{__typename}"), ("query", "{a: __typename}")]
    for pairs in (twice, [*twice[:1], ("variables", "{}"), ("variables", "{}")]):
        response = await client.get("/graphql", params=pairs)
        assert (response.status_code, "once" in error(response)["hint"]) == (400, True)
    for variables in ("{", "1", "null", "", "[" * 20_000, "9" * 20_000, '{"a": "\\ud800"}'):
        response = await client.get("/graphql", params={"query": "{__typename}", "variables": variables})
        assert response.status_code == (200 if variables in ("null", "") else 400), variables[:20]


async def test_other_methods_and_content_types_are_told_what_to_send(client: httpx.AsyncClient) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        response = await client.request(method, "/graphql")
        assert response.status_code == 405
        assert {name.strip() for name in response.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "json",
        "",
        None,
        "application/json; charset=iso-8859-1",
        "application/json;charset=utf-16",
        NEW,
    ):
        headers = {} if kind is None else {"content-type": kind}
        response = await client.post("/graphql", content=b'{"query": "{__typename}"}', headers=headers)
        assert response.status_code == 415
        assert (error(response)["code"], bool(error(response)["hint"])) == ("BAD_USER_INPUT", True)
    for kind in (
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json; charset="utf-8"; x=y',
    ):
        response = await client.post("/graphql", content=b'{"query": "{__typename}"}', headers={"content-type": kind})
        assert response.json() == {"data": {"__typename": "Query"}}


async def test_the_page_is_open_and_the_data_is_closed(database: Database) -> None:
    house = house_of(database)
    async with open_client(house, loopback_only=False) as client:
        page = await client.get("/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "Content-Security-Policy" in page.headers
        ask: dict[str, Any] = {"json": {"query": "{__typename}"}}
        refused = [
            await client.post("/graphql", **ask),
            await client.get("/graphql", params={"query": "{__typename}"}),
            await client.get("/graphql", params={"query": "{__typename}"}, headers={"accept": "text/html"}),
            await client.post("/graphql", **ask, headers={"authorization": "Bearer nonsense"}),
            await client.post("/graphql", **ask, headers={"authorization": "Bearer"}),
            await client.post("/graphql", content=b"null", headers=JSON),
        ]
        for response in refused:
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert (error(response)["code"], bool(error(response)["hint"])) == ("UNAUTHENTICATED", True)
        headers = await token_for(house, Role.VIEWER)
        token = headers["Authorization"].removeprefix("Bearer ")
        for given in (headers, {"authorization": f"Token {token}"}, {"authorization": f"bearer  {token} "}):
            response = await client.post("/graphql", **ask, headers=given)
            assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_request_that_takes_too_long_is_stopped_and_its_connection_serves_again(database: Database) -> None:
    house = house_of(database, query_timeout=timedelta(seconds=1))
    ask = {"query": "{plants {totalCount} machines {totalCount}}"}
    async with open_client(house) as client:
        assert (await client.post("/graphql", json=ask)).status_code == 200
        async with database.begin() as transaction:
            await transaction.execute(sa.text("LOCK TABLE catalog_version"))
            waiting = await asyncio.gather(*(client.post("/graphql", json=ask) for _ in range(6)))
            for response in waiting:
                assert response.status_code == 408
                assert error(response)["code"] == "TOO_SLOW"
                assert "shorter range" in error(response)["hint"]
        answers = await asyncio.gather(*(client.post("/graphql", json=ask) for _ in range(6)))
        assert {answer.status_code for answer in answers} == {200}
        async with database.begin() as transaction:
            left = await transaction.scalar(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND state = 'active' AND query LIKE '%plants%'"
                )
            )
        assert left == 1, "only this question still runs: what was stopped here was stopped at the server as well"
