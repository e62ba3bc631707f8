"""The server's first process: found by its pid file, started, waited for and stopped in order."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from app.errors import ServerTrouble
from app.store.account import Account
from app.store.data_folder import PORT
from app.store.patience import Patience
from app.store.server_log import Log, open_log

_LINGERING = "shared memory block"
"""Part of what the server says while a process of its killed predecessor is still at work."""
_LINGERING_TRIES = 60


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the pid file says; `sockets` is missing and `state` empty while the server is still writing it."""

    pid: int
    sockets: Path | None
    state: str


def noted(pg: Path) -> Postmaster | None:
    """The postmaster in the pid file of this data, running or not."""
    try:
        lines = (pg / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        pid = abs(int(lines[0]))
    except (FileNotFoundError, ValueError, IndexError):
        return None
    sockets = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    return Postmaster(pid, sockets, lines[7].strip() if len(lines) > 7 else "")


def find(pg: Path, is_ours: Callable[[Path], bool]) -> Postmaster | None:
    """The postmaster that runs on this data now."""
    found = noted(pg)
    if found is None:
        return None
    if works_on(found.pid, pg):
        return found
    # In another container its pid means nothing here, but its socket answers.
    return found if found.sockets is not None and is_ours(found.sockets) and _answers(found.sockets) else None


def works_on(pid: int, pg: Path) -> bool:
    """Whether this process is a live postmaster on this data, and not another one that was given its number."""
    if not _is_alive(pid):
        return False
    process = Path(f"/proc/{pid}")
    if not process.exists():
        found = noted(pg)
        return found is not None and found.sockets is not None and _answers(found.sockets)
    try:
        # The postmaster's current folder is its data; the name tells it from a shell that was left there.
        named = (process / "comm").read_text(encoding="utf-8").strip()
        return named in ("postgres", "postmaster") and (process / "cwd").samefile(pg)
    except OSError:
        return False


def clear_stale(pg: Path) -> None:
    """Removes the pid file of a server that is gone, where its number now belongs to another process, or still to the
    server itself as it was killed by somebody who has not taken note of its end.

    PostgreSQL would take either for the server. A number that nobody has, it clears away itself; and whether children
    of the old server are still at work it tells by their shared memory, for which it needs no pid file.
    """
    found = noted(pg)
    if found is not None and _is_known(found.pid):
        (pg / "postmaster.pid").unlink()


async def start(
    server: Path,
    pg: Path,
    account: Account,
    log_path: Path,
    settings: Mapping[str, str],
    announce: Callable[[str], None],
) -> Postmaster:
    """Starts a server and waits until it is ready, however long it recovers; gives up only when it has ended."""
    for attempt in range(1, _LINGERING_TRIES + 1):
        log = open_log(log_path, account)
        pid = _launch(server, pg, account, log, settings)
        try:
            ready = await _ready(pid, pg, log, announce)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _end(pid, announce)
            raise
        if ready is not None:
            return ready
        if _LINGERING not in log.since() or attempt == _LINGERING_TRIES:
            raise log.trouble("The embedded PostgreSQL did not start")
        if attempt == 1:
            announce("a process of the killed server is still at work; waiting for it to end")
        await asyncio.sleep(1)
    raise log.trouble("The embedded PostgreSQL did not start")


async def stop(found: Postmaster, pg: Path, announce: Callable[[str], None]) -> None:
    """Stops a server in order, however long its last checkpoint takes; one in another container is left alone."""
    if works_on(found.pid, pg):
        await _end(found.pid, announce)


async def _end(pid: int, announce: Callable[[str], None]) -> None:
    patience = Patience(lambda waited: announce(f"the server is still stopping, {waited:.0f} s so far"), 60, 60)
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ServerTrouble(
            f"The embedded PostgreSQL (pid {pid}) belongs to another user and cannot be stopped.",
            "Stop it as that user or as root.",
        ) from error
    while _is_alive(pid):
        await patience.pause()


async def _ready(pid: int, pg: Path, log: Log, announce: Callable[[str], None]) -> Postmaster | None:
    def say(waited: float) -> None:
        told = log.since()
        unclean = "not properly shut down" in told or "was interrupted" in told
        doing = "is recovering after an unclean stop" if unclean else "is starting"
        announce(f"the server {doing}, {waited:.0f} s so far")

    patience = Patience(say)
    while _is_alive(pid):
        found = noted(pg)
        if found is not None and found.pid == pid and found.state == "ready":
            return found
        await patience.pause()
    return None


def _launch(server: Path, pg: Path, account: Account, log: Log, settings: Mapping[str, str]) -> int:
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.path.open("ab") as file:
        process = account.start(server, ["-D", str(pg), *arguments], file)
    # From here on the process is known by its number alone; the object would warn that it was left running.
    process.returncode = 0
    return process.pid


def _is_alive(pid: int) -> bool:
    if not _is_known(pid):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def _answers(sockets: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(sockets / f".s.PGSQL.{PORT}"))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def _is_known(pid: int) -> bool:
    """Whether the system has a process of this number, be it one that has ended and is not taken note of."""
    try:
        # Takes note of the end of a child: of ours, or, as the first process of a container, of an adopted one.
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
