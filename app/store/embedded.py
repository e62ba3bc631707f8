"""The PostgreSQL that Linegraph starts for itself in its data folder, shares with its other processes, and stops."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import anyio

from app.errors import ServerTrouble
from app.store import choice, cluster, postmaster
from app.store.account import Account, account_for
from app.store.data_folder import PORT, DataFolder, Maker, disk_trouble
from app.store.installation import Installation
from app.store.locks import Use, exclusive, only_service
from app.store.patience import Patience
from app.store.upkeep import keep_up

Announce = Callable[[str], None]
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready; `url` suits libpq and SQLAlchemy's psycopg dialect alike."""

    url: str
    installation: Installation
    log: Path
    pid: int


@asynccontextmanager
async def embedded_server(
    data: Path,
    *,
    pg_bin: Path | None = None,
    engine: str | None = None,
    announce: Announce,
    options: Mapping[str, str] = _NO_OPTIONS,
    kept_up: bool = False,
) -> AsyncIterator[Server]:
    """The server of a data folder. The first user starts it, with `options`; the last to leave stops it.

    `engine` and `pg_bin` decide what makes a new folder; an old one stays with the engine and major that made it.
    A server that ends before its time is started again where it is to be `kept_up`, always at the same `url`.
    """
    folder, account = await _open(data)
    with disk_trouble(folder.path):
        async with exclusive(folder.start_lock, announce):
            use = Use(folder.users_lock)
            try:
                server = await _join(folder, account, announce)
                if server is None:
                    server = await _start(folder, account, pg_bin, engine, announce, options)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await _leave(folder, use, announce)
                raise

    async def start_again() -> None:
        with disk_trouble(folder.path):
            async with exclusive(folder.start_lock, announce):
                if folder.made_by() is None:
                    raise ServerTrouble(f"The data in {folder.pg} is gone.", "Stop the service, restore a backup.")
                if await _join(folder, account, announce) is None:
                    await _start(folder, account, pg_bin, engine, announce, options)

    keeping = asyncio.create_task(keep_up(partial(_is_up, folder), start_again, announce)) if kept_up else None
    try:
        yield server
    finally:
        # Whatever ends the work, the server is stopped in order.
        with anyio.CancelScope(shield=True), disk_trouble(folder.path):
            if keeping is not None:
                keeping.cancel()
                await asyncio.wait([keeping])
            async with exclusive(folder.start_lock, announce):
                await _leave(folder, use, announce)


@asynccontextmanager
async def hold_service_lock(data: Path) -> AsyncIterator[None]:
    """Held by the one service of a data folder; a second one is refused."""
    folder, _ = await _open(data)
    with ExitStack() as held:
        with disk_trouble(folder.path):
            held.enter_context(only_service(folder.service_lock))
        yield


async def _open(data: Path) -> tuple[DataFolder, Account]:
    """Makes the folder, unless the server's user could not get into it."""
    folder = DataFolder.at(data)
    with disk_trouble(folder.path):
        if folder.path.exists() and not folder.path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder.path))
        folder.check_ours()
        account = account_for(folder.pg)
        above = [each for each in (*reversed(folder.path.parents), folder.path) if each.exists()]
        closed = await account.closed(above)
        if closed is not None:
            raise ServerTrouble(
                f"The data folder {folder.path} (LINEGRAPH_DATA) cannot be used: PostgreSQL does not run as root but as"
                f" the user {account.name}, who may not enter {closed}.",
                f"Set LINEGRAPH_DATA to a folder that {account.name} can reach, such as /var/lib/linegraph,"
                f" or open the way: chmod o+x {closed}",
            )
        folder.make(account)
    return folder, account


async def _join(folder: DataFolder, account: Account, announce: Announce) -> Server | None:
    """The server that runs already, once it is ready; one that is about to stop is seen off."""
    folder.check_owner(account)
    maker = folder.made_by()
    if maker is None:
        return None
    patience = Patience(lambda waited: announce(f"waiting for the server that runs already, {waited:.0f} s so far"))
    while (running := postmaster.find(folder.pg, folder.is_ours)) is not None:
        if running.sockets is not None and not folder.is_ours(running.sockets):
            raise ServerTrouble(
                f"A PostgreSQL (pid {running.pid}) that Linegraph did not start runs on {folder.pg}.",
                f"Stop it: pg_ctl stop -D {folder.pg}",
            )
        if running.sockets is not None and running.state == "ready":
            await cluster.make_database(running.sockets)
            return _server(folder, running.sockets, _as_noted(maker), running.pid)
        await patience.pause()
    return None


async def _start(
    folder: DataFolder,
    account: Account,
    pg_bin: Path | None,
    engine: str | None,
    announce: Announce,
    options: Mapping[str, str],
) -> Server:
    maker = folder.made_by()
    if maker is None:
        usable = await asyncio.to_thread(choice.for_new, pg_bin, engine)
    else:
        usable = await asyncio.to_thread(choice.for_data_of, maker, pg_bin)
    installation, programs = await choice.reachable(usable, account, folder.path / "server")
    announce(str(installation))
    if maker is None:
        await cluster.make(folder, programs, installation, account)
    elif _as_noted(maker) != installation:
        if pg_bin is not None and (pg_bin / "postgres").resolve().parent != installation.bin:
            announce(f"LINEGRAPH_PG_BIN is left aside: {folder.path} stays with the server that made it")
        folder.note_maker(installation)
    sockets = folder.open_sockets(account)
    postmaster.clear_stale(folder.pg)
    settings = await cluster.settings(folder, programs, installation, account, sockets)
    running = await postmaster.start(
        programs / "postgres", folder.pg, account, folder.log, {**settings, **options}, announce
    )
    await cluster.make_database(sockets)
    return _server(folder, sockets, installation, running.pid)


def _is_up(folder: DataFolder) -> bool:
    try:
        running = postmaster.find(folder.pg, folder.is_ours)
    except OSError:
        return False
    return running is not None and (running.sockets is None or folder.is_ours(running.sockets))


async def _leave(folder: DataFolder, use: Use, announce: Announce) -> None:
    if not use.end():
        return
    running = postmaster.find(folder.pg, folder.is_ours)
    if running is None or running.sockets is None or not folder.is_ours(running.sockets):
        return
    await postmaster.stop(running, folder.pg, announce)
    folder.close_sockets()


def _server(folder: DataFolder, sockets: Path, installation: Installation, pid: int) -> Server:
    url = f"postgresql://{cluster.NAME}@/{cluster.NAME}?host={quote(str(sockets), safe='')}&port={PORT}"
    return Server(url, installation, folder.log, pid)


def _as_noted(maker: Maker) -> Installation:
    return Installation(Path(maker.bin), maker.version, maker.major, maker.timescale, maker.bundled)
