"""A million buckets in one answer: refused with its price before anything is read, or answered in little memory."""

import time
from datetime import datetime, timedelta
from typing import Final

import orjson

from bench.client import ask_once
from bench.figures import Figure, in_milliseconds, told
from bench.process import Service
from bench.sides import graphql

_MILLION: Final = 1_000_000
_MINUTES: Final = 1_440
_QUESTION: Final = """
query Million($from: DateTime!, $to: DateTime!) {
  plant(code: "year") { machines { series {
    buckets(range: {from: $from, to: $to}, every: "PT1M") { starts average minimum maximum }
  } } }
}
"""


async def million(running: Service, starts_at: datetime, series: int) -> list[Figure]:
    """Minutes of all series, of as many days as it takes."""
    days = -(-_MILLION // (series * _MINUTES))
    span = {"from": starts_at.isoformat(), "to": (starts_at + timedelta(days=days)).isoformat()}
    began = time.perf_counter()
    answer = orjson.loads(await ask_once(running.port, graphql(running.token, _QUESTION, span)))
    taken = in_milliseconds(time.perf_counter() - began)
    what = f"{series * days * _MINUTES:,} buckets in one request"
    if "errors" not in answer:
        return [told(what, f"answered in {taken}")]
    error = answer["errors"][0]
    if "limit" not in error["message"]:
        raise RuntimeError(f"a million buckets are answered with another error: {error}")
    return [told(what, f"refused in {taken}: {error['message']} {error['extensions']['hint']}")]
