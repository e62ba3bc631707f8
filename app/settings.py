"""Every setting, read once from the environment and frozen; the README lists them all."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import isodate
import msgspec

from app.errors import SettingInvalid

PREFIX = "LINEGRAPH_"

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Reader = Literal["viewer", "operator", "engineer", "admin"]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Field `body_limit` is the environment variable `LINEGRAPH_BODY_LIMIT`, and so on. Durations are ISO 8601."""

    database_url: str | None = None
    data: Path = msgspec.field(default_factory=lambda: default_data())
    pg_bin: Path | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    migrate: bool = True
    pool: Positive = 8

    create: bool = True
    time_zone: str = "UTC"
    earliest: Instant = datetime.fromisoformat("1970-01-01T00:00:00Z")
    ahead: timedelta = timedelta(days=1)
    labels: Positive = 1_000
    new_chunks: Positive = 500

    body_limit: Positive = 32 << 20
    body_timeout: timedelta = timedelta(seconds=60)
    intake_limit: Positive = 64 << 20
    queue_limit: Positive = 1_000_000

    tier_lag: timedelta = timedelta(minutes=1)
    tier_every: timedelta = timedelta(seconds=10)

    keep: dict[str, timedelta] = {}
    columnstore_after: dict[str, timedelta] = {}

    query_depth: Positive = 20
    query_aliases: Positive = 100
    query_fields: Positive = 2_000
    query_tokens: Positive = 5_000
    query_items: Positive = 1_000
    query_introspection: Natural = 300
    query_rows: Positive = 5_000_000
    query_rows_by_role: dict[Reader, Positive] = msgspec.field(
        default_factory=lambda: {"viewer": 2_000_000, "operator": 2_000_000}
    )
    query_points: Positive = 400_000
    query_timeout: timedelta = timedelta(seconds=30)
    export_rows: Positive = 100_000_000
    exports: Natural = 4
    allowed_documents: Path | None = None

    log_level: str = "INFO"


def default_data() -> Path:
    """The data folder where none is named: the system's place for root, whose home no other user can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib/linegraph")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "linegraph"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from `LINEGRAPH_*`; SettingInvalid names the variable that cannot be read, or that is not known."""
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX) and text
    }
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    if unknown := sorted(set(given) - set(fields)):
        raise SettingInvalid(
            f"{PREFIX}{unknown[0].upper()} is not a setting.", "The README lists all settings; remove or rename it."
        )
    values: dict[str, Any] = {name: _value(name, text, fields[name].type) for name, text in given.items()}
    return Settings(**values)


def _value(name: str, text: str, kind: object) -> object:
    try:
        if name == "time_zone":
            return _time_zone(text)
        if name == "log_level":
            return _log_level(text)
        if kind is timedelta:
            return _positive_duration(text)
        if kind == dict[str, timedelta]:
            pairs = (each.strip().partition("=") for each in text.split(","))
            return {source: _positive_duration(duration) for source, _, duration in pairs}
        if kind == dict[Reader, Positive]:
            shares = (each.strip().partition("=") for each in text.split(","))
            return msgspec.convert({role: rows for role, _, rows in shares}, kind, strict=False)
        if kind in (Path, Path | None):
            return Path(text).expanduser()
        return msgspec.convert(text, kind, strict=False)
    except (ValueError, OverflowError, msgspec.ValidationError) as error:
        raise SettingInvalid(f"{PREFIX}{name.upper()}={text!r} cannot be read.", _expected(name, kind)) from error


def _time_zone(text: str) -> str:
    """Plants are made with it, and the model file knows no others."""
    if text not in available_timezones() - {"localtime", "Factory"}:
        raise ValueError("no such time zone")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("no such level")
    return text


def _positive_duration(text: str) -> timedelta:
    duration = isodate.parse_duration(text)
    if not isinstance(duration, timedelta) or duration <= timedelta(0):
        raise ValueError("not a positive duration without months or years")
    return duration


_NAMED = {
    "time_zone": "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    "log_level": "Write DEBUG, INFO, WARNING or ERROR.",
    "query_rows_by_role": "Write viewer=2000000,operator=2000000; the other roles are engineer and admin.",
}


def _expected(name: str, kind: object) -> str:
    if name in _NAMED:
        return _NAMED[name]
    if kind is timedelta:
        return "Write an ISO 8601 duration such as PT30S or P1D."
    if kind == dict[str, timedelta]:
        return "Write RAW=P90D,PT1M=P730D."
    if kind is bool:
        return "Write true or false."
    if kind == Port:
        return "Write a whole number from 0 to 65535."
    if kind == Natural:
        return "Write a whole number from 0 on."
    if kind == Positive:
        return "Write a whole number from 1 on."
    if kind == Instant:
        return "Write a time with its offset, such as 1970-01-01T00:00:00Z."
    return "The README tells its unit and default."
