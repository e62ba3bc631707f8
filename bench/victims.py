"""What a fault run stops and kills: a service and its server on one data folder, each a process of its own."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil
import psycopg

from app.store import postmaster
from app.store.embedded import embedded_server

_PATIENCE = 120
"""Seconds for a process to end or to be ready again."""
_POLL_SECONDS = 0.02
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to clients: one that tries to reach a dead service could be given its port."""
_A_CONNECTION = """
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY state = 'active' DESC, random() LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is signalled, at once. In a run either the service owns its server, or has only been told its address."""

    what: str
    owned: bool = False
    server: signal.Signals | None = None
    connection: signal.Signals | None = None
    """Sent to the server's process of one connection; the server ends all others then and recovers."""
    service: signal.Signals | None = None


APART: Final = (
    Fault("database stopped (fast)", server=signal.SIGINT),
    Fault("database stopped (immediate)", server=signal.SIGQUIT),
    Fault("database killed", server=signal.SIGKILL),
    Fault("a process of the database killed", connection=signal.SIGKILL),
    Fault("service stopped", service=signal.SIGTERM),
    Fault("service killed", service=signal.SIGKILL),
    Fault("database and service killed", server=signal.SIGKILL, service=signal.SIGKILL),
)
OWNED: Final = (
    Fault("service with its database stopped", owned=True, service=signal.SIGTERM),
    Fault("service killed, its database left behind", owned=True, service=signal.SIGKILL),
    Fault("service and its database killed", owned=True, server=signal.SIGKILL, service=signal.SIGKILL),
)


class Victims:
    """The two processes. `strike` stops them; `recover` starts again what a machine's supervisor would."""

    def __init__(self, data: Path, engine: str, *, joined: bool = False) -> None:
        self._data = data
        self._engine = engine
        self._log = data.with_name("service.log")
        self._port = _free_port()
        self._stack = AsyncExitStack()
        self._service: asyncio.subprocess.Process | None = None
        self._owned = joined
        self.database_url = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pids(self) -> str:
        """Process ids of the server and the service."""
        service = self._service.pid if self._service else None
        return f"database {self._server_pid}, service {service}"

    @property
    def _place(self) -> dict[str, str]:
        if self._owned:
            return {"LINEGRAPH_DATA": str(self._data)}
        return {"LINEGRAPH_DATABASE_URL": self.database_url}

    @property
    def _server_pid(self) -> int | None:
        found = postmaster.noted(self._data / "pg")
        return found.pid if found and _is_alive(found.pid) else None

    def said(self) -> str:
        """What the service has written to its log so far."""
        return self._log.read_text(errors="replace")

    async def start(self) -> None:
        await self._start_server()
        await self._start_service()

    async def token(self, name: str = "faults") -> str:
        """A new one, made by another command beside the service."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "token", "create", name, "--role", "admin"),
            env={**_environment(), **self._place},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        token, said = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"token create ended with code {process.returncode}: {said.decode()}")
        return token.decode().strip()

    async def hand_over(self) -> None:
        """From now on the service starts the server itself."""
        if self._owned:
            return
        await self._signal_service(signal.SIGKILL)
        await self._stack.aclose()
        self._owned = True
        await self._start_service()

    async def strike(self, fault: Fault) -> None:
        """Returns when everything that was to end has ended."""
        if fault.owned:
            await self.hand_over()
        if fault.connection is not None:
            await self._signal_connection(fault.connection)
        server = self._server_pid
        if fault.server is not None and server is not None:
            os.kill(server, fault.server)
        if fault.service is not None:
            await self._signal_service(fault.service)
        if fault.server is not None and server is not None:
            # Once the service is dead as well, whoever starts it again has buried its children before.
            await _gone(server, buried=self._owned and fault.service is not None)

    async def recover(self) -> None:
        """Returns when readings are taken again; a service that lives has to find its database by itself."""
        if not self._owned and self._server_pid is None:
            await self._stack.aclose()
            await self._start_server()
        if self._service is None:
            await self._start_service()
        else:
            await self._ready(self._service)

    async def close(self) -> None:
        if self._service is not None:
            await self._signal_service(signal.SIGTERM)
        await self._stack.aclose()

    async def _start_server(self) -> None:
        server = await self._stack.enter_async_context(
            embedded_server(self._data, engine=self._engine, announce=lambda _: None)
        )
        self.database_url = server.url

    async def _start_service(self) -> None:
        # Refreshes all the time, so that faults meet them too.
        own = {**_environment(), **self._place, "LINEGRAPH_TIER_EVERY": "PT0.5S"}
        with self._log.open("ab") as log:
            self._service = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "serve", "--port", str(self._port)), env=own, stderr=log
            )
        await self._ready(self._service)

    async def _ready(self, service: asyncio.subprocess.Process) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client, asyncio.timeout(_PATIENCE):
            while not await _is_ready(client):
                if service.returncode is not None:
                    raise RuntimeError(f"the service ended with code {service.returncode}: {self.said()[-2_000:]}")
                await asyncio.sleep(_POLL_SECONDS)

    async def _signal_service(self, told: signal.Signals) -> None:
        service, self._service = self._service, None
        if service is None or service.returncode is not None:
            return
        service.send_signal(told)
        async with asyncio.timeout(_PATIENCE):
            await service.wait()

    async def _signal_connection(self, told: signal.Signals) -> None:
        async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as connection:
            row = await (await connection.execute(_A_CONNECTION)).fetchone()
        if row is None:
            raise RuntimeError("the service has no connection to its database")
        os.kill(int(row[0]), told)
        await _gone(int(row[0]), buried=False)


@asynccontextmanager
async def victims(data: Path, engine: str, *, joined: bool = False) -> AsyncIterator[Victims]:
    """Both running; stopped in the end. `joined`: the service uses a server of its own folder that we have started."""
    running = Victims(data, engine, joined=joined)
    try:
        await running.start()
        yield running
    finally:
        await running.close()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def _gone(pid: int, *, buried: bool) -> None:
    """`buried`: nothing of it is left in the table of processes either."""
    for _ in range(round(_PATIENCE / _POLL_SECONDS)):
        if not (psutil.pid_exists(pid) if buried else _is_alive(pid)):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"process {pid} has not ended in {_PATIENCE} s")


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def _environment() -> dict[str, str]:
    """None of the settings that somebody has for a service of theirs."""
    return {name: text for name, text in os.environ.items() if not name.startswith("LINEGRAPH_")}
