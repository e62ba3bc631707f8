"""Truth under mess: a plant of a hundred series and everything that goes wrong, and then every bucket compared."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import psycopg

from app.main import House
from app.observe import Observer
from app.settings import Settings
from app.store.database import open_database
from bench.bounds import MOST_DIFFERENT, Extent
from bench.figures import Figure
from bench.process import Service, service
from bench.server import Server, new_database
from bench.settling import until_settled
from simulation.comparison import STEPS, Expected, compare
from simulation.deliveries import settled
from simulation.mess import deliveries
from simulation.metrics import METRICS
from simulation.plant import DAY, SECOND, Plant, around_clock_change
from simulation.sending import send
from simulation.service import Customer

_SERIES = 100
_INTERVAL = 20 * SECOND


async def mess(server: Server, extent: Extent) -> list[Figure]:
    """Sent as fast as it is taken while the service refreshes its tiers; compared at once, and when all is settled."""
    span = int(extent.mess_days * DAY)
    plant = Plant(_SERIES // len(METRICS), around_clock_change(span, datetime.now(UTC)), span, _INTERVAL)
    made = deliveries(plant)
    expected = settled(made)
    async with new_database(server, "bench_mess") as url:
        await _apply_model(url, plant)
        async with service(url) as running, _customer(running) as customer:
            began = time.perf_counter()
            readings = await send(customer, made)
            what = f"mess: {len(expected)} series, {readings:,} readings sent in {time.perf_counter() - began:.0f} s"
            pending = await _compared(f"{what} while tiers are refreshed, compared at once", customer, expected)
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await until_settled(connection)
            return [pending, await _compared(f"{what}, compared when tiers are settled", customer, expected)]


@asynccontextmanager
async def _customer(running: Service) -> AsyncIterator[Customer]:
    headers = {"Authorization": f"Bearer {running.token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", headers=headers, timeout=60) as client:
        yield Customer(client)


async def _apply_model(url: str, plant: Plant) -> None:
    async with open_database(url) as database:
        await House(database, Settings(), Observer()).model.apply(plant.model_text, "messy.yaml")


async def _compared(what: str, customer: Customer, expected: Expected) -> Figure:
    began = time.perf_counter()
    found = await compare(customer.ask, expected)
    seconds = time.perf_counter() - began
    differences = f": {'; '.join(found.words)}" if found.different else ""
    return Figure(
        f"{what}: all of {', '.join(STEPS)} beside plain Python",
        f"{found.compared:,} buckets compared, {found.different:,} different, {seconds:.0f} s{differences}",
        bound=f"{MOST_DIFFERENT} different",
        holds=found.different <= MOST_DIFFERENT,
    )
