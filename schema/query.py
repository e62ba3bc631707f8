"""The questions that can be asked first."""

import asyncio
from collections.abc import Awaitable

import strawberry

from app.domain.kpis import KpiDefinition
from app.domain.model import Line, LineId, Machine, MachineId, Metric, Plant, PlantId, Series, SeriesId
from app.read.pages import Page
from schema.catalog import LineNode, MachineNode, MetricType, Node, PlantNode
from schema.connections import MachineConnection, PlantConnection, SeriesConnection
from schema.context import Info, Loaders
from schema.ids import Identified, NodeId, read_id
from schema.inputs import MachineFilterInput
from schema.kpis import KpiDefinitionType
from schema.lasting import OF_CATALOG
from schema.series import SeriesNode


@strawberry.type(description="Everything starts here.")
class Query:
    @strawberry.field(graphql_type=Node | None, metadata=OF_CATALOG)
    @staticmethod
    def node(info: Info, id: strawberry.ID) -> Awaitable[Identified | None]:
        return load_node(info.context.loaders, read_id(id))

    @strawberry.field(graphql_type=list[Node | None], metadata=OF_CATALOG)
    @staticmethod
    def nodes(info: Info, ids: list[strawberry.ID]) -> Awaitable[list[Identified | None]]:
        asked = [read_id(each) for each in ids]
        return asyncio.gather(*(load_node(info.context.loaders, each) for each in asked))

    @strawberry.field(graphql_type=PlantNode | None, metadata=OF_CATALOG)
    @staticmethod
    def plant(info: Info, code: str) -> Awaitable[Plant | None]:
        return info.context.loaders.plant_by_code.load(code)

    @strawberry.field(graphql_type=PlantConnection, metadata=OF_CATALOG)
    @staticmethod
    def plants(info: Info, first: int | None = 50, after: str | None = None) -> Awaitable[Page[Plant]]:
        return info.context.pages.plants(first, after)

    @strawberry.field(graphql_type=LineNode | None, description="By path: plant/line.", metadata=OF_CATALOG)
    @staticmethod
    def line(info: Info, path: str) -> Awaitable[Line | None]:
        return info.context.loaders.line_by_path.load(path)

    @strawberry.field(graphql_type=MachineNode | None, description="By path: plant/line/machine.", metadata=OF_CATALOG)
    @staticmethod
    def machine(info: Info, path: str) -> Awaitable[Machine | None]:
        return info.context.loaders.machine_by_path.load(path)

    @strawberry.field(graphql_type=MachineConnection, metadata=OF_CATALOG)
    @staticmethod
    def machines(
        info: Info,
        filter: MachineFilterInput | None = None,
        first: int | None = 50,
        after: str | None = None,
    ) -> Awaitable[Page[Machine]]:
        return info.context.pages.machines((filter or MachineFilterInput()).wanted(), first, after)

    @strawberry.field(graphql_type=list[MetricType], description="All metrics, by name.", metadata=OF_CATALOG)
    @staticmethod
    def metrics(info: Info) -> Awaitable[list[Metric]]:
        return info.context.plants.metrics()

    @strawberry.field(graphql_type=list[KpiDefinitionType], description="The KPIs of the model file, by name.")
    @staticmethod
    def kpis(info: Info) -> Awaitable[list[KpiDefinition]]:
        return info.context.kpis.definitions()

    @strawberry.field(
        graphql_type=list[SeriesNode | None],
        description="Series by id, answered in the order asked.",
        metadata=OF_CATALOG,
    )
    @staticmethod
    def series(info: Info, ids: list[strawberry.ID]) -> Awaitable[list[Series | None]]:
        return info.context.loaders.series_by_id.load_many([SeriesId(read_id(each, "series").number) for each in ids])

    @strawberry.field(
        graphql_type=SeriesConnection,
        description="Source tags that are not mapped to a machine yet, the busiest first.",
    )
    @staticmethod
    def unmapped_series(
        info: Info, first: int | None = 50, after: str | None = None, search: str | None = None
    ) -> Awaitable[Page[Series]]:
        return info.context.pages.unmapped_series(search, first, after)


async def load_node(loaders: Loaders, asked: NodeId) -> Identified | None:
    """Whatever an id stands for, or None where it is not there or not to be seen."""
    match asked.kind:
        case "plant":
            return await loaders.plant_by_id.load(PlantId(asked.number))
        case "line":
            return await loaders.line_by_id.load(LineId(asked.number))
        case "machine":
            return await loaders.machine_by_id.load(MachineId(asked.number))
        case _:
            return await loaders.series_by_id.load(SeriesId(asked.number))
