"""Two sides of a comparison: questions to the service, and requests for the same numbers to the bare routes."""

from collections.abc import Mapping
from typing import Any

import orjson

from bench.bounds import CONNECTIONS
from bench.client import ask_once, rate, request
from bench.figures import Comparison, taking_turns

_WARM_UP = 0.5
"""Seconds."""
Target = tuple[int, list[bytes]]
"""A port, and the requests that go there."""


async def beside(ours: Target, theirs: Target, seconds: float) -> Comparison:
    """Requests a second of both, measured in turns, after each has run for a moment."""

    async def run_of(target: Target) -> float:
        port, requests = target
        # Every connection starts elsewhere, so that they do not all ask for the same at once.
        turned = [requests[at % len(requests) :] + requests[: at % len(requests)] for at in range(CONNECTIONS)]
        return await rate(port, turned, seconds)

    for target in (ours, theirs):  # plans and caches are made before the clock starts
        await rate(target[0], [target[1]] * CONNECTIONS, _WARM_UP)
    return await taking_turns(lambda _: run_of(ours), lambda _: run_of(theirs))


def graphql(token: str, query: str, variables: Mapping[str, object]) -> bytes:
    """A question as it goes over the wire."""
    body = orjson.dumps({"query": query, "variables": variables})
    return request("POST", "/graphql", token, body, "application/json")


async def answered(port: int, raw: bytes) -> Any:
    """What is answered as JSON; RuntimeError where GraphQL answers with an error."""
    answer = orjson.loads(await ask_once(port, raw))
    if "errors" in answer:
        raise RuntimeError(f"the service answers with an error: {answer['errors'][0]}")
    return answer


def must_be_same(ours: object, theirs: object) -> None:
    if ours != theirs:
        raise RuntimeError("the service and its reference do not answer the same numbers")
