"""Everything that one request asks with: readers within its viewer's scope, one budget and one now."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from app.domain.access import Role, Viewer
from app.domain.asking import Budget
from app.domain.instants import microseconds
from app.read.counters import CounterReader
from app.read.curves import CurveReader
from app.read.kpis import KpiReader
from app.read.moment import Moment
from app.read.pages import PageReader
from app.read.plants import PlantReader
from app.read.remembered import Remembered
from app.read.space import Space
from app.read.steps import StepReader
from app.store.buckets import BucketReader
from app.store.calendar_buckets import CalendarReader
from app.store.catalog import Catalog
from app.store.counter_events import CounterEvents
from app.store.database import Database
from app.store.kpis import KpiCatalog
from app.store.last_values import LastValues
from app.store.raw import RawReader
from app.store.revisions import RevisionReader
from app.store.series import SeriesCatalog
from app.store.tally import Tally, tallied
from app.store.tiers import TierKeeper


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """The readers of one request; `budget` and `tally` tell what it has cost, and `moment` when it is over."""

    viewer: Viewer
    now: datetime
    budget: Budget
    tally: Tally
    moment: Moment
    plants: PlantReader
    pages: PageReader
    curves: CurveReader
    steps: StepReader
    counters: CounterReader
    kpis: KpiReader

    def asked(self) -> AbstractAsyncContextManager[None]:
        """Around the request: what it asks of the database is counted, and stopped where it ends before its time."""
        return tallied(self.tally)


class RequestReader:
    """Makes the readers of each request; `rows` is what one may touch, `by_role` what is less for some roles, `points`
    what one may answer, and all together twice that."""

    def __init__(self, database: Database, *, rows: int, by_role: Mapping[Role, int], points: int) -> None:
        database = database.timed
        self._catalog = Catalog(database)
        self._series = SeriesCatalog(database)
        self._kpis = KpiCatalog(database)
        self._buckets = BucketReader(database)
        self._calendars = CalendarReader(database)
        self._raw = RawReader(database)
        self._last_values = LastValues(database)
        self._events = CounterEvents(database)
        self._revisions = RevisionReader(database)
        self._tiers = TierKeeper(database)
        self._remembered = Remembered()
        self._rows = rows
        self._points = points
        self._space = Space(2 * points)
        self._by_role = by_role

    def asking(self, viewer: Viewer, now: datetime) -> Asking:
        """Readers for one viewer at one moment."""
        scope = viewer.plant_id
        rows, tally = min(self._rows, self._by_role.get(viewer.role, self._rows)), Tally()
        budget = Budget(rows, self._points)
        moment = Moment(self._tiers, self._series, self._remembered, budget, microseconds(now), tally, self._space)
        plants = PlantReader(self._catalog, self._series, scope, moment.catalog, moment.seen_of)
        steps = StepReader(self._buckets, self._calendars, self._last_values, self._events, self._revisions, moment)
        return Asking(
            viewer,
            now,
            budget,
            tally,
            moment,
            plants,
            PageReader(self._catalog, self._series, scope, moment.catalog),
            CurveReader(self._buckets, self._raw, moment),
            steps,
            CounterReader(self._events, moment),
            KpiReader(self._kpis, plants, self._series, steps, moment, scope),
        )
