"""Relay connections: pages of plants, machines and series."""

import strawberry

from schema.catalog import MachineNode, PlantNode
from schema.series import SeriesNode


@strawberry.type(name="PageInfo", description="Where a page lies in its list.")
class PageInfoType:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class PlantEdge:
    cursor: str
    node: PlantNode


@strawberry.type
class PlantConnection:
    edges: list[PlantEdge]
    page_info: PageInfoType
    total_count: int


@strawberry.type
class MachineEdge:
    cursor: str
    node: MachineNode


@strawberry.type
class MachineConnection:
    edges: list[MachineEdge]
    page_info: PageInfoType
    total_count: int


@strawberry.type
class SeriesEdge:
    cursor: str
    node: SeriesNode


@strawberry.type
class SeriesConnection:
    edges: list[SeriesEdge]
    page_info: PageInfoType
    total_count: int
