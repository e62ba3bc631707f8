"""Where the database is: a PostgreSQL URL, for psycopg."""

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from app.errors import SettingInvalid


def database_url(text: str) -> URL:
    """A PostgreSQL URL for psycopg; SettingInvalid where it is something else."""
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError as error:
        raise SettingInvalid(
            "LINEGRAPH_DATABASE_URL is not a URL.", "Write postgresql://user:password@host:5432/database."
        ) from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise SettingInvalid(
            f"LINEGRAPH_DATABASE_URL names {url.get_backend_name()!r}; Linegraph keeps its data in PostgreSQL.",
            "Write postgresql://user:password@host:5432/database.",
        )
    return url.set(drivername="postgresql+psycopg")
