"""API tokens: stored hashed, found by their hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.access import Role, Viewer
from app.store.database import Database
from app.store.tables import plants, tokens


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as a list shows it; the token itself is not kept."""

    name: str
    role: Role
    plant: str | None
    created_at: datetime
    revoked: bool


class Added(Enum):
    """What became of a new token."""

    KEPT = "kept"
    NAME_TAKEN = "its name belongs to a token that works"
    NO_PLANT = "its plant does not exist"


class TokenStore:
    """The table of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def viewer(self, digest: bytes) -> Viewer | None:
        """Who holds the token with this digest, or None where there is none or it is revoked."""
        query = (
            sa.select(tokens.c.name, tokens.c.role, tokens.c.plant_id, plants.c.code)
            .outerjoin(plants, plants.c.id == tokens.c.plant_id)
            .where(tokens.c.digest == digest, ~tokens.c.revoked)
        )
        async with self._database.asking() as connection:
            row = (await connection.execute(query)).one_or_none()
        return Viewer(row.name, Role(row.role), row.plant_id, row.code) if row else None

    async def add(self, name: str, digest: bytes, role: Role, plant: str | None, at: datetime) -> Added:
        """Keeps a token, in place of a revoked one of the same name."""
        async with self._database.begin() as transaction:
            plant_id = await transaction.scalar(sa.select(plants.c.id).where(plants.c.code == plant))
            if plant is not None and plant_id is None:
                return Added.NO_PLANT
            await transaction.execute(sa.delete(tokens).where(tokens.c.name == name, tokens.c.revoked))
            row = {"name": name, "digest": digest, "role": role.value, "plant_id": plant_id, "created_at": at}
            added = await transaction.execute(
                insert(tokens).values(row).on_conflict_do_nothing().returning(tokens.c.id)
            )
            return Added.NAME_TAKEN if added.one_or_none() is None else Added.KEPT

    async def revoke(self, name: str) -> bool:
        """False where there is no such token, or it is revoked already."""
        async with self._database.begin() as transaction:
            changed = await transaction.execute(
                sa.update(tokens)
                .where(tokens.c.name == name, ~tokens.c.revoked)
                .values(revoked=True)
                .returning(tokens.c.id)
            )
            return changed.one_or_none() is not None

    async def all(self) -> Sequence[TokenRecord]:
        """Every token by name, revoked ones included."""
        query = (
            sa.select(tokens.c.name, tokens.c.role, plants.c.code, tokens.c.created_at, tokens.c.revoked)
            .outerjoin(plants, plants.c.id == tokens.c.plant_id)
            .order_by(tokens.c.name)
        )
        async with self._database.begin() as transaction:
            return [TokenRecord(row[0], Role(row[1]), *row[2:]) for row in await transaction.execute(query)]
