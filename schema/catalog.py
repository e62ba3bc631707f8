"""Plants, lines, machines, their types and metrics, as askers see them."""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import Parent
from strawberry.scalars import JSON

from app.domain.asking import fixed_step
from app.domain.model import Line, Machine, MachineType, Metric, MetricKind, Plant, Series
from app.read.aligned import AlignedSeries
from schema.context import Info
from schema.ids import Identified, node_id
from schema.inputs import RangeInput
from schema.kpis import KPI_OF_MANY, KPI_OF_ONE, KpiType, kpi
from schema.lasting import OF_CATALOG

if TYPE_CHECKING:
    from schema.aligned import AlignedSeriesType
    from schema.series import SeriesNode

AlignedType = Annotated["AlignedSeriesType", strawberry.lazy("schema.aligned")]
LineType = Annotated["LineNode", strawberry.lazy("schema.catalog")]
MachineNodeType = Annotated["MachineNode", strawberry.lazy("schema.catalog")]
SeriesType = Annotated["SeriesNode", strawberry.lazy("schema.series")]
strawberry.enum(
    MetricKind, description="A GAUGE goes up and down, a COUNTER grows until it resets, a STATE is a code with a label."
)


@strawberry.interface(name="Node", description="Anything with an id of its own.")
class Node:
    @strawberry.field(description="Opaque; stays through mapping, renaming and moving.", metadata=OF_CATALOG)
    @staticmethod
    def id(root: Parent[Identified]) -> strawberry.ID:
        return node_id(root)


@strawberry.type(name="Derivation", description="How the service computes the readings of a metric.")
class DerivationType:
    formula: str
    every: timedelta = strawberry.field(description="A reading for each such step, at its start.")


@strawberry.type(name="Metric", description="A definition: the same metric on many machines is many series.")
class MetricType:
    name: str
    display_name: str
    unit: str | None = strawberry.field(description="UCUM code, for example Cel, bar, /min.")
    kind: MetricKind
    description: str | None
    derived: DerivationType | None = strawberry.field(
        description="What its readings are computed from; null where they are sent."
    )


@strawberry.type(name="MachineType", description="An equipment class: its machines have the same metrics.")
class MachineTypeType:
    name: str

    @strawberry.field(graphql_type=list[MetricType], metadata=OF_CATALOG)
    @staticmethod
    def metrics(root: Parent[MachineType], info: Info) -> Awaitable[list[Metric]]:
        return info.context.loaders.metrics_by_machine_type.load(root.id)


@strawberry.type(name="Plant", description="A site.")
class PlantNode(Node):
    code: str
    name: str
    path: str
    time_zone: str = strawberry.field(description="IANA name, for example America/Detroit.")

    @strawberry.field(graphql_type=JSON, metadata=OF_CATALOG)
    @staticmethod
    def attributes(root: Parent[Plant]) -> Mapping[str, object]:
        return root.attributes

    @strawberry.field(graphql_type=list[LineType], metadata=OF_CATALOG)
    @staticmethod
    def lines(root: Parent[Plant], info: Info) -> Awaitable[list[Line]]:
        return info.context.loaders.lines_by_plant.load(root.id)

    @strawberry.field(graphql_type=list[MachineNodeType], metadata=OF_CATALOG)
    @staticmethod
    def machines(root: Parent[Plant], info: Info) -> Awaitable[list[Machine]]:
        return info.context.loaders.machines_by_plant.load(root.id)

    kpi = strawberry.field(resolver=kpi, graphql_type=KpiType, description=KPI_OF_MANY)

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Plant)


@strawberry.type(name="Line", description="A work centre of the kind production line.")
class LineNode(Node):
    code: str
    name: str
    path: str = strawberry.field(description="plant/line")

    @strawberry.field(graphql_type=JSON, metadata=OF_CATALOG)
    @staticmethod
    def attributes(root: Parent[Line]) -> Mapping[str, object]:
        return root.attributes

    @strawberry.field(graphql_type=PlantNode, metadata=OF_CATALOG)
    @staticmethod
    def plant(root: Parent[Line], info: Info) -> Awaitable[Plant | None]:
        return info.context.loaders.plant_by_id.load(root.plant_id)

    @strawberry.field(
        graphql_type=list[MachineNodeType], description="In the order of material flow.", metadata=OF_CATALOG
    )
    @staticmethod
    def machines(root: Parent[Line], info: Info) -> Awaitable[list[Machine]]:
        return info.context.loaders.machines_by_line.load(root.id)

    @strawberry.field(
        graphql_type=list[AlignedType],
        description="Series of this line's machines, each shifted by its machine's offset along the flow of material:"
        " by machine, then by metric name. Metrics that a machine does not have are left out.",
    )
    @staticmethod
    def aligned(
        root: Parent[Line], info: Info, metrics: list[str], range: RangeInput, every: timedelta
    ) -> Awaitable[list[AlignedSeries]]:
        asked, step = range.span(info.context.now), fixed_step(every)
        return info.context.loaders.aligned(root.id, metrics, asked, step)

    kpi = strawberry.field(resolver=kpi, graphql_type=KpiType, description=KPI_OF_MANY)

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Line)


@strawberry.type(name="Machine", description="A work unit.")
class MachineNode(Node):
    code: str
    name: str
    path: str = strawberry.field(description="plant/line/machine")

    @strawberry.field(graphql_type=JSON, metadata=OF_CATALOG)
    @staticmethod
    def attributes(root: Parent[Machine]) -> Mapping[str, object]:
        return root.attributes

    @strawberry.field(graphql_type=PlantNode, metadata=OF_CATALOG)
    @staticmethod
    def plant(root: Parent[Machine], info: Info) -> Awaitable[Plant | None]:
        return info.context.loaders.plant_by_id.load(root.plant_id)

    @strawberry.field(graphql_type=LineNode | None, metadata=OF_CATALOG)
    @staticmethod
    def line(root: Parent[Machine], info: Info) -> Awaitable[Line | None]:
        return info.context.loaders.line_by_id.load(root.line_id)

    @strawberry.field(graphql_type=MachineTypeType | None, metadata=OF_CATALOG)
    @staticmethod
    async def type(root: Parent[Machine], info: Info) -> MachineType | None:
        return await info.context.loaders.machine_type_by_id.load(root.type_id) if root.type_id else None

    @strawberry.field(
        graphql_type=list[SeriesType],
        description="All metrics of the machine, or the named ones, by metric name.",
        metadata=OF_CATALOG,
    )
    @staticmethod
    async def series(root: Parent[Machine], info: Info, metrics: list[str] | None = None) -> list[Series]:
        return [
            series
            for series in await info.context.loaders.series_by_machine.load(root.id)
            if metrics is None or (series.metric and series.metric.name in metrics)
        ]

    kpi = strawberry.field(resolver=kpi, graphql_type=KpiType, description=KPI_OF_ONE)

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Machine)
