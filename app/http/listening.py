"""The address that a service listens on: taken before anything else is started, answered once all of it is ready."""

import asyncio
import errno
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from app.errors import SettingInvalid

_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_ANOTHER_PORT = "another with --port or LINEGRAPH_PORT (make demo: PORT=...)."
_ANOTHER_HOST = "Name an address of this machine with --host or LINEGRAPH_HOST, such as 127.0.0.1."
_PATIENCE = 10
"""Seconds for requests under way when the service stops."""


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """Sockets that are bound; nobody is answered before `serve`."""

    host: str
    port: int
    sockets: Sequence[socket.socket]

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    async def serve(self, app: ASGIApp, listening: Callable[[], None], stopping: Callable[[], None]) -> None:
        """Answers until it is interrupted; tells when it listens, and when it has been told to stop."""
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE,
        )
        # What is there now stays: without this the collector walks all of it, 50 ms, every few bodies of line protocol.
        gc.collect()
        gc.freeze()
        with _told(self.host, self.port):
            for each in self.sockets:
                each.listen(config.backlog)
        listening()
        server = _Server(config, stopping)
        serving = asyncio.create_task(server.serve(list(self.sockets)))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            # Requests under way get their patience: cancelled, they would be answered with an error of ours.
            server.should_exit = True
            await serving
            raise


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the command, which cancels what it runs."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


@asynccontextmanager
async def taken_address(host: str, port: int) -> AsyncIterator[Address]:
    """Binds every address of the host; SettingInvalid says why one cannot be had. Port 0 is any that is free."""
    with ExitStack() as held:
        sockets: list[socket.socket] = []
        missing: OSError | None = None
        with _told(host, port):
            for family, *_, place in await _places(host, port):
                try:
                    bound = _bound(family, (place[0], port or _port(sockets), *place[2:]))
                except OSError as error:
                    # A name may have an address that this machine lacks, as localhost often has one of IPv6.
                    if error.errno not in _MISSING:
                        raise
                    missing = error
                else:
                    sockets.append(held.enter_context(bound))
            if not sockets and missing is not None:
                raise missing
        yield Address(host, _port(sockets), sockets)


@contextmanager
def farewell(announce: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Says once that everything is being stopped: when it is told so, or else when it is interrupted."""
    told = False

    def stopping() -> None:
        nonlocal told
        if not told:
            announce("Stopping ...")
        told = True

    try:
        yield stopping
    except asyncio.CancelledError:
        stopping()
        raise


async def _places(host: str, port: int) -> list[tuple[socket.AddressFamily, int, int, str, tuple[str | int, ...]]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingInvalid(f"The host {host!r} cannot be resolved: {reason}.", _ANOTHER_HOST) from error
    return [(socket.AddressFamily(each[0]), *each[1:]) for each in dict.fromkeys(found)]


def _bound(family: socket.AddressFamily, place: tuple[str | int, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
    except BaseException:
        made.close()
        raise
    return made


def _port(sockets: Sequence[socket.socket]) -> int:
    """What the first socket was given."""
    return int(sockets[0].getsockname()[1]) if sockets else 0


@contextmanager
def _told(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _MISSING:
            raise SettingInvalid(f"{host} is no address of this machine.", _ANOTHER_HOST) from error
        if error.errno == errno.EADDRINUSE:
            message, hint = f"Port {port} on {host} is taken by another program.", f"Stop it, or choose {_ANOTHER_PORT}"
        elif error.errno in (errno.EACCES, errno.EPERM):
            message, hint = f"This user may not listen on port {port} of {host}.", f"Choose {_ANOTHER_PORT}"
        else:
            message = f"Port {port} on {host} cannot be listened on: {error.strerror or error}."
            hint = f"Mend that, or choose {_ANOTHER_PORT}"
        raise SettingInvalid(message, hint) from error
