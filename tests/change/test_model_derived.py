"""Derived metrics in a model file: read, written out, and refused with their place where they could not be computed."""

import pytest

from app.change.model_file import ModelFile
from app.errors import ModelInvalid
from app.store.database import Database
from tests.change.told import fault_of

pytestmark = pytest.mark.anyio

FILE = """\
machine_types:
  - name: press
    metrics: [part energy, total]
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
  - name: pass
    formula: good / total
  - name: worth
    formula: pass / "part energy"
derived:
  - name: dear
    formula: part_price * 2
  - name: part energy
    display_name: Energy per good part
    description: Of all that was used
    formula: energy / increase(good)
    every: PT5M
    unit: MJ
  - name: part_price
    formula: '"part energy" * 3'
"""
BY_AND_BY = "from now on, and for what is stored already by and by, the newest first."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("derived: [{formula: a}]", "f:1:11: A derived metric has no `name`."),
        ("derived: [{name: a, kind: GAUGE}]", "f:1:21: A derived metric has no key 'kind'."),
        ("derived: [{name: a, formula: }]", "f:1:30: `formula` is empty."),
        ("derived: [{name: a, every: PT30S}]", "f:1:28: `every` is 'PT30S': a day cannot be cut into such steps of"),
        ("derived: [{name: a, every: PT7M}]", "f:1:28: `every` is 'PT7M': a day cannot be cut into such steps of"),
        ("derived: [{name: a, every: P7D}]", "f:1:28: `every` is 'P7D': a day cannot be cut into such steps of"),
        ("derived: [{name: a, every: PT0S}]", "f:1:28: `every` is 'PT0S', which is not above zero."),
        ("derived:\n  - name: a\n  - name: a\n", "f:3:11: The derived metric 'a' is there already, in line 2."),
    ],
)
def test_a_fault_of_the_file_is_told_with_its_place(text: str, message: str) -> None:
    assert fault_of(text).message.startswith(message)


async def test_derived_metrics_are_kept_changed_and_written_out(database: Database) -> None:
    model = ModelFile(database)
    names = ["dear", "part energy", "part_price"]
    done = await model.apply(FILE, "f")
    assert [each for each in done.changes if "derived" in each] == [f"created derived metric {name}" for name in names]
    assert done.notes == [f"The service derives {name} {BY_AND_BY}" for name in names]
    assert (text := await model.export()) == FILE
    assert (await model.described())[1].endswith(", 4 metrics, 2 KPIs, 3 derived metrics")
    assert await model.apply(text, "f") == ([], [])
    mended = "derived: [{name: dear, display_name: x, every: PT1H}, {name: part energy, description: null, unit: J}]"
    done = await model.apply(mended, "f")
    assert done.changes == [
        "changed derived metric dear: display_name dear -> x",
        "changed derived metric dear: every PT1M -> PT1H",
        "changed derived metric part energy: description Of all that was used -> none",
        "changed derived metric part energy: unit MJ -> J",
    ]
    assert done.notes == [f"The service derives {name} {BY_AND_BY}" for name in ("dear", "part energy")]
    assert (await model.apply("derived: [{name: dear, display_name: y}]", "f")).notes == []
    async with database.begin() as transaction:
        rows = await transaction.exec_driver_sql("SELECT name, unit, formula_unit FROM metrics WHERE formula <> ''")
        told = {row.name: (row.unit, row.formula_unit) for row in rows}
    assert told == {"dear": ("J", None), "part energy": ("J", "J"), "part_price": ("J", None)}


IMPOSSIBLE = {
    "derived: [{name: x}]": "f:1:18: The formula is empty.",
    "derived:\n  - {name: x, formula: good / toal}": (
        "f:2:24: The formula names 'toal', and there is no such metric or KPI (at character 8)."
    ),
    "derived: [{name: x, formula: 'good + energy'}]": "f:1:30: The formula adds kW.h to a plain number",
    "derived: [{name: x, formula: energy, unit: kW}]": "f:1:44: The formula gives kW.h, which cannot be told in kW.",
    "derived: [{name: x, formula: energy, unit: bananas}]": "f:1:44: The unit 'bananas' is not known.",
    "derived: [{name: x, formula: temperature * 2}]": "f:1:30: The formula multiplies or divides values in Cel",
    "derived: [{name: x, formula: 1 / 0 * good}]": "f:1:30: The formula divides by 0, whatever is measured",
    "derived: [{name: x, formula: 7 / duration()}]": "f:1:30: The formula names no metric.",
    "derived: [{name: x, formula: 9**9**9}]": "f:1:30: The formula holds something other than",
    "derived: [{name: x, formula: \"__import__('os').system('id')\"}]": "f:1:30: The formula holds something other",
    "derived: [{name: x, formula: good.__class__}]": "f:1:30: The formula names 'good.__class__', and there is no such",
    "derived: [{name: x, formula: x + 1}]": "f:1:30: It is made of itself: x -> x.",
    "derived: [{name: x, formula: average(x)}]": "f:1:30: It is made of itself: x -> x.",
    "kpis: [{name: k, formula: x}]\nderived: [{name: x, formula: good + k}]": (
        "f:1:27: The formula refers to 'x', which cannot be derived. Mend 'x' first.\n"
        "f:2:30: It is made of itself: x -> k -> x."
    ),
    "derived: [{name: part energy, formula: dear, unit: null, every: PT1M}]": "f:1:40: It is made of itself:",
    "derived: [{name: good, formula: total}]": "f:1:18: There is a metric whose readings are sent of the name 'good'.",
    "derived: [{name: pass, formula: total}]": "f:1:18: There is a KPI of the name 'pass'.",
    "metrics: [{name: dear, unit: kW}]": "f:1:18: The metric 'dear' is a derived one.",
    "kpis: [{name: dear, formula: good}]": "f:1:15: There is a metric of the name 'dear'",
    "metrics: [{name: energy, unit: kW}]": (
        "f:1:32: With this the derived metric 'part energy' cannot be computed any more: The formula gives kW"
    ),
    "metrics: [{name: good, kind: STATE}]": "f:1:30: With this the ",
    "derived: [{name: part energy, formula: total, unit: null}, {name: y, formula: dear + energy}]": (
        "f:1:79: The formula adds kW.h to a plain number (at character 8)."
    ),
    "derived: [" + ", ".join(f"{{name: d{n}, formula: {f'd{n - 1}' if n else 'good'}}}" for n in range(11)) + "]": (
        "f:1:284: It goes through more than 10 derived metrics."
    ),
}


async def test_what_could_not_be_computed_is_refused_where_it_is_written(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(FILE, "f")
    for text, message in IMPOSSIBLE.items():
        with pytest.raises(ModelInvalid) as caught:
            await model.apply(text, "f")
        assert caught.value.message.startswith(message), (text, caught.value.message)
        assert caught.value.hint
    assert await model.export() == FILE


async def test_a_kpi_that_names_a_derived_metric_is_looked_after(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(FILE + "  - name: cost\n    formula: energy\n", "f")
    await model.apply("kpis: [{name: both, formula: cost + energy}]", "f")
    with pytest.raises(ModelInvalid) as caught:
        await model.apply("derived: [{name: cost, formula: total}]", "f")
    assert caught.value.message.startswith("f:1:33: With this the KPI 'both' cannot be computed any more: The formula")
