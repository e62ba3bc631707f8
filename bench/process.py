"""Programs that are measured: the service and the bare routes, each a process of its own."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import Refused, ask_once, request

_PATIENCE = 60
"""Seconds for a program to answer its first request, or to stop."""


@dataclass(frozen=True, slots=True)
class Service:
    """A `linegraph serve` that answers."""

    port: int
    pid: int
    token: str

    @property
    def peak_megabytes(self) -> float:
        """The most memory that the process has held so far."""
        return peak_megabytes(self.pid)


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has held so far; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) * 1_024 / 1e6 if found else 0.0


@asynccontextmanager
async def service(database_url: str, name: str = "bench") -> AsyncIterator[Service]:
    """The service on a database, with the settings that users start with, and a token of that name; stopped in the
    end."""
    own = {"LINEGRAPH_DATABASE_URL": database_url, "LINEGRAPH_LOG_LEVEL": "WARNING"}
    token = await _said(("-m", "app", "token", "create", name, "--role", "admin"), own)
    async with _running(lambda port: ("-m", "app", "serve", "--port", str(port)), own) as (port, pid):
        yield Service(port, pid, token)


@asynccontextmanager
async def bare_routes(database_url: str) -> AsyncIterator[int]:
    """The port of the bare routes on the same database."""
    options = ("--factory", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")

    def command(port: int) -> tuple[str, ...]:
        return ("-m", "uvicorn", "bench.bare:application", *options, "--port", str(port))

    async with _running(command, {"BENCH_DATABASE_URL": database_url}) as (port, _):
        yield port


@asynccontextmanager
async def _running(command: Callable[[int], tuple[str, ...]], own: Mapping[str, str]) -> AsyncIterator[tuple[int, int]]:
    """A program with a port of its own, once it answers /healthz: port and process id."""
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command(port), env=_environment(own), stderr=log
        )
        try:
            yield await _ready(process, port), process.pid
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}; {command(port)[1]} said: {log.read().decode(errors='replace')}") from error
        finally:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _ready(process: asyncio.subprocess.Process, port: int) -> int:
    """The port, once the program answers there."""
    for _ in range(_PATIENCE * 10):
        if process.returncode is not None:
            raise RuntimeError(f"the program ended with code {process.returncode}")
        if await _answers(port):
            return port
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the program has not answered within {_PATIENCE} s")


async def command(*arguments: str, database_url: str) -> str:
    """What a `linegraph` command prints; RuntimeError where it fails."""
    return await _said(("-m", "app", *arguments), {"LINEGRAPH_DATABASE_URL": database_url})


@asynccontextmanager
async def started_command(*arguments: str, database_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `linegraph` command that runs; stopped in the end where it still does. What it says goes nowhere."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *arguments),
        env=_environment({"LINEGRAPH_DATABASE_URL": database_url}),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        await _stop(process)


async def _said(arguments: tuple[str, ...], own: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=_environment(own), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with code {process.returncode}")
    return said.decode().strip()


async def _answers(port: int) -> bool:
    try:
        await ask_once(port, request("GET", "/healthz"))
    except (OSError, Refused):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """What is set here, and none of the settings that somebody has for a service of theirs."""
    return {name: text for name, text in os.environ.items() if not name.startswith("LINEGRAPH_")} | dict(own)
