"""Is it alive, is it ready, what does it count; and what InfluxDB clients ask before they write."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.errors import LinegraphError
from app.http.access import viewer_of
from app.http.answers import headers_of, json_answer
from app.http.service import service_of


async def alive(request: Request) -> Response:
    return PlainTextResponse("alive\n")


async def ready(request: Request) -> Response:
    """200 once the database can be reached and is migrated."""
    try:
        await service_of(request).ready()
    except LinegraphError as error:
        return json_answer({"status": "unavailable", "code": error.code, "message": str(error)}, 503, headers_of(error))
    return json_answer({"status": "ready"})


async def influx_ping(request: Request) -> Response:
    """InfluxDB clients look for a version; the build tells that it is not InfluxDB."""
    return Response(status_code=204, headers={"X-Influxdb-Version": "2.7.0", "X-Influxdb-Build": "linegraph"})


async def influx_health(request: Request) -> Response:
    """The health of InfluxDB's clients: pass or fail."""
    service = service_of(request)
    try:
        await service.ready()
    except LinegraphError as error:
        failed = {"name": "linegraph", "status": "fail", "message": str(error), "version": service.version}
        return json_answer(failed, 503, headers_of(error))
    return json_answer({"name": "linegraph", "status": "pass", "message": "ready", "version": service.version})


async def metrics(request: Request) -> Response:
    """Prometheus' text format, for a token that may read."""
    (await viewer_of(request)).must_read()
    return Response(service_of(request).observer.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def routes() -> list[BaseRoute]:
    return [
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/ping", influx_ping),
        Route("/health", influx_health),
        Route("/metrics", metrics),
    ]
