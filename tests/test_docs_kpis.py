"""The page on KPIs is true: its model applies, and its questions are answered as it says."""

import json
import re

import pytest

from app.domain.formulas import LONGEST, Function
from app.main import House
from tests.doors import open_client
from tests.pages import block, blocks, text_of

pytestmark = pytest.mark.anyio


async def test_every_value_is_what_the_page_says(house: House) -> None:
    await house.model.apply(block("kpis", "yaml"), "kpis.md")
    async with open_client(house) as client:
        response = await client.post("/api/v1/readings", content=block("kpis", "json sent"))
        assert response.status_code == 200, response.text
        questions, answers = blocks("kpis", "graphql"), blocks("kpis", "json")
        assert len(questions) == len(answers) == 2
        for question, answer in zip(questions, answers, strict=True):
            told = (await client.post("/graphql", json={"query": question})).json()
            assert "errors" not in told, told
            [place] = told["data"].values()
            assert place["kpi"] == json.loads(answer)


def test_it_lists_every_aggregate_and_the_longest_formula() -> None:
    listed = set(re.findall(r"`(\w+)\(x?\)`", text_of("kpis")))
    assert listed == {function.value for function in Function}
    assert f"{LONGEST:,} characters" in text_of("kpis")
