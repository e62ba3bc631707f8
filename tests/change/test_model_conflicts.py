"""A model file that contradicts the store, and two files at once, on every engine."""

from importlib.resources import files
from typing import Any

import anyio
import pytest
import sqlalchemy as sa

from app.change.model_file import ModelFile
from app.domain.addresses import Address, SeriesKey
from app.errors import ModelInvalid
from app.store.database import Database
from app.store.labels import LabelStore
from app.store.registration import Registration
from app.store.tables import machine_types

pytestmark = pytest.mark.anyio

CONTRACT = """\
plants:
  - code: detroit
    name: Detroit Assembly
    time_zone: America/Detroit
    production_day_starts: "06:00"
    lines:
      - code: press-1
        name: Press line 1
        machines:
          - code: robot-3
            name: Robot 3
            type: robot
            transit: PT45S
            attributes: {vendor: acme}
machine_types:
  - name: robot
    metrics: [parts, status, temperature]
metrics:
  - name: parts
    kind: COUNTER
    modulus: 65536
  - name: status
    kind: STATE
    labels: {0: idle, 1: run, 2: fault}
  - name: temperature
    unit: Cel
    interval: PT1S
    gap: PT30S
"""


async def _rows(database: Database, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    async with database.begin() as transaction:
        return [tuple(row) for row in await transaction.execute(query)]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "plants:\n  - code: p\n    lines:\n      - code: l\n        machines: [{code: m, type: robt}]\n",
            "f:5:36: The machine type 'robt' is defined neither in the file nor in the store.",
            "Did you mean 'robot'?",
        ),
        (
            "machine_types: [{name: robot, metrics: [parts, humidity]}]\n",
            "f:1:48: The metric 'humidity' is defined neither in the file nor in the store.",
            "Define it under `metrics`.",
        ),
        (
            "metrics: [{name: status, labels: {3: idle}}]\n",
            "f:1:38: The label 'idle' of status stands for 0 already.",
            "Write another text here, or give 0 another text as well.",
        ),
        (
            "metrics: [{name: parts, dip_tolerance: 70000}]\n",
            "f:1:40: The dip tolerance 70000 of parts is above its modulus 65536.",
            "Write a smaller tolerance or a greater modulus.",
        ),
        (
            "metrics: [{name: new, modulus: 1, dip_tolerance: 2}]\n",
            "f:1:50: The dip tolerance 2 of new is above its modulus 1.",
            "Write a smaller tolerance or a greater modulus.",
        ),
    ],
)
async def test_what_contradicts_the_store_is_refused_whole(
    database: Database, text: str, message: str, hint: str
) -> None:
    model = ModelFile(database)
    await model.apply(CONTRACT, "f")
    with pytest.raises(ModelInvalid) as caught:
        await model.apply(text + ("" if "metrics: [{" in text else "metrics: [{name: other}]\n"), "f")
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert await model.export() == CONTRACT


async def test_a_modulus_below_the_stored_tolerance_is_refused_where_it_is_written(database: Database) -> None:
    model = ModelFile(database)
    await model.apply("metrics: [{name: parts, dip_tolerance: 5}]", "f")
    with pytest.raises(ModelInvalid, match="^f:2:27: The dip tolerance 5 of parts is above its modulus 3.5"):
        await model.diff("metrics:\n - {name: parts, modulus: 3.5}", "f")


async def test_a_code_that_readings_hold_for_another_text_is_refused(database: Database) -> None:
    registration = Registration(database, create=True, time_zone="UTC")
    key = SeriesKey("s", Address("p", "l", "m", "status"), discrete=True)
    series_id = (await registration.series_by_key([key]))[key]
    await LabelStore(database, limit=10).codes({series_id: ["fault", "run"]})
    model = ModelFile(database)
    with pytest.raises(ModelInvalid) as caught:
        await model.apply("metrics:\n  - name: status\n    labels:\n      0: idle\n      1: run\n", "f")
    assert caught.value.message == (
        "f:4:10: The code 0 stands for 'fault' in readings of status that arrived as text;"
        " as 'idle' they would be misread."
    )
    assert caught.value.hint == "Write 0: fault, or give 'idle' a free code such as 2."
    assert (await model.apply("metrics: [{name: status, labels: {0: fault, 1: run, 2: idle}}]", "f")).changes == [
        "changed metric status: label 0 none -> fault",
        "changed metric status: label 1 none -> run",
        "changed metric status: label 2 none -> idle",
    ]


async def test_two_files_at_once_create_everything_once(database: Database) -> None:
    told: list[str] = []

    async def apply() -> None:
        told.extend((await ModelFile(database).apply(CONTRACT, "f")).changes)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(apply)
    assert len(told) == len(set(told)) == 7
    assert await ModelFile(database).export() == CONTRACT


async def test_the_demo_plant_applies(database: Database) -> None:
    text = files("app.sources.demo_plant").joinpath("demo.yaml").read_text()
    model = ModelFile(database)
    assert len((await model.apply(text, "demo.yaml")).changes) == 1 + 3 + 24 + 3 + 6 + 1 + 2
    assert (await model.apply(text, "demo.yaml")).changes == []
    assert (await model.apply(await model.export(), "demo.yaml")).changes == []
    assert await _rows(database, sa.select(sa.func.count()).select_from(machine_types)) == [(3,)]
