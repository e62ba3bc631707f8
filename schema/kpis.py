"""KPIs as askers see them: definitions, and columns of values with what these were computed from."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated

import strawberry
from strawberry import Parent

from app.domain.asking import asked_steps
from app.domain.calendar import CalendarStep
from app.domain.finality import Finality
from app.domain.model import Line, Machine, Plant
from app.read.kpi_columns import KpiColumns
from app.read.kpis import KpiKey, Place
from schema.context import Info
from schema.inputs import RangeInput
from schema.selecting import selected

strawberry.enum(
    Finality,
    description="PROVISIONAL: may still change, as readings are expected or a change is not refreshed yet. REVISED: was"
    " final, and a number has changed since. FINAL: neither.",
)

KPI_OF_ONE = (
    "A KPI of the model file: in fixed steps (`every`), in steps of the calendar (`by`) in the plant's time zone, or"
    " of the range as a whole where neither is given. Steps that overlap the range are answered whole; those without"
    " readings are left out."
)
KPI_OF_MANY = (
    f"{KPI_OF_ONE} Over all machines below: their sums, counts and increases are added up before anything is divided."
)


@strawberry.type(name="KpiDefinition", description="A formula with a name, from the model file.")
class KpiDefinitionType:
    name: str
    display_name: str
    formula: str
    unit: str | None = strawberry.field(description="UCUM code of the answer; null where it is the formula's own.")
    description: str | None


@strawberry.type(name="KpiInput", description="What a KPI was computed from: an aggregate over all its machines.")
class KpiInputType:
    name: str = strawberry.field(description="As formulas have it: increase(good), average(power), duration().")
    unit: str | None
    value: list[float | None] = strawberry.field(description="Null where no machine took part.")


@strawberry.type(
    name="Kpi", description="Columns of equal length, one entry a step. Times are milliseconds since 1970."
)
class KpiType:
    name: str
    display_name: str
    unit: str | None
    starts: list[float]
    ends: list[float]
    value: list[float | None] = strawberry.field(
        description="A ratio of sums, never an average of ratios; null where a denominator is 0 or no machine took"
        " part."
    )
    inputs: list[KpiInputType]
    machines: list[int] = strawberry.field(description="How many machines took part in each step.")
    left_out: list[str] = strawberry.field(
        description="Machines (by path) that never take part: they lack one of the metrics, or its readings are in a"
        " unit that does not convert to the metric's."
    )
    finality: list[Finality]
    tier: str = strawberry.field(description="The coarsest it was served from: RAW or the width of a rollup.")


def kpi(
    root: Parent[Machine | Line | Plant],
    info: Info,
    name: Annotated[str, strawberry.argument(description="As the model file has it.")],
    range: RangeInput,
    every: timedelta | None = None,
    by: CalendarStep | None = None,
) -> Awaitable[KpiColumns]:
    step = None if every is None and by is None else asked_steps(every, by)
    place = Place(type(root), root.id, root.path)
    key = KpiKey(place, name, range.span(info.context.now), step, "finality" in selected(info))
    return info.context.loaders.kpi_by_key.load(key)
