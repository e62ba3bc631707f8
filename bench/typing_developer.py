"""A developer who types: small queries that grow field by field, each run some times, and what they cost beside SQL."""

import time
from collections.abc import Iterator
from itertools import accumulate
from statistics import median
from typing import Final

import orjson

from bench.bounds import LEAST_KNOWN, MOST_SMALL
from bench.client import Connection, ask_once, request
from bench.figures import Figure, at_least_share, at_most_seconds
from bench.process import Service
from bench.sides import graphql

_RUNS: Final = 5
"""Of each text."""
_QUESTIONS: Final = {
    'plant(code: "plant") {': ("code", "name", "timeZone", "lines { code }"),
    "plants(first: 2) {": ("totalCount", "edges { node { code } }", "pageInfo { hasNextPage }"),
    'machine(path: "plant/line-0/machine-000") {': (
        "code", "name", "path", "line { name }", "series { id }", "plant { name }",
    ),
    'machines(filter: {search: "machine-01"}, first: 5) {': ("totalCount", "edges { node { path name } }"),
    'line(path: "plant/line-1") {': ("name", "path", "machines { name }"),
}  # fmt: skip
"""Heads, and the fields that are added to them one by one."""


async def small_queries(running: Service) -> list[Figure]:
    """The time at one client, without that of the statements, and how many texts were parsed and validated before."""
    texts = list(_texts())
    before, spent = await _documents(running), list[float]()
    connection = await Connection.open(running.port)
    for text in texts:
        raw = graphql(running.token, text, {})
        for _ in range(_RUNS):
            began = time.perf_counter()
            answer = orjson.loads(await connection.ask(raw))
            taken = time.perf_counter() - began
            if "errors" in answer:
                raise RuntimeError(f"{text} is answered with an error: {answer['errors'][0]}")
            spent.append(taken - answer["extensions"]["cost"]["statementMilliseconds"] / 1_000)
    await connection.close()
    hits, misses = (after - first for after, first in zip(await _documents(running), before, strict=True))
    return [
        at_most_seconds(
            f"small queries: {len(texts)} texts, {_RUNS} times each, at one client; without statements",
            median(spent), MOST_SMALL,
        ),
        at_least_share("small queries: found parsed and validated", hits, hits + misses, LEAST_KNOWN),
    ]  # fmt: skip


def _texts() -> Iterator[str]:
    """Every step at which somebody would look what comes."""
    for head, fields in _QUESTIONS.items():
        for written in accumulate(fields, "{} {}".format):
            yield f"{{ {head} {written} }} }}"


async def _documents(running: Service) -> tuple[int, int]:
    """Hits and misses of the service so far; one cache remembers what was parsed and found valid."""
    said = (await ask_once(running.port, request("GET", "/metrics", running.token))).decode()
    counted = dict(line.rsplit(" ", 1) for line in said.splitlines() if line.startswith("linegraph_query_cache"))
    hits, misses = (float(counted[f'linegraph_query_cache{{outcome="{outcome}"}}']) for outcome in ("hits", "misses"))
    return int(hits), int(misses)
