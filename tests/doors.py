"""Clients of a service with settings of a test's own: through its doors in memory, or as bare ASGI messages."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import orjson
from starlette.types import ASGIApp, Message

from app.domain.access import Role
from app.http.listening import taken_address
from app.main import House, application, open_service
from app.observe import Observer
from app.settings import Settings
from app.store.database import Database

HERE = "http://127.0.0.1:8000"


@asynccontextmanager
async def open_client(house: House, *, loopback_only: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole service; with `loopback_only=False` it asks for tokens."""
    async with open_service(house, loopback_only=loopback_only) as service:
        transport = httpx.ASGITransport(application(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, timeout=60) as client:
            yield client


def house_of(database: Database, **settings: Any) -> House:
    return House(database, Settings(**settings), Observer())


@asynccontextmanager
async def reached(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a real connection that takes in little: what waits for it waits at the service."""
    small = httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)])
    plain = {"Accept-Encoding": "identity"}
    async with (
        listening(house) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers=plain, transport=small) as client,
    ):
        yield client


async def token_for(house: House, role: Role, plant: str | None = None) -> dict[str, str]:
    """The headers that carry a new token."""
    token = await house.access.create(f"{role.value} of {plant}", role, plant)
    return {"Authorization": f"Bearer {token}"}


async def bare(
    app: ASGIApp, path: str, pieces: Iterable[bytes | None], *, ends: bool, **headers: str | None
) -> tuple[int, dict[str, str], Any]:
    """A POST whose body comes in these pieces; without `ends` it stalls after them."""
    given = {"host": "127.0.0.1:8000", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
    }  # fmt: skip
    messages = iter(
        [
            {"type": "http.disconnect"} if piece is None else {"type": "http.request", "body": piece, "more_body": True}
            for piece in pieces
        ]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        message = next(messages, None)
        if message is None and ends:
            return {"type": "http.request", "body": b"", "more_body": False}
        if message is None:
            await anyio.sleep_forever()
        return message or {}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, orjson.loads(body) if body else None


@asynccontextmanager
async def listening(house: House, *, loopback_only: bool = True) -> AsyncIterator[str]:
    """The address of a service that really listens."""
    told = asyncio.Event()
    async with taken_address("127.0.0.1", 0) as address, open_service(house, loopback_only=loopback_only) as service:
        serving = asyncio.create_task(address.serve(application(service), told.set, lambda: None))
        await told.wait()
        try:
            yield address.url
        finally:
            serving.cancel()
            await asyncio.wait([serving])
