"""The locks on a data folder: who starts and stops its server, who uses it, and which service serves it.

All are flock locks: they vanish with the process that holds them, however it ended.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from app.errors import ServerTrouble
from app.store.patience import Patience


@asynccontextmanager
async def exclusive(path: Path, announce: Callable[[str], None]) -> AsyncIterator[None]:
    """Alone; waits for its turn without holding up the event loop."""
    lock = _open(path)
    try:
        patience = Patience(
            lambda waited: announce(
                f"waiting for another Linegraph process that is starting or stopping the server, {waited:.0f} s so far"
            )
        )
        while not _taken(lock, fcntl.LOCK_EX):
            await patience.pause()
        yield
    finally:
        os.close(lock)


class Use:
    """One user's share in a server. Taken and ended only under the exclusive start lock, so that nobody is missed."""

    def __init__(self, path: Path) -> None:
        self._lock = _open(path)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def end(self) -> bool:
        """Whether this was the last user."""
        try:
            return _taken(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(self._lock)


@contextmanager
def only_service(path: Path) -> Iterator[None]:
    """Refuses a second service on one data folder."""
    lock = _open(path)
    try:
        if not _taken(lock, fcntl.LOCK_EX):
            pid = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ServerTrouble(
                f"Another linegraph serve or demo (pid {pid}) is using the data folder {path.parent}.",
                "Stop it first, or name another folder for this one: LINEGRAPH_DATA=... (make demo: DATA=...).",
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    # No link is followed: the folder's owner could otherwise make root give away any file.
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # A root that visits must not lock out the user whose folder this is.
        folder = path.parent.stat()
        os.fchown(lock, folder.st_uid, folder.st_gid)
    return lock


def _taken(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
