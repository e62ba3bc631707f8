"""The version of the catalog in the first migration: moved by whatever changes what is remembered of it."""

_TABLES = (
    "plants", "lines", "machine_types", "metrics", "machine_type_metrics", "machines", "series", "kept_days",
)  # fmt: skip
_ROWS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}

VERSION = """
CREATE TABLE catalog_version (version bigint NOT NULL);
INSERT INTO catalog_version VALUES (1);
CREATE FUNCTION move_catalog_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        UPDATE catalog_version SET version = version + 1;
    END IF;
    RETURN NULL;
END $$;
""" + "".join(
    f"CREATE TRIGGER move_catalog_version_on_{change.lower()} AFTER {change} ON {table}"
    f" REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION move_catalog_version();\n"
    for table in _TABLES
    for change, rows in _ROWS.items()
)
