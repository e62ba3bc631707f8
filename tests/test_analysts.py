"""The page for analysts is true: its examples run, and its tables list every parameter and column."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from app.domain.access import Role
from app.http.csv_rows import HEADER
from app.http.export import OFTEN, ONCE
from app.store.database import Database
from tests.asker import STILL, asking, columns
from tests.doors import house_of, listening, token_for

PAGE = (Path(__file__).parent.parent / "docs" / "analysts.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NEEDS = {"pd.": "pandas", "pl.": "polars", "pa.": "pyarrow"}


def test_its_tables_list_every_parameter_and_column() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    asked, answered = [*OFTEN, *(name for name in ONCE if name != "p")], HEADER.decode().strip().split(",")
    assert sorted(listed[: len(asked)]) == sorted(asked)
    assert listed[len(asked) :] == answered


@pytest.mark.anyio
@pytest.mark.parametrize("example", EXAMPLES, ids=["pandas", "polars", "batches"])
async def test_its_examples_run(database: Database, example: str) -> None:
    needed = next(name for short, name in NEEDS.items() if short in example)
    pytest.importorskip(needed, reason=f"no {needed}: pip install {needed}")
    began = int(time.time()) * 1_000_000 - 3_600_000_000
    readings = [(began + i * 1_000_000, 20 + i / 8) for i in range(100)]
    async with asking(database) as asker:
        await asker.send(columns("demo/press/press-3", "temperature", readings))
    house = house_of(database, **STILL)
    token = (await token_for(house, Role.VIEWER))["Authorization"]
    async with listening(house, loopback_only=False) as url:
        text = example.replace("http://127.0.0.1:8000", url).replace("Bearer TOKEN", token)
        found: dict[str, Any] = {}
        await asyncio.to_thread(exec, text, found)
    if needed == "pyarrow":
        assert found["highest"] == 20 + 99 / 8
        return
    table = found["readings"]
    assert list(table.columns) == HEADER.decode().strip().split(",")
    assert list(table["value"]) == [value for _, value in readings]
    assert [int(each.timestamp() * 1_000_000) for each in table["time"]] == [at for at, _ in readings]
    assert "UTC" in str(table["time"].dtype)
    assert set(table["machine"]) == {"demo/press/press-3"}
    assert set(table["status"]) == {0}
