"""The tables, declared once; Alembic's history is compared with them.

`readings` is a hypertable or a partitioned table, the tiers `readings_1m`, `readings_15m`, `readings_1h` and
`readings_6h` are continuous aggregates or plain tables: the same names, columns and types on both engines.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _id() -> Column[int]:
    return Column("id", Integer, Identity(), primary_key=True)


def _of_series() -> Column[int]:
    return Column("series_id", Integer, primary_key=True, autoincrement=False)


def _attributes() -> Column[object]:
    return Column("attributes", JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _instant(name: str, *, nullable: bool = False, key: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, primary_key=key)


plants = Table(
    "plants",
    metadata,
    _id(),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("production_day_starts", Time, nullable=False, server_default=text("'00:00'")),
    _attributes(),
)

lines = Table(
    "lines",
    metadata,
    _id(),
    Column("plant_id", ForeignKey("plants.id"), nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    _attributes(),
    UniqueConstraint("plant_id", "code"),
)

machine_types = Table("machine_types", metadata, _id(), Column("name", Text, nullable=False, unique=True))

metrics = Table(
    "metrics",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("unit", Text),
    Column("kind", Text, nullable=False),
    Column("interval", Interval),
    Column("gap", Interval),
    Column("dip_tolerance", Double, nullable=False, server_default=text("0")),
    Column("modulus", Double),
    Column("description", Text),
    Column("formula", Text),
    Column("formula_unit", Text),
    CheckConstraint("kind IN ('GAUGE', 'COUNTER', 'STATE')", name="kind"),
)

kpis = Table(
    "kpis",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("description", Text),
    Column("formula", Text, nullable=False),
    Column("unit", Text),
)

metric_labels = Table(
    "metric_labels",
    metadata,
    Column("metric_id", ForeignKey("metrics.id"), primary_key=True),
    Column("code", Integer, primary_key=True),
    Column("text", Text, nullable=False),
)

machine_type_metrics = Table(
    "machine_type_metrics",
    metadata,
    Column("machine_type_id", ForeignKey("machine_types.id"), primary_key=True),
    Column("metric_id", ForeignKey("metrics.id"), primary_key=True),
)

machines = Table(
    "machines",
    metadata,
    _id(),
    Column("line_id", ForeignKey("lines.id"), nullable=False),
    Column("machine_type_id", ForeignKey("machine_types.id")),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("transit", Interval, nullable=False, server_default=text("'0'::interval")),
    _attributes(),
    UniqueConstraint("line_id", "code"),
)

series = Table(
    "series",
    metadata,
    _id(),
    Column("source", Text, nullable=False, unique=True),
    Column("machine_id", ForeignKey("machines.id")),
    Column("metric_id", ForeignKey("metrics.id")),
    Column("unmapped_reason", Text),
    Column("unit", Text),
    UniqueConstraint("machine_id", "metric_id"),
    CheckConstraint("(machine_id IS NULL) = (metric_id IS NULL)", name="mapped"),
    Index("series_unmapped_idx", "id", postgresql_where=text("machine_id IS NULL")),
)

series_labels = Table(
    "series_labels",
    metadata,
    Column("series_id", ForeignKey("series.id"), primary_key=True),
    Column("code", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    UniqueConstraint("series_id", "text"),
)

readings = Table(
    "readings",
    metadata,
    Column("series_id", Integer, nullable=False),
    _instant("time"),
    Column("value", Double),
    Column("quality", Integer, nullable=False),
    UniqueConstraint("series_id", "time"),
    info={"maker": True},
)

latest = Table(
    "latest",
    metadata,
    _of_series(),
    _instant("time"),
    Column("value", Double),
    Column("quality", Integer, nullable=False),
    Column("received", BigInteger, nullable=False),
)

tiers = Table(
    "tiers",
    metadata,
    Column("name", Text, primary_key=True),
    _instant("intended"),
    _instant("watermark"),
    _instant("gone_before"),
    Column("keep", Interval),
    Column("columnstore_after", Interval),
)

touched = Table(
    "touched",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _instant("starts"),
    _instant("ends"),
    Column("series", ARRAY(Integer)),
    Column("derived", Boolean, nullable=False, server_default=text("false")),
)

revisions = Table("revisions", metadata, _of_series(), _instant("bucket", key=True), _instant("revised_at"))

counter_events = Table(
    "counter_events",
    metadata,
    _of_series(),
    _instant("time", key=True),
    Column("before", Double, nullable=False),
    Column("after", Double, nullable=False),
    Index("counter_events_time_idx", "time"),
)

counter_overrules = Table(
    "counter_overrules",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("series_id", ForeignKey("series.id"), nullable=False),
    _instant("time"),
    Column("verdict", Text, nullable=False),
    Column("base", Double),
    Column("said_by", Text, nullable=False),
    _instant("said_at"),
    Column("note", Text, nullable=False),
    CheckConstraint("verdict IN ('NOT_A_RESET', 'BASE', 'REPLACED')", name="verdict"),
    CheckConstraint("(verdict = 'BASE') = (base IS NOT NULL)", name="base"),
    Index("counter_overrules_series_id_time_idx", "series_id", "time"),
)

counter_scans = Table("counter_scans", metadata, _of_series(), _instant("known_since"))

derived_series = Table(
    "derived_series",
    metadata,
    _of_series(),
    Column("recipe", Text, nullable=False),
    _instant("since"),
)

local_days = Table(
    "local_days",
    metadata,
    _of_series(),
    _instant("bucket", key=True),
    _instant("ends", key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("good", "uncertain", "bad")),
    *(Column(name, Double) for name in ("sum", "minimum", "maximum", "first", "last")),
    *(_instant(name, nullable=True) for name in ("first_at", "last_at", "minimum_at", "maximum_at")),
)

catalog_version = Table("catalog_version", metadata, Column("version", BigInteger, nullable=False))

kept_days = Table(
    "kept_days",
    metadata,
    _of_series(),
    Column("time_zone", Text, nullable=False),
    Column("production_day_starts", Time, nullable=False),
    _instant("since"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("name", Text, primary_key=True),
    _instant("ended_at", nullable=True),
    Column("seconds", Double),
    Column("did", Text),
    _instant("failed_at", nullable=True),
    Column("error", Text),
)

refusals = Table(
    "refusals",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("source", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    _instant("first_at"),
    _instant("last_at"),
    Index("refusals_last_at_idx", "last_at"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("plant_id", ForeignKey("plants.id")),
    _instant("created_at"),
    Column("revoked", Boolean, nullable=False, server_default=text("false")),
)
