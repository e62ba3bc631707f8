"""What a server was told: statements counted where they arrive, in its own log."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from app.store.database import open_database
from tests.asker import Asker, asking
from tests.engines import TestServer

LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): \s*(.*(?:\n\t.*)*)")
"""Many statements begin with a new line; every further line begins with a tab."""
PLUMBING = re.compile(r"BEGIN|COMMIT|ROLLBACK|DEALLOCATE|;|SELECT 1\Z|\Z")


class Log:
    """What the server was told between two marks."""

    def __init__(self, asker: Asker, path: Path) -> None:
        self._asker = asker
        self._path = path
        self._marks = 0

    async def statements(self, query: str, **variables: object) -> list[str]:
        """The statements that answer a question, transactions aside."""
        return (await self.answered(query, **variables))[1]

    async def answered(self, query: str, **variables: object) -> tuple[Any, list[str]]:
        """The whole answer too."""
        return await self.during(self._asker.answer(query, **variables))

    async def during(self, work: Awaitable[Any], *, forgotten: bool = True) -> tuple[Any, list[str]]:
        """What some work gives, and its statements; what is remembered of the catalog from before is `forgotten`."""
        begins = await self._mark(forgotten=forgotten)
        answer = await work
        ends = await self._mark(forgotten=False)
        between = self._path.read_text(encoding="utf-8", errors="replace").split(begins)[1].split(ends)[0]
        found = [match[1] for match in LOGGED.finditer(between)]
        return answer, [text for text in found[:-1] if not PLUMBING.match(text)]

    async def _mark(self, *, forgotten: bool) -> str:
        self._marks += 1
        mark = f"mark {id(self)} {self._marks} ends"
        async with self._asker.house.database.begin() as transaction:
            if forgotten:
                await transaction.execute(sa.text("UPDATE catalog_version SET version = version + 1"))
            await transaction.execute(sa.text(f"/* {mark} */ SELECT 1"))
        for _ in range(200):
            if mark in self._path.read_text(encoding="utf-8", errors="replace"):
                return mark
            await asyncio.sleep(0.02)
        raise TimeoutError("the server's log does not show what it was told")


@asynccontextmanager
async def watched(server: TestServer, url: str, **settings: Any) -> AsyncIterator[tuple[Asker, Log]]:
    """A service whose server logs every statement of its database."""
    if server.log is None:
        pytest.skip("the log of this server is not ours to read")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        await connection.execute(SQL("ALTER DATABASE {} SET log_statement = 'all'").format(Identifier(name)))
    async with open_database(url) as database, asking(database, **settings) as asker:
        await _worker_rests(asker)
        yield asker, Log(asker, server.log)


async def _worker_rests(asker: Asker) -> None:
    """Its first turn is over, which ends with word of how things stand: what follows is told by those who ask."""
    for _ in range(6_000):
        if b"linegraph_tier_lag_seconds{" in asker.house.observer.metrics():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("the worker's first turn does not end")
