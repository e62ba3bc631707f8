"""The embedded server's log: kept to a modest size, and read when the server does not start."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.errors import ServerTrouble
from app.store.account import Account

_LARGEST = 16 * 2**20
_TOLD_AT_MOST = 5
_SCANTY = 16 * 2**20
"""Bytes: what one segment of the write-ahead log takes."""
_TELLING = re.compile(r"(?:FATAL|PANIC):\s+(.*)|(.*\bcould not\b.*)")
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] (?:\w+:\s+)?")
_HINTS = (
    ("No space left on device", "Free space on the disk of {folder} and start again."),
    ("Read-only file system", "Mount the disk of {folder} for writing and start again."),
    ("Cannot allocate memory", "The machine has too little free memory: the server needs about 400 MB."),
    ("still in use", "A process of the earlier server is still busy; wait for it to end and start again."),
    ("Permission denied", "Let the server's user read and write everything in {folder}."),
    ("checkpoint record", "The data is damaged: restore {folder} from a backup."),
)


@dataclass(frozen=True, slots=True)
class Log:
    """`start` is where this server's own lines begin."""

    path: Path
    start: int

    def since(self) -> str:
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read().decode(errors="replace")

    def trouble(self, doing: str) -> ServerTrouble:
        """Why the server ended: the lines of its log that matter, and what to do."""
        return explain(doing, self.since(), self.path.parent, f"The whole story is in {self.path}.")


def explain(doing: str, said: str, folder: Path, otherwise: str) -> ServerTrouble:
    """An error made of what a program of PostgreSQL said."""
    lines = said.splitlines()
    matches = [found for line in lines if (found := _TELLING.search(line))]
    telling = [_PREFIX.sub("", found[1] or found[2]) for found in matches]
    told = (telling or lines)[-_TOLD_AT_MOST:]
    if not told and shutil.disk_usage(folder).free < _SCANTY:
        # On a full disk the server could not even write its log.
        told = ["No space left on device"]
    hint = next((hint for sign, hint in _HINTS if any(sign in line for line in told)), otherwise)
    return ServerTrouble(
        f"{doing}: {'; '.join(told) or 'it ended without a word'}.".replace("..", "."), hint.format(folder=folder)
    )


def open_log(path: Path, account: Account) -> Log:
    """Makes or continues the log; a large one is put aside first, replacing the one put aside before."""
    if path.exists() and path.stat().st_size > _LARGEST:
        path.replace(path.with_suffix(".log.1"))
    # No link is followed: the folder's owner could otherwise make root give away any file.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600))
    account.own(path)
    return Log(path, path.stat().st_size)
