"""The two engines: what differs between TimescaleDB and plain PostgreSQL, and nothing else.

An engine makes the fragments that differ (`first` and `last` of an aggregate), and counts, makes, drops and packs
chunks. Everything else is one statement for both.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import LiteralString, Protocol

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from app.domain.instants import EPOCH
from app.domain.tiers import HOURS, MINUTES, QUARTERS, RAW, SIX_HOURS

CHUNK = timedelta(days=7)
"""Width of a chunk or partition, aligned to 1970-01-01 on both engines."""

Connection = AsyncConnection[TupleRow]


TABLES: dict[str, LiteralString] = {
    RAW: "readings", MINUTES.name: "readings_1m", QUARTERS.name: "readings_15m", HOURS.name: "readings_1h",
    SIX_HOURS.name: "readings_6h",
}  # fmt: skip
"""What answers a part of a plan; the hours and minutes of a tier stand in its column `bucket`."""

# Bit 8 of the status: rows have come to the chunk since it was moved.
TO_COLUMNSTORE: LiteralString = """
SELECT chunk FROM timescaledb_information.chunks, format('%%I.%%I', chunk_schema, chunk_name) AS chunk
WHERE hypertable_name = coalesce((SELECT materialization_hypertable_name
        FROM timescaledb_information.continuous_aggregates WHERE view_name = %(table)s), %(table)s)
    AND range_end <= %(before)s
    AND (NOT is_compressed OR _timescaledb_functions.chunk_status(chunk::regclass) & 8 > 0)
ORDER BY range_start LIMIT 1
"""


class Engine(Protocol):
    """One of the two makers."""

    name: str
    columnstore: bool
    """Whether there is one."""

    def first(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        """SQL: the `value` of the row with the lowest `by`, of rows that are `where`."""

    def last(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        """SQL: the `value` of the row with the highest `by`, of rows that are `where`."""

    async def chunks(self, connection: Connection) -> set[int]:
        """Numbers (since 1970, in chunk widths) of the chunks of `readings` that exist."""

    async def open_chunks(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Makes room for readings of these chunks, where the engine does not do so by itself."""

    async def prepare_changes(self, connection: Connection) -> None:
        """Before rows are changed in the transaction that is open, wherever they lie."""

    async def size(self, connection: Connection, table: LiteralString) -> int:
        """Bytes of the readings or of a tier, with indexes and all chunks."""

    async def chunk_counts(self, connection: Connection) -> tuple[int, int]:
        """How many chunks of `readings` there are, and how many of them are in the columnstore."""

    async def drop_before(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        """Drops the chunks that end by then; whether there were any. `connection` is in autocommit."""

    async def move_to_columnstore(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        """Moves the oldest chunk that ends by then and lies in rows, or in part; whether there was one."""


class Timescale:
    """Hypertable and continuous aggregate."""

    name = "timescaledb"
    columnstore = True

    def first(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        return f"first({value}, {by}) FILTER (WHERE {where})"

    def last(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        return f"last({value}, {by}) FILTER (WHERE {where})"

    async def chunks(self, connection: Connection) -> set[int]:
        rows = await connection.execute(
            "SELECT range_start FROM timescaledb_information.chunks WHERE hypertable_name = 'readings'"
            " AND hypertable_schema = current_schema()"
        )
        return {(start - EPOCH) // CHUNK for (start,) in await rows.fetchall()}

    async def open_chunks(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Nothing to do: a hypertable makes its chunks as rows arrive."""

    async def prepare_changes(self, connection: Connection) -> None:
        # A correction in the columnstore unpacks up to a thousand rows: 5,000 over many series are beyond the usual
        # limit of 100,000. A batch is bounded by itself.
        await connection.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")

    async def size(self, connection: Connection, table: LiteralString) -> int:
        return await _number(connection, "SELECT hypertable_size(%s::regclass)", table)

    async def chunk_counts(self, connection: Connection) -> tuple[int, int]:
        rows = await connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE is_compressed) FROM timescaledb_information.chunks"
            " WHERE hypertable_name = 'readings' AND hypertable_schema = current_schema()"
        )
        chunks, compressed = (await rows.fetchall())[0]
        return chunks, compressed

    async def drop_before(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        rows = await connection.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", (table, before))
        return bool(await rows.fetchall())

    async def move_to_columnstore(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        rows = await connection.execute(TO_COLUMNSTORE, {"table": table, "before": before})
        row = await rows.fetchone()
        if row is None:
            return False
        await connection.execute("CALL convert_to_columnstore(%s::regclass)", row)
        return True


class Plain:
    """Partitioned table and rollup table."""

    name = "postgresql"
    columnstore = False

    def first(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        return f"(array_agg({value} ORDER BY {by}) FILTER (WHERE {where}))[1]"

    def last(self, value: LiteralString, by: LiteralString, where: LiteralString) -> LiteralString:
        return f"(array_agg({value} ORDER BY {by} DESC) FILTER (WHERE {where}))[1]"

    async def chunks(self, connection: Connection) -> set[int]:
        rows = await connection.execute(
            "SELECT substr(relname, 12)::int FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'readings'::regclass"
        )
        return {number for (number,) in await rows.fetchall()}

    async def open_chunks(self, connection: Connection, numbers: Iterable[int]) -> None:
        # The function takes a lock that serialises makers; ATTACH lets readers and writers go on.
        await connection.execute(
            "SELECT open_readings_partition(number) FROM unnest(%s::int[]) AS number", (list(numbers),)
        )

    async def prepare_changes(self, connection: Connection) -> None:
        """Nothing to do: all rows lie open."""

    async def size(self, connection: Connection, table: LiteralString) -> int:
        return await _number(
            connection,
            "SELECT pg_total_relation_size(its.oid) + coalesce((SELECT sum(pg_total_relation_size(relid))"
            " FROM pg_partition_tree(its.oid) WHERE isleaf AND relid <> its.oid), 0)::bigint"
            " FROM pg_class AS its WHERE its.oid = %s::regclass",
            table,
        )

    async def chunk_counts(self, connection: Connection) -> tuple[int, int]:
        return len(await self.chunks(connection)), 0

    async def drop_before(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        if table != TABLES[RAW]:
            deleted = await connection.execute(SQL("DELETE FROM {} WHERE bucket < %s").format(SQL(table)), (before,))
            return deleted.rowcount > 0
        chunks = [number for number in await self.chunks(connection) if EPOCH + (number + 1) * CHUNK <= before]
        for number in sorted(chunks):
            partition = Identifier(f"readings_p_{number}")
            # Readers and writers go on meanwhile.
            await connection.execute(SQL("ALTER TABLE readings DETACH PARTITION {} CONCURRENTLY").format(partition))
            await connection.execute(SQL("DROP TABLE {}").format(partition))
        return bool(chunks)

    async def move_to_columnstore(self, connection: Connection, table: LiteralString, before: datetime) -> bool:
        return False


async def _number(connection: Connection, statement: LiteralString, table: LiteralString) -> int:
    row = await (await connection.execute(statement, (table,))).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
