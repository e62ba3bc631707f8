"""What derived metrics add to the first migration: their formulas, and how far each of their series has come."""

# A note of what the worker has derived itself is only refreshed: nothing is to be derived again for it.
DERIVED = """
ALTER TABLE metrics ADD COLUMN formula text;
ALTER TABLE metrics ADD COLUMN formula_unit text;
ALTER TABLE touched ADD COLUMN derived boolean NOT NULL DEFAULT false;
CREATE TABLE derived_series (
    series_id integer CONSTRAINT derived_series_pkey PRIMARY KEY,
    recipe text NOT NULL,
    since timestamptz NOT NULL
);
"""
