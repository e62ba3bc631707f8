"""Persisted documents over HTTP: by POST and GET, taught by the first request that runs, or listed by the operator."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.errors import SettingInvalid
from app.store.database import Database
from tests.doors import house_of, open_client, token_for

pytestmark = pytest.mark.anyio

OLD, NEW = "application/json", "application/graphql-response+json"
QUERY = "query Q($code: String!) {plant(code: $code) {code}} query R {__typename}"
R, Q = {"__typename": "Query"}, {"plant": None}


def hashed(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}


def in_url(**parts: Any) -> dict[str, str]:
    return {name: part if isinstance(part, str) else json.dumps(part) for name, part in parts.items()}


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["extensions"]["hint"]
    return str(error["extensions"]["code"])


async def test_a_document_is_asked_by_its_hash_once_it_has_run(client: httpx.AsyncClient) -> None:
    extensions = hashed(QUERY)
    for accept, status in ((OLD, 200), ("*/*", 200), (NEW, 400)):
        for response in (
            await client.post("/graphql", json={"extensions": extensions}, headers={"accept": accept}),
            await client.post("/graphql", json={"query": "", "extensions": extensions}, headers={"accept": accept}),
            await client.get("/graphql", params=in_url(extensions=extensions), headers={"accept": accept}),
        ):
            assert (response.status_code, code(response)) == (status, "PERSISTED_QUERY_NOT_FOUND")
            assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"
            assert response.headers["content-type"].startswith(NEW if accept == NEW else OLD)
            assert response.headers["cache-control"] == "no-store"
    failing = {"query": QUERY, "extensions": extensions, "operationName": "Q"}
    await client.post("/graphql", json=failing)
    response = await client.post("/graphql", json={"extensions": extensions})
    assert code(response) == "PERSISTED_QUERY_NOT_FOUND", "it was wrong, and was not learned"
    taught = await client.post("/graphql", json={"query": QUERY, "extensions": extensions, "operationName": "R"})
    assert taught.json()["data"] == R
    for name, variables, data in (("R", None, R), ("Q", {"code": "x"}, Q)):
        asked = {"extensions": extensions, "operationName": name, "variables": variables}
        assert (await client.post("/graphql", json=asked)).json()["data"] == data
        assert (await client.get("/graphql", params=in_url(**asked))).json()["data"] == data
    # What several operations need said is asked for as ever.
    response = await client.post("/graphql", json={"extensions": extensions})
    assert code(response) == "GRAPHQL_VALIDATION_FAILED"


async def test_a_hash_that_is_not_the_documents_is_refused(client: httpx.AsyncClient) -> None:
    wrong: list[dict[str, Any]] = [
        {"query": "{__typename}", "extensions": hashed("{ __typename }")},
        {"query": "{__typename}", "extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"query": "{__typename}", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 63}}},
        {"query": "{__typename}", "extensions": {"persistedQuery": "x"}},
        {"extensions": {"persistedQuery": None}},
        {"extensions": {}},
    ]
    for asked in wrong:
        for accept in (OLD, NEW):
            for response in (
                await client.post("/graphql", json=asked, headers={"accept": accept}),
                await client.get("/graphql", params=in_url(**asked), headers={"accept": accept}),
            ):
                assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")
    response = await client.post("/graphql", json={"extensions": hashed("{ __typename }")})
    assert code(response) == "PERSISTED_QUERY_NOT_FOUND"
    for extensions in ("[]", "1", '"x"', "{", "[" * 20_000):
        response = await client.get("/graphql", params={"query": "{__typename}", "extensions": extensions})
        assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")


async def test_a_mutation_stays_one_behind_its_hash(client: httpx.AsyncClient) -> None:
    mutation = "mutation {__typename}"
    taught = await client.post("/graphql", json={"query": mutation, "extensions": hashed(mutation)})
    assert taught.json() == {"data": {"__typename": "Mutation"}}
    for method in ("GET", "HEAD"):
        response = await client.request(method, "/graphql", params=in_url(extensions=hashed(mutation)))
        assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_what_was_got_may_be_kept_and_asked_after(client: httpx.AsyncClient) -> None:
    await client.post("/graphql", json={"query": "{__typename}", "extensions": hashed("{__typename}")})
    address = httpx.URL("/graphql", params=in_url(extensions=hashed("{__typename}")))
    got = await client.get(address)
    tag = got.headers["etag"]
    assert got.headers["cache-control"] == "private, no-cache"
    assert {"accept", "authorization"} <= {each.strip().lower() for each in got.headers["vary"].split(",")}
    for known in (tag, f'"other", {tag}'):
        again = await client.get(address, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for other in ('W/"0"', "", "*,"):
        assert (await client.get(address, headers={"if-none-match": other})).status_code == 200
    posted = await client.post("/graphql", json={"query": "{__typename}"}, headers={"if-none-match": tag})
    assert posted.status_code == 200


async def test_who_may_not_read_teaches_nothing(database: Database) -> None:
    house = house_of(database)
    asked = {"query": "{__typename}", "extensions": hashed("{__typename}")}
    async with open_client(house, loopback_only=False) as client:
        assert (await client.post("/graphql", json=asked)).status_code == 401
        writer, viewer = await token_for(house, Role.WRITER), await token_for(house, Role.VIEWER)
        assert (await client.post("/graphql", json=asked, headers=writer)).status_code == 403
        by_hash = {"extensions": asked["extensions"]}
        assert (await client.post("/graphql", json=by_hash)).status_code == 401
        response = await client.post("/graphql", json=by_hash, headers=viewer)
        assert code(response) == "PERSISTED_QUERY_NOT_FOUND"
        assert (await client.post("/graphql", json=asked, headers=viewer)).json()["data"] == R
        engineer = await token_for(house, Role.ENGINEER)
        assert (await client.post("/graphql", json=by_hash, headers=engineer)).json()["data"] == R
        assert (await client.post("/graphql", json=by_hash, headers=writer)).status_code == 403


async def test_nothing_but_the_list_is_run(database: Database, tmp_path: Path) -> None:
    (tmp_path / "page.graphql").write_text(f"{QUERY}\n")
    house = house_of(database, allowed_documents=tmp_path)
    async with open_client(house) as client:
        for asked in ({"query": QUERY}, {"query": f"{QUERY}\n"}, {"extensions": hashed(QUERY)}):
            response = await client.post("/graphql", json={**asked, "operationName": "R"})
            assert response.json()["data"] == R
            response = await client.get("/graphql", params=in_url(**asked, operationName="Q", variables={"code": "x"}))
            assert response.json()["data"] == Q
        for query in ("{__typename}", "{__schema {types {name}}}", "{nonsense}", "{", "mutation {__typename}"):
            refused = {"query": query, "extensions": hashed(query)}
            for accept, status in ((OLD, 200), (NEW, 400)):
                headers = {"accept": accept}
                for response in (
                    await client.post("/graphql", json={"query": query}, headers=headers),
                    await client.post("/graphql", json=refused, headers=headers),
                    await client.get("/graphql", params={"query": query}, headers=headers),
                ):
                    assert (response.status_code, code(response)) == (status, "FORBIDDEN")
                    assert "LINEGRAPH_ALLOWED_DOCUMENTS" in response.json()["errors"][0]["extensions"]["hint"]
            response = await client.post("/graphql", json={"extensions": hashed(query)})
            assert code(response) == "PERSISTED_QUERY_NOT_FOUND", "nothing was learned"
        response = await client.post("/graphql", json={"query": QUERY, "extensions": hashed("x")})
        assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")
    with pytest.raises(SettingInvalid, match="nowhere cannot be read"):
        async with open_client(house_of(database, allowed_documents=tmp_path / "nowhere")):
            pass
