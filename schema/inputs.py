"""Arguments that several questions take."""

from datetime import datetime, timedelta

import strawberry

from app.domain import asking
from app.domain.calendar import CalendarStep
from app.domain.spans import Span

strawberry.enum(
    CalendarStep,
    description="By the clocks of the plant. Weeks start on Monday, production days when the plant says; the hour that"
    " is shown twice in autumn is one step.",
)


@strawberry.input(
    name="Range",
    description="`from` and `to` (to: now if left out), or `last` (up to now). The start is included, the end is not.",
)
class RangeInput:
    start: datetime | None = strawberry.field(name="from", default=None)
    end: datetime | None = strawberry.field(name="to", default=None)
    last: timedelta | None = None

    def span(self, now: datetime) -> Span:
        return asking.asked_range(self.start, self.end, self.last, now)


@strawberry.input(
    name="MachineFilter", description="Codes of plant and line, the name of a type, a piece of path or name."
)
class MachineFilterInput:
    plant: str | None = None
    line: str | None = None
    type: str | None = None
    search: str | None = None

    def wanted(self) -> asking.MachineFilter:
        return asking.MachineFilter(self.plant, self.line, self.type, self.search)
