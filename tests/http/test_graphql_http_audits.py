"""A real service before clients of others: the audits of graphql-http, Apollo with its hashes, urql as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

import anyio
import pytest

from app.domain.access import Role
from app.http.listening import taken_address
from app.main import application, open_service
from app.store.database import Database
from tests.doors import house_of, token_for
from tests.javascript import Clients

pytestmark = pytest.mark.anyio


class Served(NamedTuple):
    host: str
    port: int
    token: str

    @property
    def environment(self) -> dict[str, str]:
        return {"URL": f"http://{self.host}:{self.port}/graphql", "TOKEN": self.token}


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Served]:
    """The service on a free port, which asks for tokens."""
    house, listening = house_of(database), anyio.Event()
    headers = await token_for(house, Role.VIEWER)
    async with taken_address("127.0.0.1", 0) as address, open_service(house) as service:
        serving = asyncio.create_task(address.serve(application(service), listening.set, lambda: None))
        try:
            with anyio.fail_after(10):
                await listening.wait()
            yield Served(address.host, address.port, headers["Authorization"].removeprefix("Bearer "))
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


async def test_every_audit_of_graphql_http_passes(clients: Clients, served: Served) -> None:
    audits = await clients.run("audits.mjs", **served.environment)
    failed = [f"{each['id']} {each['name']}: {each['reason']}" for each in audits if each["status"] != "ok"]
    assert failed == []
    words = [each["name"].partition(" ")[0] for each in audits]
    assert {word: words.count(word) for word in set(words)} == {"MUST": 13, "SHOULD": 23, "MAY": 25}


async def test_apollos_hashes_and_urqls_many_media_types_are_understood(clients: Clients, served: Served) -> None:
    runs = await clients.run("apollo.mjs", **served.environment)
    media_type = "application/graphql-response+json; charset=utf-8"
    for method, name in (("POST", "posted"), ("GET", "got")):
        assert runs[method]["answers"] == [{"plant": None, name: "Query"}] * 2
        (first, asked, status, kind), (_, taught, *_), *_ = runs[method]["sent"]
        assert (first, asked, status, kind, taught) == (method, False, 400, media_type, True)
        assert runs[method]["sent"][2:] == [[method, False, 200, media_type]], "the hash is enough"

    for method in ("POST", "GET"):
        seen = await clients.run("urql.mjs", **served.environment, METHOD=method)
        assert "text/event-stream" in seen["accept"]
        assert (seen["data"], seen["error"], seen["method"], seen["got"]) == ({"plant": None}, None, method, media_type)


async def test_what_no_client_library_would_send_is_refused(served: Served) -> None:
    head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {served.token}\r\nConnection: close\r\n".encode()
    sent = {
        b"GET /graphql?query={__typename}%23\xff HTTP/1.1\r\n": 400,
        b"GET /graphql?query=%7B__typename%7D%23%FF HTTP/1.1\r\n": 400,
        b"GET /graphql?query=%7B__typename%7D%23%ED%A0%80 HTTP/1.1\r\n": 400,
        b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nAccept: */*;q=0\r\n": 406,
        b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nAccept: text/plain\r\nAccept: */*\r\n": 200,
        b"BREW /graphql HTTP/1.1\r\n": 400,  # uvicorn's own refusal
        b"TRACE /graphql HTTP/1.1\r\n": 405,
        b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4\r\n": 400,
    }
    for line, status in sent.items():
        body = b"null" if b"Content-Length" in line else b""
        async with await anyio.connect_tcp(served.host, served.port) as stream:
            await stream.send(line + head + b"\r\n" + body)
            assert int((await stream.receive())[9:12]) == status, line
