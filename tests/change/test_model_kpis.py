"""KPIs in a model file: read, written out, and refused with their place where they could not be computed."""

import pytest

from app.change.model_document import read_document
from app.change.model_file import ModelFile
from app.domain.plant_model import Noun
from app.errors import ModelInvalid
from app.store.database import Database
from tests.change.told import fault_of

pytestmark = pytest.mark.anyio

FILE = """\
metrics:
  - name: energy
    unit: kW.h
    kind: COUNTER
  - name: good
    kind: COUNTER
  - name: temperature
    unit: Cel
  - name: total
    kind: COUNTER
kpis:
  - name: energy per part
    display_name: Energy per good part
    description: Of all that was used
    formula: energy / increase(good)
    unit: MJ
  - name: first pass yield
    formula: good / total
    unit: '%'
  - name: lost
    formula: "1 - \\"first pass yield\\""
"""


def test_a_kpi_says_what_it_says() -> None:
    model = read_document("kpis:\n  - {name: a, formula: b / c}\n  - {name: d, unit: null}\n", "f").model
    assert model.of(Noun.KPI) == {("a",): {"formula": "b / c"}, ("d",): {"unit": None}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kpis: [{formula: a}]", "f:1:8: A KPI has no `name`."),
        ("kpis: [{name: a, formul: a}]", "f:1:18: A KPI has no key 'formul'."),
        ("kpis: [{name: a, formula: }]", "f:1:27: `formula` is empty."),
        ("kpis: [{name: a, formula: [a]}]", "f:1:27: `formula` is a list"),
        ('kpis: [{name: a, formula: "\\0"}]', "f:1:27: `formula` holds a NUL character."),
        (f"kpis: [{{name: a, formula: {'x' * 2001}}}]", "f:1:27: `formula` has 2,001 characters."),
        ("kpis:\n  - name: a\n  - name: a\n", "f:3:11: The KPI 'a' is there already, in line 2."),
    ],
)
def test_a_fault_of_the_file_is_told_with_its_place(text: str, message: str) -> None:
    assert fault_of(text).message.startswith(message)


async def test_kpis_are_kept_changed_and_written_out(database: Database) -> None:
    model = ModelFile(database)
    created = ["energy per part", "first pass yield", "lost"]
    assert (await model.apply(FILE, "f")).changes[-3:] == [f"created KPI {name}" for name in created]
    assert (text := await model.export()) == FILE
    assert (await model.described())[1].endswith(", 4 metrics, 3 KPIs")
    assert (await model.apply(text, "f")).changes == []
    mended = "kpis: [{name: lost, formula: total - good, description: x}, {name: energy per part, unit: null}]"
    told = [
        "changed KPI lost: description none -> x",
        'changed KPI lost: formula 1 - "first pass yield" -> total - good',
        "changed KPI energy per part: unit MJ -> none",
    ]
    assert (await model.diff(mended, "f")).changes == told
    assert (await model.apply(mended, "f")).changes == told
    assert (await model.apply(mended, "f")).changes == []


IMPOSSIBLE = {
    "kpis: [{name: x}]": "f:1:15: The formula is empty.",
    "kpis:\n  - {name: x, formula: good / toal}": (
        "f:2:24: The formula names 'toal', and there is no such metric or KPI (at character 8)."
    ),
    "kpis: [{name: x, formula: 'good + energy'}]": (
        "f:1:27: The formula adds kW.h to a plain number (at character 8)."
    ),
    "kpis: [{name: x, formula: energy, unit: kW}]": "f:1:41: The formula gives kW.h, which cannot be told in kW.",
    "kpis: [{name: x, formula: energy, unit: bananas}]": "f:1:41: The unit 'bananas' is not known.",
    "kpis: [{name: x, formula: 9**9**9}]": "f:1:27: The formula holds something other than",
    "kpis: [{name: x, formula: x + 1}]": "f:1:27: The KPI 'x' is made of itself: x -> x.",
    "kpis: [{name: x, formula: lost}, {name: first pass yield, formula: x}]": (
        "f:1:27: The KPI 'x' is made of itself: x -> lost -> first pass yield -> x."
    ),
    "kpis: [{name: good, formula: total}]": "f:1:15: There is a metric of the name 'good'",
    "metrics: [{name: lost}]": "f:1:18: There is a KPI of the name 'lost'",
    "metrics: [{name: energy, unit: kW}]": (
        "f:1:32: With this the KPI 'energy per part' cannot be computed any more: The formula gives kW"
    ),
    "metrics: [{name: good, kind: STATE}]": "f:1:30: With this the KPI 'energy per part' cannot be computed",
    "kpis: [{name: first pass yield, formula: energy, unit: MJ}]": (
        "f:1:42: With this the KPI 'lost' cannot be computed any more: The formula subtracts"
    ),
}


async def test_what_could_not_be_computed_is_refused_where_it_is_written(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(FILE, "f")
    for text, message in IMPOSSIBLE.items():
        with pytest.raises(ModelInvalid) as caught:
            await model.apply(text, "f")
        assert caught.value.message.startswith(message), caught.value.message
        assert caught.value.hint
    assert await model.export() == FILE


async def test_what_the_change_has_nothing_to_do_with_is_left_alone(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(FILE, "f")
    async with database.begin() as transaction:
        await transaction.exec_driver_sql("UPDATE kpis SET formula = 'gone' WHERE name = 'lost'")
    assert (await model.apply("metrics: [{name: total, unit: '{parts}'}]", "f")).changes == [
        "changed metric total: unit none -> {parts}"
    ]
