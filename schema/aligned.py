"""Series of a line side by side: what happened to the same material stands at the same time."""

from collections.abc import Awaitable
from datetime import timedelta

import strawberry
from strawberry import Parent

from app.read.aligned import AlignedSeries
from app.read.columns import Buckets
from schema.context import Info
from schema.series import BucketsType, SeriesNode, looked_at


@strawberry.type(
    name="AlignedSeries",
    description="A series seen from the start of its line: times are moved back by `offset`.",
)
class AlignedSeriesType:
    series: SeriesNode
    offset: timedelta = strawberry.field(description="How long material takes from the line's start to the machine.")

    @strawberry.field(
        graphql_type=BucketsType,
        description="Whole buckets on the grid of the line's start: the one that starts at t is of what was read from"
        " t + offset on.",
    )
    @staticmethod
    def buckets(root: Parent[AlignedSeries], info: Info) -> Awaitable[Buckets]:
        return info.context.loaders.buckets_by_key.load(root.key(looked_at(info)))
