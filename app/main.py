"""The front door: opens the store, starts what runs beside it, mounts the doors; the only one that sees every room."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from app.change.access import TokenChange
from app.change.counters import CounterChange
from app.change.model_file import ModelFile
from app.domain import ucum
from app.domain.access import DEMO_VIEWER, Role, Viewer
from app.domain.model import SeriesId
from app.domain.policy import Policy
from app.errors import SettingInvalid
from app.http import answers, dashboard, export, graphiql, graphql, health, writing
from app.http.access import LOOPBACK, LoopbackOnly
from app.http.bodies import Bodies
from app.http.listening import farewell, taken_address
from app.http.media import ARROW, PARQUET
from app.http.service import Service
from app.ingest.commit import Committer
from app.ingest.demo import fill_history, model_text, produce
from app.ingest.freshness import Freshener
from app.ingest.gathering import Gathering
from app.ingest.importing import Import, csv_format
from app.ingest.intake import Acceptance, Intake
from app.ingest.resolution import Resolution
from app.observe import Observer
from app.read.asking import RequestReader
from app.read.export import ExportReader
from app.read.tokens import TokenReader
from app.settings import Settings
from app.store.catalog import Catalog
from app.store.counter_events import CounterEvents
from app.store.database import Database, open_database
from app.store.embedded import embedded_server, hold_service_lock
from app.store.jobs import JobLog
from app.store.labels import LabelStore
from app.store.migration import migrate, require_migrated
from app.store.policies import PolicyStore
from app.store.readings import ReadingWriter
from app.store.refusals import RefusalStore
from app.store.registration import Registration
from app.store.series import SeriesCatalog
from app.store.state import CounterState, State, StateReader
from app.store.tiers import TierKeeper
from app.store.tokens import TokenStore
from schema.answering import Answerer, build_schema, printed_schema
from schema.documents import DocumentCache
from schema.ids import read_id
from schema.limits import QueryLimits
from schema.listed import read_list
from schema.persisted import LearnedDocuments

__all__ = ["ROLES", "CounterState", "House", "Policy", "Role", "State", "demo", "open_house", "printed_schema", "serve"]

ROLES = [role.value for role in Role]
Announce = Callable[[str], None]


@asynccontextmanager
async def database_url(settings: Settings, announce: Announce, *, kept_up: bool) -> AsyncIterator[str]:
    """The database that is named, or the embedded server of the data folder for as long as the block lasts."""
    if settings.database_url:
        yield settings.database_url
        return
    async with embedded_server(settings.data, pg_bin=settings.pg_bin, announce=announce, kept_up=kept_up) as server:
        yield server.url


class House:
    """Everything that stands on an open database, put together once."""

    def __init__(self, database: Database, settings: Settings, observer: Observer) -> None:
        self.settings = settings
        self.observer = observer
        self.database = database
        self.registration = Registration(database, create=settings.create, time_zone=settings.time_zone)
        resolution = Resolution(self.registration, LabelStore(database, limit=settings.labels))
        self.committer = Committer(resolution, ReadingWriter(database), RefusalStore(database), observer)
        self.acceptance = Acceptance(settings.earliest, settings.ahead, settings.new_chunks)
        self.keeper = TierKeeper(database)
        self.states = StateReader(database)
        self.policies = PolicyStore(database)
        self.freshener = Freshener(
            self.keeper, self.policies, JobLog(database), self.states, observer, lag=settings.tier_lag
        )
        by_role = {Role(name): rows for name, rows in settings.query_rows_by_role.items()}
        self.reader = RequestReader(database, rows=settings.query_rows, by_role=by_role, points=settings.query_points)
        self.exports = ExportReader(database, rows=settings.export_rows, most=settings.exports)
        self.counters = CounterChange(CounterEvents(database), self.keeper)
        self.tokens = TokenStore(database)

    @property
    def access(self) -> TokenChange:
        return TokenChange(self.tokens)

    @property
    def model(self) -> ModelFile:
        return ModelFile(self.database, time_zone=self.settings.time_zone)

    async def importing(self, files: Sequence[Path], *, time_zone: str | None, **form: Any) -> Import:
        """A run over files, with the options of the command; times without an offset are the plant's unless told."""
        plants = await Catalog(self.database).plants_by_code(None, [form["plant"]])
        zone = time_zone or (plants[0].time_zone if plants else self.settings.time_zone)
        return Import(self.committer, self.registration, self.acceptance, files, csv_format(zone=zone, **form))

    async def demo_history(self, announce: Announce) -> None:
        """Makes the demo plant, or fills what is missing of its readings since it last ran."""
        await self.model.apply(model_text(), "demo.yaml")
        await fill_history(self.committer, SeriesCatalog(self.database), announce)
        await self.freshen()

    async def demo_live(self) -> None:
        """Readings of every machine, each second, until it is cancelled."""
        await produce(self.committer, SeriesCatalog(self.database), self.observer)

    async def apply_policies(self) -> None:
        """What settings say of keeping goes before what a command has set."""
        wanted = self.settings.keep, self.settings.columnstore_after
        before = await self.policies.all()
        named = {name for given in wanted for name in given}
        await self.policies.set(
            {
                name: Policy(
                    *(given.get(name, old) for given, old in zip(wanted, before.get(name, Policy()), strict=True))
                )
                for name in named
            }
        )

    async def freshen(self) -> None:
        """Refreshes the tiers now, for a command that runs without a service beside it."""
        await self.freshener.turn()


@asynccontextmanager
async def open_house(
    settings: Settings, observer: Observer, announce: Announce, *, kept_up: bool = False
) -> AsyncIterator[House]:
    """Opens the database, brings its schema up to date unless told not to, and closes everything in the end.

    `kept_up` is for what lasts: an embedded server that dies meanwhile is started again.
    """
    async with database_url(settings, announce, kept_up=kept_up) as url:
        await (migrate(url) if settings.migrate else require_migrated(url))
        async with open_database(url, pool=settings.pool, patience=settings.query_timeout) as database:
            yield House(database, settings, observer)


@asynccontextmanager
async def open_service(house: House, *, loopback_only: bool = False) -> AsyncIterator[Service]:
    """Starts what runs beside the doors: the gathering of batches and the refreshing of tiers."""
    settings, observer = house.settings, house.observer
    await asyncio.to_thread(ucum.prepare)
    await house.apply_policies()
    await house.database.timed.ping()  # the first connection asks the server what it is: not while somebody waits
    gathering = Gathering(house.committer, observer, limit=settings.queue_limit)
    documents = DocumentCache()
    observer.watch_documents(documents)
    limits = QueryLimits(
        settings.query_depth,
        settings.query_aliases,
        settings.query_fields,
        introspection=settings.query_introspection,
        tokens=settings.query_tokens,
        items=settings.query_items,
    )
    listed = read_list(settings.allowed_documents, dashboard.documents()) if settings.allowed_documents else None
    tokens = TokenReader(house.tokens)

    async def anybody(token: str | None) -> Viewer:
        return DEMO_VIEWER

    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(gathering.run()),
            tasks.create_task(house.freshener.run(settings.tier_every)),
        ]
        try:
            yield Service(
                version=version("linegraph"),
                viewer=anybody if loopback_only else tokens.viewer,
                ready=house.database.ping,
                intake=Intake(house.committer, gathering, house.acceptance),
                answers=Answerer(
                    build_schema(limits, documents, observer, listed),
                    listed or LearnedDocuments(),
                    house.reader,
                    house.counters,
                    seconds=settings.query_timeout.total_seconds(),
                ),
                exports=house.exports,
                series_id=lambda text: SeriesId(read_id(text, "series").number),
                bodies=Bodies(limit=settings.body_limit, together=settings.intake_limit, timeout=settings.body_timeout),
                observer=observer,
                loopback_only=loopback_only,
            )
        finally:
            for task in running:
                task.cancel()


def application(service: Service) -> Starlette:
    """The doors of a service that is open."""
    app = Starlette(
        routes=[
            *dashboard.routes(),
            *graphql.routes(),
            *graphiql.routes(),
            *writing.routes(),
            *export.routes(),
            *health.routes(),
        ],
        middleware=[
            *([Middleware(LoopbackOnly)] if service.loopback_only else []),
            Middleware(
                GZipMiddleware,
                minimum_size=1_000,
                compresslevel=1,
                exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, ARROW, PARQUET),
            ),
        ],
        exception_handlers=answers.handlers(),
    )
    app.state.service = service
    return app


async def serve(settings: Settings, observer: Observer, announce: Announce) -> None:
    """The service, until it is interrupted."""
    async with (
        _alone(settings),
        taken_address(settings.host, settings.port) as address,
        open_house(settings, observer, announce, kept_up=True) as house,
    ):
        with farewell(announce) as stopping:
            async with open_service(house) as service:
                sentence = f"Serving on {address.url}, with {house.database.kind.sentence}."
                await address.serve(application(service), partial(announce, sentence), stopping)


async def demo(settings: Settings, observer: Observer, announce: Announce) -> None:
    """The demo plant with its history, its machines producing, on loopback: nobody is signed in."""
    if settings.host not in LOOPBACK:
        raise SettingInvalid(
            f"The demo signs nobody in, so it cannot listen on {settings.host}.", "Leave the host out, or run serve."
        )
    async with (
        _alone(settings),
        taken_address(settings.host, settings.port) as address,
        open_house(settings, observer, announce, kept_up=True) as house,
    ):
        with farewell(announce) as stopping:
            await house.demo_history(announce)
            async with open_service(house, loopback_only=True) as service, asyncio.TaskGroup() as tasks:
                live = tasks.create_task(house.demo_live())
                if settings.database_url is None:
                    folder = shlex.quote(str(settings.data))
                    announce(f"Its data is in {folder}. To throw the demo away, stop it, and then: rm -r {folder}")
                sentence = f"Dashboard: {address.url}/\nGraphiQL with examples: {address.url}/graphql"
                try:
                    await address.serve(application(service), partial(announce, sentence), stopping)
                finally:
                    live.cancel()


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    """Two services on one data folder would fight over it; with a database of one's own there may be several."""
    if settings.database_url:
        yield
        return
    async with hold_service_lock(settings.data):
        yield
