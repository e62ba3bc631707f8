"""The reference for pages: routes with one statement each and nothing around it, as one would write them by hand."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.bounds import CONNECTIONS

Connections = asyncio.Queue[psycopg.AsyncConnection[tuple[object, ...]]]

_MACHINE = """
SELECT array_agg(start), array_agg(average), array_agg(minimum), array_agg(maximum) FROM (
    SELECT series_id, date_part('epoch', bucket) * 1000 AS start, sum / nullif(good + uncertain, 0) AS average,
        minimum, maximum
    FROM readings_1m WHERE series_id = ANY(%s) AND bucket >= %s AND bucket < %s ORDER BY series_id, bucket
) AS step GROUP BY series_id ORDER BY series_id
"""
_PLANT = """
SELECT machines.code, metrics.name, date_part('epoch', latest.time) * 1000, latest.value
FROM plants
JOIN lines ON lines.plant_id = plants.id
JOIN machines ON machines.line_id = lines.id
JOIN series ON series.machine_id = machines.id
JOIN metrics ON metrics.id = series.metric_id
JOIN latest ON latest.series_id = series.id
WHERE plants.code = %s ORDER BY machines.code, metrics.name
"""

_CUSTOM_PLANS = "-c plan_cache_mode=force_custom_plan"
"""A generic plan reads the day of all series on TimescaleDB: no reference to be proud of."""


async def machine(request: Request) -> Response:
    """Buckets of the series whose numbers are named, in the order of their numbers."""
    asked = request.query_params
    ids = [int(number) for number in asked["ids"].split(",")]
    span = datetime.fromisoformat(asked["from"]), datetime.fromisoformat(asked["to"])
    names = ("starts", "average", "minimum", "maximum")
    rows = await _fetch(request, _MACHINE, [ids, *span])
    return _json([dict(zip(names, row, strict=True)) for row in rows])


async def plant(request: Request) -> Response:
    """The latest reading of every metric of every machine."""
    found: dict[object, list[object]] = {}
    for code, metric, at, value in await _fetch(request, _PLANT, [request.query_params["code"]]):
        found.setdefault(code, []).append({"metric": metric, "time": at, "value": value})
    return _json(found)


async def alive(request: Request) -> Response:
    return PlainTextResponse("alive\n")


def application() -> Starlette:
    """For uvicorn's --factory; as many connections to the database as the client has to here."""

    @asynccontextmanager
    async def connected(app: Starlette) -> AsyncIterator[None]:
        app.state.connections = connections = Connections()
        opened = [
            await psycopg.AsyncConnection.connect(
                os.environ["BENCH_DATABASE_URL"], autocommit=True, options=_CUSTOM_PLANS
            )
            for _ in range(CONNECTIONS)
        ]
        for connection in opened:
            connections.put_nowait(connection)
        yield
        for connection in opened:
            await connection.close()

    routes = [Route("/machine", machine), Route("/plant", plant), Route("/healthz", alive)]
    return Starlette(routes=routes, lifespan=connected)


async def _fetch(request: Request, statement: str, parameters: list[object]) -> list[tuple[object, ...]]:
    connections: Connections = request.app.state.connections
    connection = await connections.get()
    try:
        async with connection.cursor(binary=True) as cursor:
            await cursor.execute(statement, parameters)
            return await cursor.fetchall()
    finally:
        connections.put_nowait(connection)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
