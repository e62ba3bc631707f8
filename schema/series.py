"""Series and their readings: latest, plots, buckets and the readings themselves."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import strawberry
from strawberry import Parent

from app.domain.asking import asked_points, asked_steps
from app.domain.calendar import CalendarStep
from app.domain.filling import Fill
from app.domain.finality import Finality
from app.domain.latest import LatestReadings
from app.domain.model import Label, Machine, Reading, Series
from app.domain.quality import Quality
from app.read.columns import Buckets, Plot, Readings
from app.read.counters import CounterEvent, EventKey
from app.read.curves import PlotKey, asked_page
from app.read.plants import LatestKey
from app.read.steps import COUNTED, INCREASE, MEAN, REVISIONS, BucketKey
from schema.catalog import MachineNode, MetricType, Node
from schema.context import Info
from schema.counters import CounterEventType
from schema.inputs import RangeInput
from schema.lasting import OF_CATALOG
from schema.selecting import selected
from schema.wanted import MANY, Many

strawberry.enum(Quality, description="The class of an OPC UA status code.")
strawberry.enum(
    Fill,
    description="NONE leaves out empty buckets; NULLS keeps them as null; PREVIOUS carries the last value on; LINEAR"
    " joins the neighbours' averages. Nothing is filled beyond now.",
)

ASKED_UNIT = strawberry.argument(description="Another unit to answer in, as a UCUM code: [degF], mbar, /h.")
MEASURES: Mapping[str, str] = {
    "average": MEAN,
    "count": COUNTED,
    "uncertain": COUNTED,
    "coverage": COUNTED,
    "minimum": "minimum",
    "maximum": "maximum",
    "first": "first",
    "last": "last",
    "bad": "bad",
    "worst": "bad",
    "increase": INCREASE,
    "finality": REVISIONS,
    "revisedAt": REVISIONS,
}
"""What each column of buckets is made of."""


@strawberry.type(name="Label", description="The text that a code of a series stands for.")
class LabelType:
    code: int
    text: str


@strawberry.type(name="Reading", description="Value and quality at an event time.")
class ReadingType:
    time: datetime
    value: float | None
    text: str | None = strawberry.field(description="The label of the value, where the series has labels.")
    quality: Quality
    status: float = strawberry.field(description="The full 32-bit OPC UA status code.")


@strawberry.type(
    name="Plot",
    description="Columns of equal length. Times are milliseconds since 1970-01-01 UTC; a null value marks a gap.",
)
class PlotType:
    unit: str | None
    times: list[float]
    values: list[float | None]
    quality: Quality = strawberry.field(description="The worst quality of what was read.")
    tier: str = strawberry.field(description="What it was served from: RAW or the width of a rollup, for example PT1M.")


@strawberry.type(name="Buckets", description="Columns of equal length, one entry a bucket.")
class BucketsType:
    unit: str | None
    starts: list[float]
    ends: list[float]
    count: list[int] = strawberry.field(description="Good and uncertain readings.")
    uncertain: list[int] = strawberry.field(description="Uncertain readings, which count.")
    bad: list[int] = strawberry.field(description="Bad readings, which are counted here alone.")
    worst: list[Quality] = strawberry.field(description="The worst quality of what was received; GOOD for nothing.")
    average: list[float | None]
    minimum: list[float | None]
    maximum: list[float | None]
    first: list[float | None]
    last: list[float | None]
    increase: list[float | None] = strawberry.field(
        description="Counters: the increase within the bucket, resets accounted for."
    )
    coverage: list[float | None] = strawberry.field(
        description="Received readings over expected ones, 0 to 1; null where no interval is known."
    )
    finality: list[Finality]
    revised_at: list[float | None] = strawberry.field(
        description="When a number of the bucket has last changed after it was final, in milliseconds since 1970."
    )
    tier: str = strawberry.field(description="The coarsest it was served from: RAW or the width of a rollup.")


@strawberry.type(name="Readings", description="Columns of equal length, one entry a reading.")
class ReadingsType:
    unit: str | None
    times: list[float]
    values: list[float | None]
    statuses: list[float]
    end_cursor: str | None
    has_next_page: bool


def latest_key(series: Sequence[Series], info: Info) -> LatestKey:
    return LatestKey.of(series, texts="text" in selected(info))


def latest_of(key: LatestKey, info: Info) -> Awaitable[LatestReadings]:
    return info.context.loaders.latest_by_group.load(key)


@strawberry.type(name="Series", description="One metric on one machine, or a source tag that is not mapped yet.")
class SeriesNode(Node):
    source: str = strawberry.field(description="The tag as its source names it.")
    metric: MetricType | None
    unmapped_reason: str | None = strawberry.field(description="Why the series belongs to no machine.")

    @strawberry.field(graphql_type=MachineNode | None, metadata=OF_CATALOG)
    @staticmethod
    async def machine(root: Parent[Series], info: Info) -> Machine | None:
        return await info.context.loaders.machine_by_id.load(root.machine_id) if root.machine_id else None

    @strawberry.field(
        description="In which values are answered: the metric's, where the source's converts to it, else the source's.",
        metadata=OF_CATALOG,
    )
    @staticmethod
    def unit(root: Parent[Series]) -> str | None:
        return root.shown.unit

    @strawberry.field(graphql_type=list[LabelType])
    @staticmethod
    def labels(root: Parent[Series], info: Info) -> Awaitable[list[Label]]:
        return info.context.loaders.labels_by_series.load(root.id)

    @strawberry.field(graphql_type=ReadingType | None, metadata={MANY: Many(latest_key, latest_of)})
    @staticmethod
    async def latest(root: Parent[Series], info: Info) -> Reading | None:
        return (await latest_of(latest_key([root], info), info)).readings()[0]

    @strawberry.field(
        graphql_type=PlotType,
        description="For a chart: the first, lowest, highest and last reading of each of at most `points` columns,"
        " at their times. From a coarser `tier` than would fit where the request would cost too much.",
    )
    @staticmethod
    def plot(
        root: Parent[Series],
        info: Info,
        range: RangeInput,
        points: int = 800,
        unit: Annotated[str | None, ASKED_UNIT] = None,
    ) -> Awaitable[Plot]:
        asked, judged = range.span(info.context.now), "quality" in selected(info)
        key = PlotKey(root, asked, asked_points(points), root.shown_in(unit), judged)
        return info.context.loaders.plot_by_key.load(key)

    @strawberry.field(
        graphql_type=BucketsType,
        description="For tables and bars: fixed steps (`every`) or calendar steps (`by`) in the plant's time zone, one"
        " of the two. Fixed steps are aligned to Monday 2000-01-03T00:00Z; P1D there means 24 hours of UTC. Buckets"
        " that overlap the range are answered whole, so that a bucket has one value whatever range it is asked in.",
    )
    @staticmethod
    def buckets(
        root: Parent[Series],
        info: Info,
        range: RangeInput,
        every: timedelta | None = None,
        by: CalendarStep | None = None,
        fill: Fill = Fill.NONE,
        unit: Annotated[str | None, ASKED_UNIT] = None,
    ) -> Awaitable[Buckets]:
        asked = range.span(info.context.now)
        key = BucketKey(root, asked, asked_steps(every, by), fill, looked_at(info), root.shown_in(unit))
        return info.context.loaders.buckets_by_key.load(key)

    @strawberry.field(
        graphql_type=list[CounterEventType],
        description="Where a counter fell: what it was taken for, and what was said of it. Empty for other kinds.",
    )
    @staticmethod
    def counter_events(root: Parent[Series], info: Info, range: RangeInput) -> Awaitable[list[CounterEvent]]:
        return info.context.loaders.counter_events_by_key.load(EventKey(root, range.span(info.context.now)))

    @strawberry.field(graphql_type=ReadingsType, description="The readings themselves, oldest first.")
    @staticmethod
    def readings(
        root: Parent[Series],
        info: Info,
        range: RangeInput,
        first: int = 1_000,
        after: str | None = None,
        unit: Annotated[str | None, ASKED_UNIT] = None,
    ) -> Awaitable[Readings]:
        key = asked_page(root, range.span(info.context.now), first, after, unit)
        return info.context.loaders.readings_by_key.load(key)

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Series)


def looked_at(info: Info) -> frozenset[str]:
    """The measures that a selection of buckets needs."""
    return frozenset(MEASURES[name] for name in selected(info) if name in MEASURES)
