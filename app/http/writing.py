"""The doors for readings: InfluxDB's line protocol and columns of JSON; an answer follows the commit."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.http.access import viewer_of
from app.http.answers import json_answer
from app.http.service import service_of
from app.ingest.delivery import Receipt


async def write_line_protocol(request: Request) -> Response:
    """204 where every line is stored; 400 names the lines that are not, and the rest is stored all the same."""
    service, viewer = service_of(request), await viewer_of(request)
    viewer.must_write()
    async with service.bodies.read(request) as body:
        receipt = await service.intake.line_protocol(body, request.query_params.get("precision", "ns"), viewer)
    if not receipt.refused:
        return Response(status_code=204)
    message = f"partial write: {receipt.stored} readings stored, {receipt.refused} pieces refused: {_named(receipt)}"
    return json_answer({"code": "invalid", "message": message, "error": message, **_account(receipt)}, 400)


async def write_json(request: Request) -> Response:
    """200 where every reading is stored; 400 names those that are not, and the rest is stored all the same."""
    service, viewer = service_of(request), await viewer_of(request)
    viewer.must_write()
    async with service.bodies.read(request) as body:
        receipt = await service.intake.json_columns(body, viewer)
    return json_answer(_account(receipt), 400 if receipt.refused else 200)


def routes() -> list[BaseRoute]:
    return [
        Route("/api/v2/write", write_line_protocol, methods=["POST"]),
        Route("/write", write_line_protocol, methods=["POST"]),
        Route("/api/v1/readings", write_json, methods=["POST"]),
    ]


def _named(receipt: Receipt) -> str:
    named = "; ".join(f"{refusal.place}: {refusal.reason}" for refusal in receipt.named[:10])
    return named if receipt.refused <= 10 else f"{named}; and {receipt.refused - 10} more"


def _account(receipt: Receipt) -> dict[str, object]:
    refused = [{"place": refusal.place, "reason": refusal.reason} for refusal in receipt.named]
    return {"stored": receipt.stored, "refused": refused, "refusedCount": receipt.refused}
