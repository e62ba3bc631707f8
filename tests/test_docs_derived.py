"""The page on derived series is true: its model applies, and its questions are answered as it says."""

import json

import pytest

from app.store.database import Database
from tests.asker import asking
from tests.pages import block
from tests.store.derived_plant import HOUR, START

pytestmark = pytest.mark.anyio


async def test_every_value_is_what_the_page_says(database: Database) -> None:
    async with asking(database) as asker:
        await asker.house.model.apply(block("derived", "yaml"), "derived.md")
        response = await asker.client.post("/api/v1/readings", content=block("derived", "json sent"))
        assert response.status_code == 200, response.text
        await asker.advance(START + HOUR)
        told = await asker.data(block("derived", "graphql"))
        assert told["machine"] == json.loads(block("derived", "json"))
