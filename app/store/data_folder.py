"""The folder that holds an embedded server's data: what lies where, who made it, and whether it can be used."""

import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from app.errors import ServerTrouble
from app.store.account import Account, user_name
from app.store.installation import Installation

PORT = 5432
"""Only a part of the socket's name: nothing listens on the network."""

_MARKS = frozenset({"server.json", "start.lock", "users.lock", "service.lock"})
_OF_NOBODY = frozenset({"lost+found"})
"""What the root of a new disk holds."""
_LONGEST_SOCKET = 100
"""Bytes; systems allow 104 to 108."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The server that made a data folder, and that it stays with."""

    engine: str
    major: int
    version: str
    bin: str
    timescale: str | None
    bundled: bool


@dataclass(frozen=True, slots=True)
class DataFolder:
    """`path` is absolute and free of links."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "DataFolder":
        return cls(path.resolve())

    @property
    def pg(self) -> Path:
        return self.path / "pg"

    @property
    def maker_file(self) -> Path:
        return self.path / "server.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def start_lock(self) -> Path:
        """Held alone while the server is started or stopped."""
        return self.path / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held by everybody who uses the server."""
        return self.path / "users.lock"

    @property
    def service_lock(self) -> Path:
        return self.path / "service.lock"

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket; elsewhere where this one's path is too long for a socket."""
        run = self.path / "run"
        if len(os.fsencode(run / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET:
            return run
        return Path(tempfile.gettempdir()).resolve() / self._short_name

    @property
    def _short_name(self) -> str:
        return "linegraph-" + hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]

    def is_ours(self, sockets: Path) -> bool:
        """Whether Linegraph made this socket folder for this data, perhaps with another folder for temporary files."""
        return sockets == self.path / "run" or sockets.name == self._short_name

    def check_ours(self) -> None:
        """Nothing of ours is put between somebody's files."""
        if not self.path.exists():
            return
        found = {each.name for each in self.path.iterdir()} - _OF_NOBODY
        if found and not found & _MARKS:
            raise ServerTrouble(
                f"The data folder {self.path} holds files that Linegraph did not make, such as {min(found)}.",
                "Name a folder that is empty or does not exist yet: LINEGRAPH_DATA=... (make demo: DATA=...).",
            )

    def make(self, account: Account) -> None:
        """Makes the folder and those above it; the account must be able to pass through what root makes."""
        mode = 0o755 if account.other else 0o700
        for folder in reversed([each for each in (self.path, *self.path.parents) if not each.exists()]):
            folder.mkdir()
            folder.chmod(mode)

    def made_by(self) -> Maker | None:
        """Who made the data; None where it is still to be made."""
        if _is_empty(self.pg):
            return None
        if not self.maker_file.exists():
            raise ServerTrouble(
                f"{self.pg} holds files that Linegraph did not make.",
                "Set LINEGRAPH_DATA to another folder, or start that server yourself"
                " and name it in LINEGRAPH_DATABASE_URL.",
            )
        try:
            maker = Maker(**json.loads(self.maker_file.read_text(encoding="utf-8")))
            major = int((self.pg / "PG_VERSION").read_text(encoding="utf-8"))
        except (ValueError, TypeError, FileNotFoundError) as error:
            raise ServerTrouble(
                f"{self.maker_file} or {self.pg / 'PG_VERSION'} is damaged: {error}.",
                "Restore the data folder from a backup.",
            ) from error
        if major != maker.major:
            raise ServerTrouble(
                f"{self.pg} is data of PostgreSQL {major}, but {self.maker_file} says PostgreSQL {maker.major}.",
                "Restore the two together from a backup.",
            )
        return maker

    def note_maker(self, installation: Installation) -> None:
        maker = Maker(
            installation.engine,
            installation.major,
            installation.version,
            str(installation.bin),
            installation.timescale,
            installation.bundled,
        )
        draft = self.maker_file.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(maker), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.maker_file)

    def check_owner(self, account: Account) -> None:
        """PostgreSQL refuses data that others can read, or that belongs to somebody else."""
        if _is_empty(self.pg):
            return
        status = self.pg.stat()
        if status.st_uid != account.uid:
            owner = user_name(status.st_uid)
            raise ServerTrouble(
                f"{self.pg} belongs to the user {owner}, but the server would run as {account.name}.",
                # PostgreSQL never runs as root: files of root are to be given away in any case.
                (f"Run Linegraph as {owner}, or give" if status.st_uid != 0 else "Give")
                + f" the folder to that user: chown -R {account.name} {self.pg}",
            )
        mode = stat.S_IMODE(status.st_mode)
        if mode not in (0o700, 0o750):
            raise ServerTrouble(
                f"{self.pg} has the permissions {mode:04o}; PostgreSQL wants nobody else to have access.",
                f"chmod 700 {self.pg}",
            )

    def open_sockets(self, account: Account) -> Path:
        """Makes the socket folder, private to the account: who can enter it is let in without a password."""
        sockets = self.sockets
        if not os.path.lexists(sockets):
            sockets.mkdir(mode=0o700)
        status = sockets.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            sockets.chmod(0o700)
            account.own(sockets)
            status = sockets.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or stat.S_IMODE(status.st_mode) != 0o700:
            raise ServerTrouble(
                f"{sockets} is not a folder that belongs to the user {account.name} alone.",
                "Remove it; Linegraph makes it again.",
            )
        for left in sockets.glob(f".s.PGSQL.{PORT}*"):
            left.unlink()
        return sockets

    def close_sockets(self) -> None:
        """Leaves nothing among the temporary files."""
        if self.sockets.parent != self.path:
            with suppress(OSError):
                self.sockets.rmdir()


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except PermissionError:
        return False


@contextmanager
def disk_trouble(folder: Path) -> Iterator[None]:
    """Says what the system says about a folder, in a sentence with a way out."""
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        hints = {
            errno.ENOSPC: "Free space on that disk and start again.",
            errno.EDQUOT: "Raise the quota or free space and start again.",
            errno.EROFS: "Mount it for writing, or set LINEGRAPH_DATA to another folder.",
            errno.ENOTDIR: "Set LINEGRAPH_DATA to a folder.",
        }
        raise ServerTrouble(
            f"The data folder {folder} cannot be used: {error.strerror or error} ({place}).",
            hints.get(error.errno or 0, "Let Linegraph's user write there, or set LINEGRAPH_DATA to another folder."),
        ) from error
