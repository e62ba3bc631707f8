"""The tables of local days in the first migration: their aggregates, and of which series they are kept."""

# A row says what it spans: whatever becomes of a plant's clocks, it is never wrong, only not asked for any more.
DAYS = """
CREATE TABLE local_days (
    series_id integer,
    bucket timestamptz,
    ends timestamptz,
    good bigint NOT NULL,
    uncertain bigint NOT NULL,
    bad bigint NOT NULL,
    sum double precision,
    minimum double precision,
    maximum double precision,
    first_at timestamptz,
    last_at timestamptz,
    minimum_at timestamptz,
    maximum_at timestamptz,
    first double precision,
    last double precision,
    CONSTRAINT local_days_pkey PRIMARY KEY (series_id, bucket, ends)
);
CREATE TABLE kept_days (
    series_id integer CONSTRAINT kept_days_pkey PRIMARY KEY,
    time_zone text NOT NULL,
    production_day_starts time NOT NULL,
    since timestamptz NOT NULL
);
"""
