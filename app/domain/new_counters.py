"""Metrics that become counters while they have series: what is looked at, and since when their drops can be known."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from app.domain.model import MetricKind
from app.domain.plant_model import Change, Noun, shown


class NewCounter(NamedTuple):
    """A metric by its name, how many series it has, and how many of these had raw readings before `gone_before`."""

    metric: str
    series: int
    cut: int
    gone_before: datetime

    @property
    def sentence(self) -> str:
        """What its engineer should know; a warning where not all of its past can be looked at."""
        scan = f"The next turn of the service scans {self.series} series of {shown(self.metric)} for drops"
        if not self.cut:
            return f"{scan}."
        return (
            f"warning: {scan}; those of {self.cut} are known since {self.gone_before:%Y-%m-%dT%H:%MZ} only, because"
            " earlier raw readings are not kept any more."
        )


def new_counters(changes: Iterable[Change]) -> list[str]:
    """The names of metrics that were something else before."""
    return [
        change.path[0]
        for change in changes
        if change.noun is Noun.METRIC
        and change.before is not None
        and change.before["kind"] is not MetricKind.COUNTER
        and change.after["kind"] is MetricKind.COUNTER
    ]
