"""Notes on units in a model file: what is no UCUM code is kept, and named with its place."""

import pytest

from app.change.model_file import ModelFile
from app.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """metrics:
  - {name: heat, unit: Cel}
  - name: speed
    unit: rpm
  - {name: fruit, unit: bananas}
"""


async def test_a_unit_that_is_no_ucum_code_is_kept_and_named_once(database: Database) -> None:
    model = ModelFile(database)
    assert (await model.diff(FILE, "plant.yaml")).notes == (found := (await model.apply(FILE, "plant.yaml")).notes)
    assert found == [
        "plant.yaml:4:11: 'rpm' is no UCUM code: values are answered in it as they come, and in no other unit."
        " Did you mean {rev}/min? Codes with brackets stand in quotes.",
        "plant.yaml:5:25: 'bananas' is no UCUM code: values are answered in it as they come, and in no other unit."
        " Write a UCUM code such as Cel, [degF], bar, kW.h, m3/h, % or /min. Codes with brackets stand in quotes.",
    ]
    assert "unit: bananas" in await model.export()
    assert await model.apply(FILE, "plant.yaml") == ([], [])
    assert (await model.apply(FILE.replace("bananas", "'{bananas}'"), "plant.yaml")).notes == []
