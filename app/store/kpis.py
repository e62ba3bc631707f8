"""Reads KPIs as they are defined, and the metrics that their formulas name."""

from collections.abc import Collection

import sqlalchemy as sa

from app.domain.kpis import KpiDefinition
from app.domain.model import Metric
from app.store.catalog import metric_of
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import kpis, metrics


class KpiCatalog:
    """KPIs are of no plant: they are defined once for all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def definitions(self) -> list[KpiDefinition]:
        """All of them, by name."""
        query = sa.select(kpis.c.name, kpis.c.display_name, kpis.c.formula, kpis.c.unit, kpis.c.description)
        async with self._database.asking() as connection:
            rows = (await connection.execute(query.order_by(kpis.c.name))).all()
        return [KpiDefinition(*row) for row in rows]

    async def metrics_by_name(self, names: Collection[str]) -> dict[str, Metric]:
        """Those that there are."""
        async with self._database.asking() as connection:
            rows = (await connection.execute(sa.select(metrics).where(one_of(metrics.c.name, names)))).all()
        return {row.name: metric_of(row._mapping) for row in rows}
