"""What each job that runs by itself did last, and its last error: seen from every process, and after a restart."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from app.store.database import Database

ENDED: LiteralString = """
INSERT INTO jobs (name, ended_at, seconds, did) VALUES (%(name)s, now(), %(seconds)s, %(did)s)
ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at, seconds = excluded.seconds, did = excluded.did
"""
FAILED: LiteralString = """
INSERT INTO jobs (name, failed_at, error) VALUES (%(name)s, now(), %(error)s)
ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error
"""
ALL: LiteralString = "SELECT name, ended_at, seconds, did, failed_at, error FROM jobs ORDER BY name"

LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Job:
    """The last run that ended, and the last that failed, if there were any."""

    name: str
    ended_at: datetime | None
    seconds: float | None
    did: str | None
    failed_at: datetime | None
    error: str | None


class JobLog:
    """Keeps one row a job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended(self, name: str, seconds: float, did: str) -> None:
        await self._write(ENDED, {"name": name, "seconds": seconds, "did": did})

    async def failed(self, name: str, error: str) -> None:
        await self._write(FAILED, {"name": name, "error": error.replace("\x00", "")[:LONGEST_ERROR]})

    async def all(self) -> list[Job]:
        async with self._database.driver(autocommit=True) as connection:
            rows = await (await connection.execute(ALL)).fetchall()
        return [Job(*row) for row in rows]

    async def _write(self, statement: LiteralString, parameters: dict[str, object]) -> None:
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(statement, parameters)
