"""The doors for readings: InfluxDB's line protocol and columns of JSON; an answer follows the commit."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.errors import BadInput
from app.http.access import writer_of
from app.http.answers import json_answer
from app.http.service import service_of
from app.ingest.delivery import Receipt


async def write_line_protocol(request: Request) -> Response:
    """204 where every line is stored; 400 names the lines that are not, and the rest is stored all the same."""
    service, viewer = service_of(request), await writer_of(request)
    async with service.bodies.read(request) as body:
        receipt = await service.intake.line_protocol(body, request.query_params.get("precision", ""), viewer)
    if not receipt.refused:
        return Response(status_code=204)
    message = _partial(receipt)
    return json_answer({"code": "invalid", "message": message, "error": message, **_account(receipt)}, 400)


async def write_json(request: Request) -> Response:
    """200 where every reading is stored; 400 names those that are not, and the rest is stored all the same."""
    service, viewer = service_of(request), await writer_of(request)
    async with service.bodies.read(request) as body:
        receipt = await service.intake.json_columns(body, viewer)
    if not receipt.refused:
        return json_answer(_account(receipt))
    return json_answer({"code": BadInput.code, "message": _partial(receipt), **_account(receipt)}, 400)


def routes() -> list[BaseRoute]:
    return [
        Route("/api/v2/write", write_line_protocol, methods=["POST"]),
        Route("/write", write_line_protocol, methods=["POST"]),
        Route("/api/v1/readings", write_json, methods=["POST"]),
    ]


def _partial(receipt: Receipt) -> str:
    named = "; ".join(f"{refusal.place}: {refusal.reason}" for refusal in receipt.named[:10])
    more = f"; and {receipt.refused - 10} more" if receipt.refused > 10 else ""
    return f"partial write: {receipt.stored} readings stored, {receipt.refused} pieces refused: {named}{more}"


def _account(receipt: Receipt) -> dict[str, object]:
    refused = [{"place": refusal.place, "reason": refusal.reason} for refusal in receipt.named]
    return {"stored": receipt.stored, "refused": refused, "refusedCount": receipt.refused}
