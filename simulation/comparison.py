"""Asks a service for every bucket of every series, and compares them with the truth."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from simulation.deliveries import Key
from simulation.differences import MEASURES, Comparison, compare_columns, instant
from simulation.metrics import BY_NAME, Metric
from simulation.plant import DAY, HOUR, MINUTE, SECOND, ZONE
from simulation.truth import Columns, SpanOf, buckets, days, fixed

Ask = Callable[[str, Mapping[str, object]], Awaitable[Any]]
"""Posts a query with variables, and gives its data."""
Expected = Mapping[Key, Mapping[int, tuple[float | None, int]]]

STEPS: Final = {"PT1M": MINUTE, "PT15M": 15 * MINUTE, "PT1H": HOUR, "PT6H": 6 * HOUR, "DAY": DAY}
"""The widths of all tiers; DAY goes by the clocks of the plant."""

ASKED: Final = (*MEASURES, "increase")
"""The truth knows `ends` and `coverage` as well."""

_MOST_BUCKETS = 100_000
"""In one answer: some megabytes."""
_MOST_STEPS = 672
"""Of a page that is longer than a day."""
_MOST_ROWS = 2_000_000
"""A request may touch 5,000,000 by default, but must also be answered in time."""

_IDS = "query ($path: String!) {machine(path: $path) {series {id metric {name}}}}"
_BUCKETS = """query ($ids: [ID!]!, $range: Range!, $every: Duration, $by: CalendarStep) {series(ids: $ids) {
  buckets(range: $range, every: $every, by: $by) {starts %s}
}}"""


async def compare(
    ask: Ask,
    expected: Expected,
    steps: Mapping[str, int] = STEPS,
    metrics: Mapping[str, Metric] = BY_NAME,
    measures: Sequence[str] = ASKED,
    compared: Callable[[int], None] = lambda _: None,
    zone: str = ZONE,
) -> Comparison:
    """`expected` has value and status by time (microseconds) for each machine's path and metric; `compared` is told
    how many series of a page have been compared. `zone` is that of the plant."""
    result = Comparison()
    ids = await _ids(ask, expected)
    for key in expected.keys() - ids.keys():
        result.say(f"{_name(key)}: the service has no such series")
    query = _BUCKETS % " ".join(measures)
    for step, width in steps.items():
        span_of = _span_of(step, width, zone)
        truth = {key: buckets(rows, span_of, metrics[key[1]]) for key, rows in expected.items()}
        for keys, start, end in pages(expected, step, width, zone):
            there = [key for key in keys if key in ids]
            asked = {"from": instant(start), "to": instant(end)}
            variables = {"ids": [ids[key] for key in there], "range": asked, "by" if step == "DAY" else "every": step}
            answer = (await ask(query, variables))["series"] if there else []
            found = {key: each["buckets"] for key, each in zip(there, answer, strict=True)}
            for key in keys:
                theirs = _columns(found.get(key), measures)
                compare_columns(f"{_name(key)}, {step}", theirs, _within(truth[key], start, end), result, measures)
            compared(len(keys))
    return result


def _span_of(step: str, width: int, zone: str) -> SpanOf:
    return days(zone) if step == "DAY" else fixed(width)


def pages(expected: Expected, step: str, width: int, zone: str = ZONE) -> Iterator[tuple[list[Key], int, int]]:
    """Series and ranges that together are everything, each cheap enough for one request.

    A range begins and ends on edges of buckets, so that none is answered twice.
    """
    ends = [(min(rows), max(rows)) for rows in expected.values() if rows]
    if not ends:
        return
    whole = _span_of(step, width, zone)
    first, last = whole(min(start for start, _ in ends))[0], whole(max(end for _, end in ends))[1]
    # Days are of different lengths: all of them are asked for at once.
    length = last - first if step == "DAY" else max(-(-DAY // width), _MOST_STEPS) * width
    for start in range(first, last, length):
        end = min(start + length, last)
        page: list[Key] = []
        rows = 0
        for key, readings in expected.items():
            # Where no interval is known, a reading a second is reckoned with; never more than there are.
            price = min(len(readings), (end - start) // SECOND)
            if page and (rows + price > _MOST_ROWS or (len(page) + 1) * (end - start) // width > _MOST_BUCKETS):
                yield page, start, end
                page, rows = [], 0
            page.append(key)
            rows += price
        yield page, start, end


async def _ids(ask: Ask, expected: Expected) -> dict[Key, str]:
    metrics: dict[str, set[str]] = defaultdict(set)
    for path, metric in expected:
        metrics[path].add(metric)
    found: dict[Key, str] = {}
    for path in metrics:
        machine = (await ask(_IDS, {"path": path}))["machine"]
        for series in machine["series"] if machine else []:
            found[path, series["metric"]["name"]] = series["id"]
    return found


def _within(columns: Columns, start: int, end: int) -> Columns:
    first, last = bisect_left(columns["starts"], start), bisect_left(columns["starts"], end)
    return {name: column[first:last] for name, column in columns.items()}


def _columns(answer: Mapping[str, list[Any]] | None, measures: Sequence[str]) -> Columns:
    """Starts come in milliseconds with fractions."""
    if answer is None:
        return {name: [] for name in ("starts", *measures)}
    return {"starts": [round(start * 1_000) for start in answer["starts"]], **{name: answer[name] for name in measures}}


def _name(key: Key) -> str:
    return f"{key[0]} {key[1]}"
