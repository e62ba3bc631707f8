"""Readings by the million: made by a statement in the database, a chunk at a time, and noted for the tiers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL

from app.domain.instants import EPOCH
from app.store.database import open_database
from app.store.engines import CHUNK
from bench.client import send_all
from bench.process import Service
from bench.readings import Stretch

_LATEST = """
UPDATE latest SET received = received + %(received)s, time = (
    SELECT max(time) FROM readings WHERE readings.series_id = latest.series_id
) WHERE series_id = ANY(%(series)s)
"""
_NOTE = "INSERT INTO touched (starts, ends) VALUES (%s, %s)"
_SERIES = """
SELECT array_agg(series.id ORDER BY machines.code, metrics.name) FROM series JOIN machines ON machines.id = machine_id
JOIN metrics ON metrics.id = metric_id
JOIN lines ON lines.id = line_id JOIN plants ON plants.id = plant_id WHERE plants.code = %s
"""


async def make_series(
    running: Service, connection: psycopg.AsyncConnection[tuple[object, ...]], first: Stretch
) -> list[int]:
    """The numbers of the series of a plant, which come with its first readings by the door, in the order
    of a stretch; these are removed again."""
    await send_all(running.port, first.requests(running.token))
    row = await (await connection.execute(_SERIES, [first.plant])).fetchone()
    if row is None or not isinstance(row[0], list):
        raise RuntimeError(f"the plant {first.plant} has no series")
    await connection.execute("DELETE FROM readings WHERE series_id = ANY(%s)", [row[0]])
    return row[0]


async def store(url: str, select: str, parameters: Mapping[str, Any], starts: datetime, ends: datetime) -> None:
    """Stores what `select` makes of `parameters` and of `starts` and `ends`, both included, of each chunk; among the
    parameters are `series`, their numbers, and the `interval` between their readings in seconds."""
    statement = SQL("INSERT INTO readings (series_id, time, value, quality) {}").format(SQL(select))
    step = timedelta(microseconds=1)
    async with open_database(url) as database, database.driver(autocommit=True) as connection:
        for number in range((starts - EPOCH) // CHUNK, (ends - step - EPOCH) // CHUNK + 1):
            await database.engine.open_chunks(connection, [number])
            first, last = EPOCH + number * CHUNK, EPOCH + (number + 1) * CHUNK
            span = {"starts": max(first, starts), "ends": min(last, ends) - step}
            await connection.execute(statement, {**parameters, **span})
        received = (ends - starts) // timedelta(seconds=1) // parameters["interval"]
        await connection.execute(_LATEST, {"series": parameters["series"], "received": received})
        await connection.execute(_NOTE, [starts, ends])
