"""Policies as the store keeps them, and what they ask for: chunks dropped, chunks moved to the columnstore."""

from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString

from app.domain.instants import instant, microseconds, width
from app.domain.policy import Policy, check_policies
from app.domain.tiers import LONG_AGO, SOURCES, TIERS
from app.errors import BadInput
from app.store.database import Database
from app.store.engines import CHUNK, TABLES

ALL: LiteralString = "SELECT name, keep, columnstore_after FROM tiers"
SET: LiteralString = "UPDATE tiers SET keep = %s, columnstore_after = %s WHERE name = %s"
EDGES: LiteralString = """
SELECT (SELECT min(watermark) FROM tiers WHERE name <> 'RAW'), gone_before FROM tiers WHERE name = %s
"""
# Writers hold this row FOR SHARE: no batch that is open brings rows back into what goes, and none that comes later may.
GO: LiteralString = "UPDATE tiers SET gone_before = greatest(gone_before, %s) WHERE name = %s"
# Local days live as long as the coarsest tier.
DAYS_GO: LiteralString = "DELETE FROM local_days WHERE ends <= %s"
NOTED: LiteralString = "SELECT EXISTS (SELECT FROM touched WHERE starts < %s)"


class PolicyStore:
    """Reads, sets and carries out policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Policy]:
        """By name, raw readings first."""
        async with self._database.driver(autocommit=True) as connection:
            rows = await (await connection.execute(ALL)).fetchall()
        found = {name: Policy(keep, after) for name, keep, after in rows}
        return {name: found[name] for name in SOURCES}

    async def set(self, changes: Mapping[str, Policy]) -> None:
        """All or nothing; BadInput where they make no sense together with those that stay."""
        policies = await self.all() | dict(changes)
        check_policies(policies)
        if not self._database.engine.columnstore and any(policy.columnstore_after for policy in policies.values()):
            raise BadInput("Plain PostgreSQL has no columnstore.", "Leave columnstore-after out, or use TimescaleDB.")
        async with self._database.driver() as connection:
            for name, policy in changes.items():
                await connection.execute(SET, (*policy, name))

    async def carry_out(self, now: datetime) -> list[str]:
        """One turn: drops what is older than it is kept, and moves at most one chunk to the columnstore; what was
        done, in words."""
        done, moved = [], False
        for name, policy in (await self.all()).items():
            if policy.keep is not None:
                done += await self._drop(name, now - policy.keep)
            if policy.columnstore_after is not None and not moved:
                moved = await self._compress(name, now - policy.columnstore_after)
                done += [f"moved a chunk of {name} to the columnstore"] if moved else []
        return done

    async def _drop(self, name: str, before: datetime) -> list[str]:
        """Whole chunks of readings alone: behind every watermark, and with all that was noted refreshed."""
        chunk = width(CHUNK)
        async with self._database.driver(autocommit=True) as connection:
            watermark, gone = (await (await connection.execute(EDGES, (name,))).fetchall())[0]
            edge = instant(max(min(microseconds(before), microseconds(watermark)) // chunk * chunk, LONG_AGO))
            if edge > gone:
                await connection.execute(GO, (edge, name))
                if name == TIERS[-1].name:
                    await connection.execute(DAYS_GO, (edge,))
            noted = (await (await connection.execute(NOTED, (max(edge, gone),))).fetchall())[0][0]
            if noted or not await self._database.engine.drop_before(connection, TABLES[name], max(edge, gone)):
                return []
        return [f"dropped {name} before {max(edge, gone):%Y-%m-%d}"]

    async def _compress(self, name: str, before: datetime) -> bool:
        async with self._database.driver(autocommit=True) as connection:
            return await self._database.engine.move_to_columnstore(connection, TABLES[name], before)
