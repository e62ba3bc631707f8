"""A client that costs little: requests made beforehand go out over connections that are kept, and answers come back."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Self

_LARGEST_HEAD = 1 << 22
"""Also what a reader takes in before it pauses the sender."""


class Refused(Exception):
    """An answer that a measurement has no use for."""


def request(method: str, target: str, token: str = "", body: bytes = b"", kind: str = "text/plain") -> bytes:
    """A whole request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if body else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_LARGEST_HEAD))

    async def ask(self, raw: bytes) -> bytes:
        """The body of the answer; Refused unless its status is 200 or 204."""
        self._writer.write(raw)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length or 0))
        if status not in (200, 204):
            raise Refused(f"{status}: {body[:300].decode(errors='replace')}")
        return body

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def ask_once(port: int, raw: bytes) -> bytes:
    connection = await Connection.open(port)
    try:
        return await connection.ask(raw)
    finally:
        await connection.close()


async def send_all(port: int, requests: Sequence[Sequence[bytes]]) -> float:
    """Seconds until everything is answered; each sequence goes over a connection of its own, one by one."""
    connections = [await Connection.open(port) for _ in requests]

    async def send(connection: Connection, own: Sequence[bytes]) -> None:
        for raw in own:
            await connection.ask(raw)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for connection, own in zip(connections, requests, strict=True):
            tasks.create_task(send(connection, own))
    seconds = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    return seconds


async def rate(port: int, requests: Sequence[Sequence[bytes]], seconds: float) -> float:
    """Requests answered a second; each connection goes through its own over and over until the time is up."""
    started = time.perf_counter()
    return len(await durations(port, requests, seconds)) / (time.perf_counter() - started)


async def durations(port: int, requests: Sequence[Sequence[bytes]], seconds: float) -> list[float]:
    """Seconds that each answer took, asked as above; at least one a connection."""
    connections = [await Connection.open(port) for _ in requests]
    taken: list[float] = []
    until = time.perf_counter() + seconds

    async def ask(connection: Connection, own: Sequence[bytes]) -> None:
        for raw in cycle(own):
            began = time.perf_counter()
            await connection.ask(raw)
            ended = time.perf_counter()
            taken.append(ended - began)
            if ended >= until:
                return

    async with asyncio.TaskGroup() as tasks:
        for connection, own in zip(connections, requests, strict=True):
            tasks.create_task(ask(connection, own))
    for connection in connections:
        await connection.close()
    return taken
