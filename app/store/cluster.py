"""The files of the embedded database: made once, as a whole or not at all, and the settings they are run with."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from app.errors import ServerTrouble
from app.store.account import Account
from app.store.data_folder import PORT, DataFolder
from app.store.installation import Installation
from app.store.server_log import explain

NAME = "linegraph"
"""Of the database and of its owner."""

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "logging_collector": "off",
    "log_destination": "stderr",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}
_TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "4",
    "max_worker_processes": "16",
}


BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""Letters beyond ASCII have their upper and lower case, and order stays that of the code points."""


async def make(folder: DataFolder, programs: Path, installation: Installation, account: Account) -> None:
    """Makes the files aside and moves them into place when they are whole; whatever goes wrong leaves nothing."""
    draft = folder.path / "pg.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        account.own(draft)
        # Trust is safe here only because nothing listens but a socket, in a folder that the server's user alone
        # may enter; a password would have to lie in that same folder.
        code, said = await account.run(
            programs / "initdb",
            *("-D", str(draft), "-U", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *(BUILTIN_LOCALE if installation.major >= 17 else ()),
            *("--data-checksums", "--no-instructions"),
        )
        if code != 0:
            raise explain(
                "The embedded database could not be made",
                said,
                folder.path,
                "See that the disk and the memory suffice.",
            )
        folder.note_maker(installation)
        draft.rename(folder.pg)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(folder.path)


async def settings(
    folder: DataFolder, programs: Path, installation: Installation, account: Account, sockets: Path
) -> Mapping[str, str]:
    """What the server runs with; fsync and synchronous_commit stay on, as an acknowledged reading is a stored one."""
    asked = ("-D", str(folder.pg), "-c", "wal_compression=lz4", "-C", "wal_compression")
    code, _ = await account.run(programs / "postgres", *asked)
    quoted = str(sockets).replace('"', '""')
    return {
        **_SETTINGS,
        "unix_socket_directories": f'"{quoted}"',
        "wal_compression": "lz4" if code == 0 else "on",
        **(_TIMESCALE if installation.engine == "timescaledb" else {}),
    }


async def make_database(sockets: Path) -> None:
    """Makes the database where it is missing still."""
    try:
        async with await psycopg.AsyncConnection.connect(
            host=str(sockets), port=PORT, user=NAME, dbname="postgres", autocommit=True
        ) as connection:
            known = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
            if await known.fetchone() is None:
                # Not from template1, which a background worker may be connected to.
                await connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(NAME)))
    except psycopg.Error as error:
        raise ServerTrouble(
            f"The embedded PostgreSQL runs, but its database cannot be opened: {str(error).strip()}",
            "Look into server.log in the data folder.",
        ) from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
