"""Bodies that come to /graphql and are no request: each is refused with a code and a hint, and none breaks anything."""

import gzip
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio

OLD, NEW = "application/json", "application/graphql-response+json"
JSON = {"content-type": "application/json"}


def error(response: httpx.Response) -> dict[str, Any]:
    """The only error of an answer without data."""
    body = response.json()
    assert "data" not in body
    (found,) = body["errors"]
    assert isinstance(found["message"], str)
    return dict(found["extensions"])


BODIES = {
    "nothing": b"",
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
    "a list": b"[]",
    "a batch": b'[{"query": "{__typename}"}]',
    "no query": b"{}",
    "a null query": b'{"query": null}',
    "a list for a query": b'{"query": ["{__typename}"]}',
    "an empty query": b'{"query": ""}',
    "not UTF-8": b"\xff\xfe",
    "not UTF-8 in the query": b'{"query": "{__typename} #\xff"}',
    "not UTF-8 in a variable": b'{"query": "{__typename}", "variables": {"a": "\xc3\x28"}}',
    "a lone surrogate": b'{"query": "{__typename} # \\ud800 "}',
    "a lone low surrogate": b'{"query": "{__typename} # \\udc00 "}',
    "a surrogate as bytes": b'{"query": "{__typename} # \xed\xa0\x80"}',
    "a surrogate in a variable": b'{"query": "{__typename}", "variables": {"a": "\\ud800 "}}',
    "brackets": b"[" * 100_000,
    "brackets in variables": b'{"query": "{__typename}", "variables": {"a": ' + b"[" * 100_000 + b"}}",
    "closed brackets": b'{"query": "{__typename}", "variables": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    "braces": b'{"variables": ' + b'{"a":' * 100_000,
    "a long number": b'{"query": ' + b"9" * 100_000 + b"}",
    "a long number in a variable": b'{"query": "{__typename}", "variables": {"a": ' + b"9" * 100_000 + b"}}",
    "a list of variables": b'{"query": "{__typename}", "variables": []}',
    "a text of variables": b'{"query": "{__typename}", "variables": "{}"}',
    "a number for a name": b'{"query": "{__typename}", "operationName": 1}',
    "a list of extensions": b'{"query": "{__typename}", "extensions": []}',
    "a text of extensions": b'{"query": "{__typename}", "extensions": "{}"}',
    "no query but a name": b'{"operationName": "Q", "variables": {}, "extensions": {}}',
    "a hash of another kind": b'{"extensions": {"persistedQuery": {"version": 1, "md5Hash": "0"}}}',
    "a batch of hashes": b'[{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0"}}}]',
    "a number of 5,000 digits": b'{"query": "{__typename}", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "a byte order mark": b'\xef\xbb\xbf{"query": "{__typename}"}',
    "NaN": b'{"query": "{__typename}", "variables": {"a": NaN}}',
    "a number beyond all": b'{"query": "{__typename}", "variables": {"a": 1e400}}',
    "half a body": b'{"query": "{__typena',
    "two bodies": b'{"query": "{__typename}"}{"query": "{__typename}"}',
}


async def test_bodies_that_are_no_request_are_refused_and_never_break_anything(client: httpx.AsyncClient) -> None:
    for name, body in BODIES.items():
        for accept in (OLD, NEW):
            response = await client.post("/graphql", content=body, headers={**JSON, "accept": accept})
            assert response.status_code == 400, (name, response.text)
            assert error(response)["code"] == "BAD_USER_INPUT", name
            assert ("Batches are not taken" in error(response)["hint"]) is body.startswith(b"["), name
    packed = {**JSON, "content-encoding": "gzip"}
    for body in (
        b'{"query": "{__typename}"}',
        gzip.compress(b'{"query": "{__typename}"}')[:-4],
        gzip.compress(b"null"),
    ):
        response = await client.post("/graphql", content=body, headers=packed)
        assert (response.status_code, error(response)["code"]) == (400, "BAD_USER_INPUT")
    response = await client.post("/graphql", content=gzip.compress(b'{"query": "{__typename}"}'), headers=packed)
    assert response.json() == {"data": {"__typename": "Query"}}
    for packing in ("br", "gzip, gzip", "x" * 1_000):
        response = await client.post("/graphql", content=b"{}", headers={**JSON, "content-encoding": packing})
        assert (response.status_code, error(response)["code"]) == (400, "BAD_USER_INPUT")
    for body in (
        b'{"query": "{__typename}", "variables": null, "operationName": null, "extensions": null}',
        b'{"query": "{__typename}", "variables": {}, "unknown": {"a": [1]}, "id": 7}',
        b' \n{"query": "{__typename}"}\n',
    ):
        response = await client.post("/graphql", content=body, headers=JSON)
        assert response.json() == {"data": {"__typename": "Query"}}, body


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    body=st.fixed_dictionaries(
        {"query": st.sampled_from(["{__typename}", "query ($a: String) {plant(code: $a) {code}}", "{"]) | ANYTHING},
        optional={"variables": st.dictionaries(st.sampled_from("ab"), ANYTHING) | ANYTHING, "operationName": ANYTHING},
    ),
    accept=st.sampled_from([OLD, NEW]),
)
async def test_any_json_is_answered_with_data_or_coded_errors(
    client: httpx.AsyncClient, body: dict[str, Any], accept: str
) -> None:
    content = json.dumps(body).encode()
    response = await client.post("/graphql", content=content, headers={**JSON, "accept": accept})
    assert response.status_code in (200, 400)
    answer = response.json()
    assert "data" in answer or answer["errors"]
    assert all(each["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for each in answer.get("errors", []))
