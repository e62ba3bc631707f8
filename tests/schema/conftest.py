"""A client for the tests of what askers see."""

from collections.abc import AsyncIterator

import pytest

from app.store.database import Database
from tests.asker import Asker, asking


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    """Asks the whole service; the tiers move only when told."""
    async with asking(database) as asker:
        yield asker
