"""What kind of server a database is on, and whether Linegraph can run there."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import UnsupportedServer
from app.store.trouble import AT_FIRST, translated

OLDEST_SERVER = 15
OLDEST_TIMESCALE = (2, 20)


@dataclass(frozen=True, slots=True)
class ServerKind:
    """What a server says of itself; `timescale` and `license` are None without the extension. On Linux it can notice
    while a statement runs that its client has gone."""

    version: str
    major: int
    timescale: str | None
    license: str | None
    linux: bool = False

    @property
    def extension(self) -> tuple[int, ...]:
        """Major and minor version of TimescaleDB; empty without it."""
        return tuple(int(part) for part in (self.timescale or "").split("-")[0].split(".")[:2] if part)

    @property
    def sentence(self) -> str:
        extension = f" with TimescaleDB {self.timescale}" if self.timescale else " without TimescaleDB"
        return f"PostgreSQL {self.version}{extension}"


def unsupported(kind: ServerKind) -> UnsupportedServer | None:
    """The reason why Linegraph cannot run on such a server, or None."""
    if kind.major < OLDEST_SERVER:
        return UnsupportedServer(
            f"The database is PostgreSQL {kind.version}; Linegraph needs {OLDEST_SERVER} or newer.",
            f"Install PostgreSQL 18 or another from {OLDEST_SERVER} on, move the data with pg_upgrade, start again.",
        )
    if kind.timescale is None:
        return None
    if kind.extension < OLDEST_TIMESCALE:
        return UnsupportedServer(
            f"The database has TimescaleDB {kind.timescale}; Linegraph needs 2.20 or newer.",
            "Install a newer timescaledb package and run ALTER EXTENSION timescaledb UPDATE.",
        )
    if kind.license == "apache":
        return UnsupportedServer(
            "The database has the Apache-only build of TimescaleDB, which lacks continuous aggregates.",
            "Install the community build (package timescaledb-2-postgresql-N, image timescale/timescaledb), or set"
            " timescaledb.license = 'timescale' where that build is installed.",
        )
    return None


async def server_kind(engine: AsyncEngine) -> ServerKind:
    """Asks the server; a hypertable can only be read where its extension is installed in the database."""
    with translated(AT_FIRST):
        async with engine.connect() as connection:
            answer = await connection.exec_driver_sql(
                "SELECT split_part(current_setting('server_version'), ' ', 1) AS version,"
                " current_setting('server_version_num')::int / 10000 AS major,"
                " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,"
                " current_setting('timescaledb.license', true) AS license,"
                " version() LIKE '%%linux%%' AS linux"
            )
            row = answer.mappings().one()
    return ServerKind(**row)
