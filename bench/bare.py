"""The reference for pages: routes with one statement each and nothing around it, as one would write them by hand."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

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
# As in the coarsest tier, in columns of a chart.
_CURVES = """
SELECT array_agg(first_at), array_agg(first), array_agg(minimum_at), array_agg(minimum), array_agg(maximum_at),
    array_agg(maximum), array_agg(last_at), array_agg(last)
FROM (
    SELECT series_id, date_bin(%s, bucket, %s) AS start, date_part('epoch', min(first_at)) * 1000 AS first_at,
        {first} AS first, date_part('epoch', {minimum_at}) * 1000 AS minimum_at, min(minimum) AS minimum,
        date_part('epoch', {maximum_at}) * 1000 AS maximum_at, max(maximum) AS maximum,
        date_part('epoch', max(last_at)) * 1000 AS last_at, {last} AS last
    FROM readings_6h WHERE series_id = ANY(%s) AND bucket >= %s AND bucket < %s
    GROUP BY series_id, start ORDER BY series_id, start
) AS step GROUP BY series_id ORDER BY series_id
"""
_TIMESCALE = {
    "first": "first(first, first_at)",
    "minimum_at": "first(minimum_at, minimum)",
    "maximum_at": "last(maximum_at, maximum)",
    "last": "last(last, last_at)",
}
_PLAIN = {
    "first": "(array_agg(first ORDER BY first_at))[1]",
    "minimum_at": "(array_agg(minimum_at ORDER BY minimum))[1]",
    "maximum_at": "(array_agg(maximum_at ORDER BY maximum DESC))[1]",
    "last": "(array_agg(last ORDER BY last_at DESC))[1]",
}
_IS_TIMESCALE = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"

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


async def curves(request: Request) -> Response:
    """First, lowest, highest and last of every column, of the series whose numbers are named, in their order."""
    asked = request.query_params
    ids = [int(number) for number in asked["ids"].split(",")]
    start, end = datetime.fromisoformat(asked["from"]), datetime.fromisoformat(asked["to"])
    width = timedelta(seconds=int(asked["seconds"]))
    names = ("first_at", "first", "minimum_at", "minimum", "maximum_at", "maximum", "last_at", "last")
    rows = await _fetch(request, request.app.state.curves, [width, start, ids, start, end])
    return _json([dict(zip(names, row, strict=True)) for row in rows])


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
        timescale = await (await opened[0].execute(_IS_TIMESCALE)).fetchone()
        app.state.curves = _CURVES.format(**(_TIMESCALE if timescale == (True,) else _PLAIN))
        yield
        for connection in opened:
            await connection.close()

    routes = [
        Route("/machine", machine),
        Route("/plant", plant),
        Route("/curves", curves),
        Route("/healthz", alive),
    ]
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
