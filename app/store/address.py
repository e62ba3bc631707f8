"""Where the database is: a PostgreSQL URL, for psycopg."""

import re

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from app.errors import SettingInvalid

HIDDEN = "***"
_SECRET = re.compile("pass|secret|token|key", re.IGNORECASE)


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


def shown_url(text: str) -> str:
    """The URL without its secrets; nothing of one that may be misread, for where its secret ends nobody knows."""
    url = _read(text)
    if url is None:
        return HIDDEN
    query = {name: HIDDEN if _SECRET.search(name) else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True).replace("%2A", "*")


def secrets_of(text: str) -> list[str]:
    """What of a URL must not be told, as it is written and as it is meant; the longest first."""
    url = _read(text)
    if url is None:
        found = re.split("[/@:?]", text.partition("//")[2])
    else:
        values = [value for name, value in url.normalized_query.items() if _SECRET.search(name)]
        found = [str(url.password or ""), *(each for value in values for each in value)]
        found += re.findall(r"//[^/@]*?:([^@]*)@", text)
    return sorted({each for each in found if each}, key=len, reverse=True)


def _read(text: str) -> URL | None:
    try:
        url = make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return None
    # A password with an @ of its own has not ended where it seems to.
    return None if "@" in f"{url.host}{url.database}" else url
