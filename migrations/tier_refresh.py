"""What the tiers of the first migration are made of, and the procedures that refresh them on either engine."""

# Quality is a status code as a signed int: below 0 is bad, from 0x40000000 on uncertain. Four texts stand for the value
# of one column beside the lowest or highest of another, of rows that are so: engines have ways of their own to it.
Columns = dict[str, str | tuple[str, str, str, str]]

FROM_READINGS: Columns = {
    "good": "count(*) - count(*) FILTER (WHERE quality >= 1073741824) - count(*) FILTER (WHERE quality < 0)",
    "uncertain": "count(*) FILTER (WHERE quality >= 1073741824)",
    "bad": "count(*) FILTER (WHERE quality < 0)",
    "worst": "CASE WHEN count(*) FILTER (WHERE quality < 0) > 0 THEN 2"
    " WHEN count(*) FILTER (WHERE quality >= 1073741824) > 0 THEN 1 ELSE 0 END",
    "sum": "sum(value) FILTER (WHERE quality >= 0)",
    "minimum": "min(value) FILTER (WHERE quality >= 0)",
    "maximum": "max(value) FILTER (WHERE quality >= 0)",
    "first_at": "min(time) FILTER (WHERE quality >= 0)",
    "last_at": "max(time) FILTER (WHERE quality >= 0)",
    "minimum_at": ("first", "time", "value", "quality >= 0"),
    "maximum_at": ("last", "time", "value", "quality >= 0"),
    "first": ("first", "value", "time", "quality >= 0"),
    "last": ("last", "value", "time", "quality >= 0"),
}
# A sum of bigint is numeric, and would become one from tier to tier.
FROM_TIER: Columns = {
    "good": "sum(good)::bigint",
    "uncertain": "sum(uncertain)::bigint",
    "bad": "sum(bad)::bigint",
    "worst": "max(worst)",
    "sum": "sum(sum)",
    "minimum": "min(minimum)",
    "maximum": "max(maximum)",
    "first_at": "min(first_at)",
    "last_at": "max(last_at)",
    "minimum_at": ("first", "minimum_at", "minimum", "minimum IS NOT NULL"),
    "maximum_at": ("last", "maximum_at", "maximum", "maximum IS NOT NULL"),
    "first": ("first", "first", "first_at", "first_at IS NOT NULL"),
    "last": ("last", "last", "last_at", "last_at IS NOT NULL"),
}
FEW = 60
"""Buckets of each series: of more, rows are not found near each other, and reading all in their order is quicker."""
TIERS = [
    ("readings_1m", "1 minute", "readings", "time", FROM_READINGS),
    ("readings_15m", "15 minutes", "readings_1m", "bucket", FROM_TIER),
    ("readings_1h", "1 hour", "readings_15m", "bucket", FROM_TIER),
    ("readings_6h", "6 hours", "readings_1h", "bucket", FROM_TIER),
]


def timescale_columns(columns: Columns) -> str:
    return ", ".join(
        f"{made if isinstance(made, str) else '{}({}, {}) FILTER (WHERE {})'.format(*made)} AS {name}"
        for name, made in columns.items()
    )


def plain_columns(columns: Columns) -> str:
    def ordered(which: str, value: str, by: str, where: str) -> str:
        return f"(array_agg({value} ORDER BY {by}{' DESC' if which == 'last' else ''}) FILTER (WHERE {where}))[1]"

    return ", ".join(made if isinstance(made, str) else ordered(*made) for made in columns.values())


def refreshing(name: str, width: str, statements: str, *settings: str) -> str:
    """A procedure: what is planned knows how much there is to do, and sorts in memory.

    A few buckets are looked up series by series, whatever the statistics of a chunk say that is being filled: a minute
    of all series, at each of its ends, must not become a look at all rows of a week.
    """
    own = ("plan_cache_mode = force_custom_plan", "work_mem = '64MB'", "enable_bitmapscan = off", *settings)
    kept = " ".join(f"SET {each}" for each in own)
    return f"""
CREATE PROCEDURE refresh_{name}(starts timestamptz, ends timestamptz, only_series integer[]) LANGUAGE plpgsql {kept}
SET enable_seqscan = on
AS $$ BEGIN
IF ends - starts <= {FEW} * INTERVAL '{width}' THEN
    PERFORM set_config('enable_seqscan', 'off', true);
    only_series := coalesce(only_series, ARRAY(SELECT series_id FROM latest));
END IF;
{statements}
END $$
"""


# With an index of time alone, a query of few series is planned to look at the rows of all others.
WITHOUT_TIME_INDEX = """
DO $do$
DECLARE
    time_index text := (
        SELECT format('%I.%I', schemaname, indexname) FROM pg_indexes
        JOIN timescaledb_information.continuous_aggregates
            ON schemaname = materialization_hypertable_schema AND tablename = materialization_hypertable_name
        WHERE view_schema = current_schema() AND view_name = $name$<name>$name$ AND indexdef LIKE '%(bucket DESC)'
    );
BEGIN
    IF time_index IS NOT NULL THEN
        EXECUTE 'DROP INDEX ' || time_index;
    END IF;
END $do$;
"""


# A continuous aggregate is materialised here for those series alone that have changed, which its own refresh cannot do.
# As that one is never called, TimescaleDB keeps no log of what it would have to refresh.
TIMESCALE_REFRESH = """
DO $do$
DECLARE
    materialized text := (
        SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = current_schema() AND view_name = $name$<name>$name$
    );
BEGIN
    EXECUTE replace($make$<made>$make$, '<materialized>', materialized);
END $do$
"""


def timescale_refresh(name: str, width: str, source: str, time: str, columns: Columns) -> str:
    made = refreshing(
        name,
        width,
        f"""
DELETE FROM <materialized>
WHERE bucket >= starts AND bucket < ends AND (only_series IS NULL OR series_id = ANY(only_series));
INSERT INTO <materialized> (series_id, bucket, {", ".join(columns)})
SELECT series_id, time_bucket(INTERVAL '{width}', {time}), {timescale_columns(columns)}
FROM {source} WHERE {time} >= starts AND {time} < ends AND (only_series IS NULL OR series_id = ANY(only_series))
GROUP BY 1, 2;
""",
        "timescaledb.max_tuples_decompressed_per_dml_transaction = 0",
    )
    return (WITHOUT_TIME_INDEX + TIMESCALE_REFRESH).replace("<name>", name).replace("<made>", made)


def plain_refresh(name: str, width: str, source: str, time: str, columns: Columns) -> str:
    return refreshing(
        name,
        width,
        f"""
INSERT INTO {name} (series_id, bucket, {", ".join(columns)})
SELECT series_id, date_bin('{width}', {time}, '2000-01-03 00:00+00') AS bucket, {plain_columns(columns)}
FROM {source} WHERE {time} >= starts AND {time} < ends AND (only_series IS NULL OR series_id = ANY(only_series))
GROUP BY 1, 2
ON CONFLICT (series_id, bucket) DO UPDATE SET {", ".join(f"{each} = excluded.{each}" for each in columns)};
""",
    )
