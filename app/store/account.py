"""The operating system's user that the embedded server runs as: oneself, or somebody harmless for root."""

import asyncio
import os
import pwd
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio

from app.errors import ServerTrouble

_UNPRIVILEGED = ("postgres", "nobody")
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZDIR")
_FIRST_CLOSED = 'for each do [ -x "$each" ] || { printf %s "$each"; exit 0; }; done'


@dataclass(frozen=True, slots=True)
class Account:
    """`other` is set where this is not the user that Linegraph runs as: programs must be started as it."""

    name: str
    uid: int
    gid: int
    other: bool

    def start(self, program: Path, arguments: Iterable[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Starts a program as this user; its errors go where its output goes."""
        try:
            # Not asyncio's subprocess: uvloop's cannot change the user, and both kill what still runs when their loop
            # closes, while the server must outlive this process as long as others use it.
            return subprocess.Popen(
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.uid if self.other else None,
                group=self.gid if self.other else None,
                extra_groups=[] if self.other else None,
                # A Ctrl-C goes to the whole foreground group: this program is stopped by us, in order.
                start_new_session=True,
                # The current folder may be closed to that user, and PostgreSQL wants to know where it is.
                cwd="/",
                env=_environment(),
                umask=0o077,
            )
        except OSError as error:
            raise ServerTrouble(
                f"{program} cannot be run as the user {self.name}: {error.strerror or error}.",
                "Reinstall PostgreSQL, run Linegraph as an ordinary user, or name a running server in"
                " LINEGRAPH_DATABASE_URL.",
            ) from error

    async def run(self, program: Path, *arguments: str) -> tuple[int, str]:
        """Runs a program to its end as this user: its exit code, and what it said."""
        process = self.start(program, arguments, subprocess.PIPE)
        ended = asyncio.ensure_future(asyncio.to_thread(process.communicate))
        try:
            said, _ = await asyncio.shield(ended)
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with anyio.CancelScope(shield=True):
                await ended
            raise
        return process.returncode, said.decode(errors="replace")

    async def closed(self, paths: Sequence[Path]) -> Path | None:
        """The first of these that the user may not enter or execute."""
        if not self.other:
            return None
        # Asked of the system rather than worked out from permission bits, which know nothing of access lists.
        _, said = await self.run(Path("/bin/sh"), "-c", _FIRST_CLOSED, "sh", *map(str, paths))
        return Path(said) if said else None

    def own(self, path: Path) -> None:
        """Gives something that we made to this user."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(cluster: Path) -> Account:
    """Oneself. For root, whom PostgreSQL refuses to run as: the owner of the cluster, else an unprivileged user."""
    if os.geteuid() != 0:
        return Account(user_name(os.geteuid()), os.geteuid(), os.getegid(), other=False)
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(user_name(owner.st_uid), owner.st_uid, owner.st_gid, other=True)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, other=True)
    raise ServerTrouble(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as.",
        "Create the user postgres, or run Linegraph as an ordinary user.",
    )


def _environment() -> dict[str, str]:
    """What the server's programs get to see: none of our secrets, no PG... that would change what they do."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, "LC_ALL": "C"}


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
