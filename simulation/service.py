"""The running service as its customers meet it: readings in, answers out, patience where it asks for some."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx

from simulation.trouble import Trouble
from simulation.wire import Body

PATIENCE: Final = 60.0
"""Seconds for which the service may be away or busy."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_COME_BACK = (429, 502, 503, 504)
_ADMIN = "Make one with `linegraph token create messy --role admin` and give it as --token."


class Customer:
    """Speaks to one service. Nothing is taken for stored before it is acknowledged, and until then it is sent again."""

    def __init__(self, client: httpx.AsyncClient, patience: float = PATIENCE) -> None:
        self._client = client
        self._patience = patience

    async def reach(self) -> None:
        """Trouble where nobody answers, at once."""
        try:
            await self._client.get("/healthz")
        except httpx.TransportError as error:
            raise Trouble(
                f"No service answers at {self._client.base_url}: {str(error) or type(error).__name__}.",
                "Start it with `linegraph serve` or `linegraph demo`, or name another with --url.",
            ) from error

    async def send(self, body: Body) -> None:
        """Returns when everything in it is acknowledged."""
        answer = await self._post(body.target, body.content)
        if not answer.is_success:
            raise Trouble(
                f"The service refused readings with {answer.status_code}: {_said(answer)}",
                "Look at its settings: LINEGRAPH_EARLIEST, LINEGRAPH_AHEAD, LINEGRAPH_BODY_LIMIT.",
            )

    async def ask(self, query: str, variables: Mapping[str, object]) -> Any:
        """The data of a query; Trouble where it has errors."""
        request = {"query": query, "variables": dict(variables)}
        answer = await self._post("/graphql", httpx.Request("POST", "http://-", json=request).content)
        found = _decoded(answer)
        if not answer.is_success or "errors" in found or "data" not in found:
            raise Trouble(f"The service does not answer a question: {_said(answer)}", "Its log may say more.")
        return found["data"]

    async def _post(self, target: str, content: bytes) -> httpx.Response:
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience, _FIRST_PAUSE
        while True:
            try:
                answer = await self._client.post(target, content=content, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                said, asked_for = str(error) or type(error).__name__, 0.0
            else:
                if answer.status_code not in _COME_BACK:
                    return _allowed(answer)
                said, asked_for = _said(answer), _seconds(answer)
            pause = min(max(pause * 2, asked_for), max(_LONGEST_PAUSE, asked_for))
            if loop.time() + pause > until:
                raise Trouble(
                    f"The service has not taken a request for {self._patience:g} s: {said}",
                    "See how it is doing at /readyz and in its log, and start again: sending twice is harmless.",
                )
            await asyncio.sleep(pause)


def _allowed(answer: httpx.Response) -> httpx.Response:
    if answer.status_code == 401:
        raise Trouble("The service does not know this token.", _ADMIN)
    if answer.status_code == 403:
        raise Trouble("This token may not do that.", _ADMIN)
    return answer


def _seconds(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return float(after) if after.isdigit() else 0.0


def _decoded(answer: httpx.Response) -> Any:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(answer: httpx.Response) -> str:
    """What an answer says of an error, in whichever of the shapes its door has."""
    found = _decoded(answer)
    if errors := found.get("errors"):
        return str(errors[0].get("message", errors[0]))
    if refused := found.get("refused"):
        return f"{refused[0].get('place')}: {refused[0].get('reason')}"
    return str(found.get("message") or f"status {answer.status_code}")
