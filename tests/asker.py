"""Questions and readings as clients send them, over a house whose tiers move only when a test says so."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import sqlalchemy as sa

from app.domain.instants import instant
from app.main import House
from app.store.database import Database
from app.store.tables import metrics
from tests.doors import house_of, open_client

STILL = {"tier_lag": timedelta(days=18_000), "tier_every": timedelta(days=1)}
"""Settings under which the watermark stays in the seventies until a test moves it."""


class Fault(NamedTuple):
    """What an error says."""

    message: str
    code: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Asker:
    """A client, and the house that it asks."""

    client: httpx.AsyncClient
    house: House

    async def answer(self, query: str, **variables: object) -> Any:
        """The whole answer: data and errors."""
        response = await self.client.post("/graphql", json={"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    async def data(self, query: str, **variables: object) -> Any:
        """What was asked for, without errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def faults(self, query: str, **variables: object) -> list[Fault]:
        """The errors of a question that has some."""
        errors = (await self.answer(query, **variables))["errors"]
        return [Fault(e["message"], e["extensions"]["code"], e["extensions"].get("hint")) for e in errors]

    async def fault(self, query: str, **variables: object) -> Fault:
        """The first error."""
        return (await self.faults(query, **variables))[0]

    async def send(self, *series: dict[str, object]) -> None:
        """Stores columns of readings."""
        response = await self.client.post("/api/v1/readings", json={"series": series})
        assert response.status_code == 200, response.text

    async def advance(self, to: int) -> None:
        """Moves the watermark (microseconds) and refreshes what was touched behind it."""
        while await self.house.keeper.advance(to) is None:
            continue

    async def define(self, name: str, **given: object) -> None:
        """A metric with these columns."""
        row = {"name": name, "display_name": name, "kind": "GAUGE", **given}
        async with self.house.database.begin() as transaction:
            await transaction.execute(sa.insert(metrics).values(row))


@asynccontextmanager
async def asking(database: Database, *, loopback_only: bool = True, **settings: Any) -> AsyncIterator[Asker]:
    """A client of a whole service."""
    house = house_of(database, **STILL | settings)
    async with open_client(house, loopback_only=loopback_only) as client:
        yield Asker(client, house)


def columns(path: str, metric: str, readings: Iterable[tuple[Any, ...]]) -> dict[str, object]:
    """Readings (microseconds, value, status?) of plant/line/machine and a metric, in the shape of the JSON door."""
    plant, line, machine = path.split("/")
    return {"plant": plant, "line": line, "machine": machine, "metric": metric, **_listed(readings)}


def unmapped(source: str, readings: Iterable[tuple[Any, ...]]) -> dict[str, object]:
    """Readings of a source tag."""
    return {"source": source, **_listed(readings)}


def _listed(readings: Iterable[tuple[Any, ...]]) -> dict[str, object]:
    rows = [(*row, 0)[:3] for row in readings]
    return {
        "times": [time / 1_000 for time, _, _ in rows],
        "values": [value for _, value, _ in rows],
        "statuses": [status for _, _, status in rows],
    }


def written(time: int) -> str:
    """Microseconds as an instant in a question."""
    return instant(time).isoformat()


def within(start: int, end: int) -> dict[str, str]:
    """A range as a variable."""
    return {"from": written(start), "to": written(end)}
