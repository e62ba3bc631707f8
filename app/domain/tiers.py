"""Which tiers answer a question, and which spans of it must come from finer ones or from raw readings."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.domain.instants import MINUTE, instant, microseconds
from app.domain.spans import Span, at_most, merged, overlapping, widened, without
from app.errors import BadInput

ORIGIN = microseconds(datetime.fromisoformat("2000-01-03T00:00:00Z"))
"""Fixed steps count from this Monday, as TimescaleDB's time_bucket does."""

MOST_SPANS = 4
"""Of what a tier leaves to finer ones. Beyond, neighbouring spans are read together: each costs a branch."""

RAW = "RAW"


class Tier(NamedTuple):
    """A rollup by the width of its buckets, in microseconds; its name is the same as an ISO 8601 duration."""

    name: str
    width: int


MINUTES = Tier("PT1M", MINUTE)
QUARTERS = Tier("PT15M", 15 * MINUTE)
HOURS = Tier("PT1H", 60 * MINUTE)
SIX_HOURS = Tier("PT6H", 360 * MINUTE)
TIERS = (MINUTES, QUARTERS, HOURS, SIX_HOURS)
"""From fine to coarse; each divides the next, and all divide a day. The hours make days in most time zones: without
them a year of days of one series reads 8,800 quarters beside its six-hour buckets, with them 2,200 hours."""
SOURCES = (RAW, *(tier.name for tier in TIERS))
"""All that answers, from fine to coarse."""

LONG_AGO = microseconds(datetime.min.replace(tzinfo=UTC))


class Part(NamedTuple):
    """A span, and what answers it: the name of a tier, or RAW."""

    source: str
    span: Span


class Plan(NamedTuple):
    """How to answer `[start, end)` in steps of `width` counted from `origin`, all in microseconds.

    `tier` is the coarsest that fits the steps, or RAW; the parts meet and cover the range, each from its source.
    """

    tier: str
    start: int
    end: int
    width: int
    origin: int
    parts: tuple[Part, ...]

    @property
    def steps(self) -> int:
        """How many steps there are, filled or not."""
        return -(-(self.end - self.start) // self.width)


class Freshness(NamedTuple):
    """Behind its watermark a tier is materialised, except in the `touched` spans; watermarks as in TIERS.

    `gone` is where what is kept begins: of raw readings, then of each tier.
    """

    watermarks: tuple[int, ...]
    touched: tuple[Span, ...] = ()
    gone: tuple[int, ...] = (LONG_AGO,) * (1 + len(TIERS))

    @classmethod
    def at(
        cls, watermark: int, touched: Iterable[Span] = (), gone: tuple[int, ...] = (LONG_AGO,) * (1 + len(TIERS))
    ) -> "Freshness":
        """Every tier materialised as far as whole buckets go."""
        return cls(tuple(watermark // tier.width * tier.width for tier in TIERS), tuple(touched), gone)

    @property
    def watermark(self) -> int:
        """That of the finest tier: nothing behind it is provisional unless it is touched."""
        return self.watermarks[0]


def plan_buckets(asked: Span, width: int, freshness: Freshness) -> Plan:
    """Whole buckets that overlap the range: a bucket has one value whatever range asks for it.

    BadInput for steps so fine that what they are made of is not kept any more: exact or nothing.
    """
    whole = on_grid(asked, width)
    plan = _plan(whole, width, ORIGIN, freshness)
    check_kept(plan.tier, whole.start, freshness)
    return plan


def on_grid(asked: Span, width: int) -> Span:
    """From the start of the first step that overlaps the range to the end of the last."""
    return Span(on_step(asked.start, width), ORIGIN - (ORIGIN - asked.end) // width * width)


def on_step(at: int, width: int) -> int:
    """Where the step begins that holds an instant."""
    return ORIGIN + (at - ORIGIN) // width * width


def check_kept(source: str, start: int, freshness: Freshness) -> None:
    """BadInput where what is wanted from `start` on is not kept any more."""
    kept_since = freshness.gone[SOURCES.index(source)]
    if start < kept_since:
        raise BadInput(
            f"Steps of this width are made of {source}, which is kept since {instant(kept_since):%Y-%m-%dT%H:%MZ}.",
            "Ask for a later range, or for steps that are multiples of PT1M, PT15M, PT1H or PT6H.",
        )


def plan_plot(asked: Span, points: int, freshness: Freshness, finest: int = 0) -> Plan:
    """At most `points` columns, from the coarsest tier that is no wider than one. Where that is not kept any more, or
    is finer than the place in SOURCES that may be used, from the next coarser one: columns of whole buckets then."""
    width = -(-(asked.end - asked.start) // points)
    wanted = max(max(each for each in _WIDTHS if each <= width), _WIDTHS[finest])
    kept = [each for each, gone in zip(_WIDTHS, freshness.gone, strict=True) if gone <= asked.start]
    grain = min((each for each in kept if each >= wanted), default=TIERS[-1].width)
    if not grain:
        return _plan(asked, width, asked.start, freshness)
    start = asked.start // grain * grain
    whole = -(-(asked.end - start) // points)
    return _plan(asked, -(-whole // grain) * grain, start, freshness)


_WIDTHS = (0, *(tier.width for tier in TIERS))


def _plan(span: Span, width: int, origin: int, freshness: Freshness) -> Plan:
    """From fine to coarse: what a tier cannot answer is left to what is finer, the rest to what is coarser."""
    parts: list[Part] = []
    source, finer = RAW, list[Span]()
    left = list(freshness.touched)
    for tier, watermark in zip(TIERS, freshness.watermarks, strict=True):
        if width % tier.width or (origin - ORIGIN) % tier.width:
            break
        left = at_most(_left(span, tier.width, watermark, left), MOST_SPANS)
        parts += [Part(source, part) for part in without(left, finer)]
        source, finer = tier.name, left
    parts += [Part(source, part) for part in without([span], finer)]
    return Plan(source, *span, width, origin, tuple(parts))


def _left(span: Span, width: int, watermark: int, stale: Sequence[Span]) -> list[Span]:
    """Edges off the grid, all behind the watermark, and the whole buckets around what is stale."""
    first, last = -(-span.start // width) * width, span.end // width * width
    edges = [Span(span.start, first), Span(last, span.end), Span(watermark // width * width, span.end)]
    return merged(overlapping([*edges, *(widened(each, width) for each in stale)], *span))


def price(plan: Plan, interval: timedelta | None, received: int) -> int:
    """Rows that one series' answer may touch: buckets of the tiers and raw readings at the expected interval (one a
    second where none is set), or the steps of the answer if these are more; never more than the series has received."""
    widths = {tier.name: tier.width for tier in TIERS}
    widths[RAW] = max((interval or timedelta(seconds=1)) // timedelta(microseconds=1), 1)
    touched: dict[str, int] = {}
    for source, span in plan.parts:
        touched[source] = touched.get(source, 0) + span.end - span.start
    rows = sum(length // widths[source] for source, length in touched.items())
    return min(max(rows, plan.steps), received)
