"""What a database tells of itself to whoever has to help: each question by itself, so that none hides another."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import LiteralString

import psycopg
import sqlalchemy
from psycopg.rows import dict_row

from app.domain.instants import instant
from app.errors import LinegraphError
from app.store.database import Database
from app.store.policies import PolicyStore
from app.store.state import StateReader

Answer = object
"""What JSON can hold, and instants and durations."""

SERVER: LiteralString = """
SELECT version() AS version, current_database() AS database, pg_database_size(current_database()) AS bytes,
    pg_postmaster_start_time() AS started_at, clock_timestamp() AS clock, pg_is_in_recovery() AS standby,
    (SELECT jsonb_object_agg(extname, extversion) FROM pg_extension) AS extensions,
    (SELECT version_num FROM alembic_version) AS schema
"""
COUNTS: LiteralString = """
SELECT (SELECT count(*) FROM plants) AS plants, (SELECT count(*) FROM lines) AS lines,
    (SELECT count(*) FROM machines) AS machines, (SELECT count(*) FROM metrics) AS metrics,
    (SELECT count(*) FROM series) AS series, (SELECT count(*) FROM series WHERE machine_id IS NULL) AS unmapped,
    (SELECT count(*) FROM series_labels) AS labels, (SELECT count(*) FROM refusals) AS refusals,
    (SELECT count(*) FROM counter_events) AS counter_events, (SELECT count(*) FROM revisions) AS revisions
"""
TOKENS: LiteralString = "SELECT role, revoked, count(*) FROM tokens GROUP BY role, revoked ORDER BY role, revoked"
UNMAPPED: LiteralString = """
SELECT unmapped_reason AS reason, count(*) AS series FROM series WHERE machine_id IS NULL
GROUP BY unmapped_reason ORDER BY count(*) DESC LIMIT 30
"""
REFUSALS: LiteralString = """
SELECT source, reason, count(*) AS pieces, sum(times)::bigint AS times, min(first_at) AS first_at,
    max(last_at) AS last_at
FROM refusals GROUP BY source, reason ORDER BY max(last_at) DESC LIMIT 30
"""
SESSIONS: LiteralString = """
SELECT coalesce(state, backend_type) AS state, wait_event_type AS waits_for, count(*),
    max(extract(epoch FROM clock_timestamp() - xact_start))::float8 AS longest_transaction_seconds
FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1, 2 ORDER BY 1, 2
"""
TABLES: LiteralString = """
SELECT relname AS name, n_live_tup AS rows, n_dead_tup AS dead_rows, last_autovacuum, last_autoanalyze
FROM pg_stat_user_tables ORDER BY pg_table_size(relid) DESC LIMIT 30
"""
# Commands that run others, connection strings and settings of other programs may hold secrets: that they are set is
# told, what they are is not.
SETTINGS: LiteralString = """
SELECT name, CASE WHEN name ~* 'command|conninfo|pass|secret|token|key|library'
        AND name NOT IN ('shared_preload_libraries', 'password_encryption')
        OR name LIKE '%.%' AND name !~ '^(timescaledb|pg_stat_statements|auto_explain|plpgsql)[.]'
    THEN '(set, not shown)' ELSE setting END AS value, unit, boot_val AS "default", source, pending_restart
FROM pg_settings WHERE source NOT IN ('default', 'override', 'client') AND setting IS DISTINCT FROM boot_val
ORDER BY name
"""
STATEMENTS_KEPT: LiteralString = "SELECT to_regclass('pg_stat_statements') IS NOT NULL"
# Constants of these are written as $1; those of other commands, such as ALTER ROLE, would be told.
STATEMENTS: LiteralString = """
SELECT left(query, 2000) AS statement, calls, rows, mean_exec_time AS mean_milliseconds,
    total_exec_time AS total_milliseconds
FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query ~* '^\\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|CALL refresh_)\\M'
ORDER BY total_exec_time DESC LIMIT 20
"""


class Diagnosis:
    """Asks about the state of a database, and about the server that it is on."""

    def __init__(self, database: Database) -> None:
        # No question waits for ever: somebody who has trouble is waiting for the answer.
        self._database = database.timed

    async def answers(self) -> dict[str, Answer]:
        """By question; `{"error": ...}` stands for an answer that there is not."""
        questions: Mapping[str, Callable[[], Awaitable[Answer]]] = {
            "server": lambda: self._rows(SERVER),
            "state": self._state,
            "counters": self._counters,
            "policies": self._policies,
            "counts": lambda: self._rows(COUNTS),
            "tokens": lambda: self._rows(TOKENS),
            "unmapped_series": lambda: self._rows(UNMAPPED),
            "refusals": lambda: self._rows(REFUSALS),
            "sessions": lambda: self._rows(SESSIONS),
            "tables": lambda: self._rows(TABLES),
            "settings_that_are_not_the_default": lambda: self._rows(SETTINGS),
            "slow_statements": self._statements,
        }
        return {name: await _answered(ask) for name, ask in questions.items()}

    async def _rows(self, statement: LiteralString) -> list[dict[str, Answer]]:
        async with (
            self._database.driver(autocommit=True) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            return list(await (await cursor.execute(statement)).fetchall())

    async def _state(self) -> Answer:
        state = await StateReader(self._database).state()
        watermarks = {tier: instant(watermark) for tier, watermark in state.watermarks.items()}
        jobs = [asdict(job) for job in state.jobs]
        return {**asdict(state), "watermarks": watermarks, "lag": await self._lag(watermarks), "jobs": jobs}

    async def _lag(self, watermarks: Mapping[str, datetime]) -> Answer:
        """Seconds by the server's clock, whichever is right."""
        [row] = await self._rows("SELECT clock_timestamp() AS now")
        now = row["now"]
        return {tier: (now - at).total_seconds() for tier, at in watermarks.items() if isinstance(now, datetime)}

    async def _counters(self) -> Answer:
        counters = await StateReader(self._database).counters()
        since = instant(counters.known_since) if counters.known_since else None
        return {**counters._asdict(), "known_since": since}

    async def _policies(self) -> Answer:
        return {name: policy._asdict() for name, policy in (await PolicyStore(self._database).all()).items()}

    async def _statements(self) -> Answer:
        async with self._database.driver(autocommit=True) as connection:
            [(kept,)] = await (await connection.execute(STATEMENTS_KEPT)).fetchall()
        return await self._rows(STATEMENTS) if kept else "the extension pg_stat_statements is not installed"


async def _answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await ask()
    except (LinegraphError, psycopg.Error, sqlalchemy.exc.DBAPIError) as error:
        return {"error": str(error)}
