"""Events of counters, and the mutation by which an engineer overrules one."""

from datetime import datetime

import strawberry
from strawberry import Parent

from app.domain.counters import DropKind, Overrule, Verdict
from app.domain.instants import instant, microseconds
from app.domain.model import Series, SeriesId
from app.errors import BadInput
from app.read.counters import CounterEvent
from schema.context import Info
from schema.ids import read_id

strawberry.enum(
    DropKind,
    name="CounterEventKind",
    description="What a drop is taken for: a DIP within the tolerance, a ROLLOVER at the modulus, or a RESET.",
)
strawberry.enum(
    Verdict,
    name="CounterVerdict",
    description="NOT_A_RESET: the counter really went back. BASE: it began again from another base than zero. REPLACED:"
    " a new device counts, whose first value is nothing that was produced.",
)


@strawberry.type(name="CounterOverrule", description="What somebody said of an event; the last one counts.")
class CounterOverruleType:
    verdict: Verdict
    base: float | None
    by: str = strawberry.field(description="The name of the token.")
    at: datetime
    note: str


@strawberry.type(name="CounterEvent", description="A reading of a counter that is lower than the one before it.")
class CounterEventType:
    kind: DropKind
    before: float
    after: float
    offset: float = strawberry.field(description="What the event adds to an increase across it.")
    overrules: list[CounterOverruleType] = strawberry.field(description="The oldest first.")

    @strawberry.field
    @staticmethod
    def time(root: Parent[CounterEvent]) -> datetime:
        return instant(root.time)


@strawberry.type(description="What may be changed.")
class Mutation:
    @strawberry.mutation(
        graphql_type=bool,
        description="For engineers: says what an event of a counter really was. Every increase follows at once, and"
        " what was said before stays listed.",
    )
    @staticmethod
    async def overrule_counter_event(
        info: Info, series: strawberry.ID, time: datetime, verdict: Verdict, base: float | None = None, note: str = ""
    ) -> bool:
        found = must_exist(await info.context.loaders.series_by_id.load(SeriesId(read_id(series, "series").number)))
        kept_base = found.shown.conversion.back(base)
        overrule = Overrule(microseconds(time), verdict, kept_base, info.context.viewer.name, info.context.now, note)
        await info.context.changes.overrule(info.context.viewer, found.id, overrule)
        return True


def must_exist(series: Series | None) -> Series:
    """BadInput where the asker sees no such series."""
    if series is None:
        raise BadInput("There is no such series.", "Hand back the id of a series that a query gave.")
    return series
