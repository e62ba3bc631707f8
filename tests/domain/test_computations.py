"""Computations: names looked up, units that go together, circles and endless references, and null where nothing is."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from app.domain.computations import MOST_STEPS, Input, computed_from
from app.domain.formulas import Function
from app.domain.kpis import Kpi, KpiDefinition, kpi, names_reached
from app.domain.model import MetricKind
from app.errors import BadInput

NAN = float("nan")


class Metric(NamedTuple):
    kind: MetricKind
    unit: str | None = None


METRICS = {
    "good": Metric(MetricKind.COUNTER, "{parts}"),
    "total": Metric(MetricKind.COUNTER),
    "energy": Metric(MetricKind.COUNTER, "kW.h"),
    "heat": Metric(MetricKind.COUNTER, "MJ"),
    "power": Metric(MetricKind.GAUGE, "kW"),
    "temperature": Metric(MetricKind.GAUGE, "Cel"),
    "outside": Metric(MetricKind.GAUGE, "Cel"),
    "warm": Metric(MetricKind.GAUGE, "[degF]"),
    "kelvin": Metric(MetricKind.GAUGE, "K"),
    "fruit": Metric(MetricKind.GAUGE, "bananas"),
    "rpm": Metric(MetricKind.GAUGE, "rpm"),
    "status": Metric(MetricKind.STATE),
    "bad name": Metric(MetricKind.GAUGE),
}


def made(formula: str, unit: str | None = None, **others: str) -> Kpi:
    return kpi(KpiDefinition("k", "k", formula, unit, None), {"k": formula, **others}, METRICS)


def value(found: Kpi, **inputs: float) -> float:
    """Of one bucket, with the inputs by metric."""
    columns = {each: np.array([inputs[each.metric or "duration"]]) for each in found.computation.inputs}
    return float(found.values(columns)[0])


def test_a_name_alone_is_what_its_kind_adds_up_to() -> None:
    assert made("good / total").computation.inputs == (
        Input(Function.INCREASE, "good", "{parts}"),
        Input(Function.INCREASE, "total", None),
    )
    inputs = made('power / "bad name" * duration() / duration()', "kW").computation.inputs
    assert [each.name for each in inputs] == ["average(power)", 'average("bad name")', "duration()"]
    assert made("last(power) - first(power)").computation.metrics == {"power"}


@pytest.mark.parametrize(
    ("formula", "unit", "shown", "inputs", "expected"),
    [
        ("good / total", None, None, {"good": 3, "total": 4}, 0.75),
        ("good / total", "%", "%", {"good": 3, "total": 4}, 75),
        ("100 * good / total", None, None, {"good": 3, "total": 4}, 75),
        ("energy / total", None, "kW.h", {"energy": 6, "total": 4}, 1.5),
        ("energy / total", "MJ", "MJ", {"energy": 6, "total": 4}, 5.4),
        ("energy / good", None, "kW.h/{parts}", {"energy": 6, "good": 4}, 1.5),
        ("1 / energy", None, "/(kW.h)", {"energy": 4}, 0.25),
        ("2 * energy", None, "kW.h", {"energy": 4}, 8),
        ("energy + heat", None, "kW.h", {"energy": 1, "heat": 3.6}, 2),
        ("heat - energy", None, "MJ", {"energy": 1, "heat": 7.2}, 3.6),
        ("energy / heat", "1", "1", {"energy": 1, "heat": 7.2}, 0.5),
        ("energy / energy", None, None, {"energy": 2}, 1),
        ("power * duration()", "kW.h", "kW.h", {"power": 10, "duration": 1_800}, 5),
        ("power * duration()", None, "kW.s", {"power": 10, "duration": 60}, 600),
        ("good / duration()", "{parts}/h", "{parts}/h", {"good": 10, "duration": 1_800}, 20),
        ("-energy", None, "kW.h", {"energy": 4}, -4),
        ("temperature", None, "Cel", {"temperature": 20}, 20),
        ("temperature", "[degF]", "[degF]", {"temperature": 20}, 68),
        ("temperature", "K", "K", {"temperature": 20}, 293.15),
        ("temperature - outside", "K", "K", {"temperature": 20, "outside": 5}, 15),
        ("energy / (temperature - outside)", "kW.h/K", "kW.h/K", {"temperature": 9, "outside": 5, "energy": 8}, 2),
        ("kelvin", "Cel", "Cel", {"kelvin": 300}, pytest.approx(26.85)),
        ("fruit / fruit + 1", None, None, {"fruit": 7}, 2),
        ("fruit * 2", None, None, {"fruit": 7}, None),
        ("fruit * 2", "bananas", "bananas", {"fruit": 7}, 14),
        ("fruit", None, "bananas", {"fruit": 7}, 7),
        ("count(status) / count(power)", None, None, {"status": 3, "power": 4}, 0.75),
        ("count(temperature) + 1", None, None, {"temperature": 3}, 4),
    ],
)
def test_units_go_through_a_formula(
    formula: str, unit: str | None, shown: str | None, inputs: dict[str, float], expected: float | None
) -> None:
    if expected is None:
        with pytest.raises(BadInput, match="no unit that could be named"):
            made(formula, unit)
        return
    found = made(formula, unit)
    assert found.unit == shown
    assert value(found, **inputs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("formula", "inputs"),
    [
        ("good / total", {"good": 3, "total": 0}),
        ("good / total", {"good": 0, "total": 0}),
        ("good / total", {"good": NAN, "total": 3}),
        ("1 / (good / total)", {"good": 3, "total": 0}),
        ("1 / (1 / total)", {"total": 0}),
        ("total + good / (total - total)", {"good": 3, "total": 4}),
        ("1 / (1e308 * total)", {"total": 1e10}),
        ("1e308 * total", {"total": 1e10}),
    ],
)
def test_what_is_divided_by_zero_or_is_no_number_is_null(formula: str, inputs: dict[str, float]) -> None:
    assert np.isnan(value(made(formula), **inputs))


@pytest.mark.parametrize(
    ("formula", "unit", "sentence", "hint"),
    [
        (
            "goood / total",
            None,
            "The formula names 'goood', and there is no such metric or KPI (at character 1).",
            "good",
        ),
        ("good + spindle-load", None, "names 'spindle', and there is no such metric or KPI (at character 8)", "quotes"),
        ("sum(goood)", None, "no such metric (at character 5)", "good"),
        ("good + energy", None, "adds kW.h to {parts} (at character 8)", "one quantity"),
        ("energy - power", None, "subtracts kW from kW.h (at character 10)", "one quantity"),
        ("energy + 1", None, "adds a plain number to kW.h", "one quantity"),
        ("fruit + rpm", None, "adds rpm to bananas", ""),
        ("energy / good", "kW", "gives kW.h/{parts}, which cannot be told in kW", "same quantity"),
        ("energy / good", "rpm", "The unit 'rpm' is not known.", "{rev}/min"),
        ("good / total", "kW", "gives a plain number, which cannot be told in kW", ""),
        ("temperature + outside", None, "adds or subtracts values in Cel and Cel", "the unit K"),
        ("temperature - warm", None, "adds or subtracts values in Cel and [degF]", "the unit K"),
        ("5 - temperature", None, "subtracts Cel from a plain number", ""),
        ("temperature / 2", None, "multiplies or divides values in Cel, whose zero is not nothing", "the unit K"),
        ("-temperature", None, "multiplies or divides values in Cel", "the unit K"),
        ("temperature - outside", "Cel", "gives a difference, which cannot be told in Cel", "Write K"),
        ("temperature - outside", None, "no unit that could be named", "Say its `unit`."),
        ("kelvin - kelvin", "Cel", "gives a difference", "Write K"),
        ("increase(power)", None, "takes increase() of 'power', which is a GAUGE (at character 10)", "COUNTER"),
        ("average(good)", None, "takes average() of 'good', which is a COUNTER", "GAUGE"),
        ("sum(good)", None, "takes sum() of 'good', which is a COUNTER", "GAUGE"),
        ("last(status)", None, "takes last() of 'status', which is a STATE", "COUNTER or GAUGE"),
        ("status", None, "names 'status', which is a STATE: its values are codes (at character 1)", "count()"),
        ("1 + 1", None, "The formula names no metric.", "good / total"),
        ("3600 / duration()", None, "The formula names no metric.", ""),
        ("good / 0", None, "divides by 0, whatever is measured (at character 8)", ""),
        ("good / (2 - 2)", None, "divides by 0", ""),
        ("good / (1e308 * 1e308)", None, "divides by 0", ""),
        ("good / ", None, "cannot be read (at character", ""),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    formula: str, unit: str | None, sentence: str, hint: str
) -> None:
    with pytest.raises(BadInput) as caught:
        made(formula, unit)
    assert sentence in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_kpi_in_a_formula_stands_for_its_own_formula() -> None:
    found = made("yield * rate", "%", **{"yield": "good / total", "rate": "total / (2 * total)"})
    assert value(found, good=3, total=4) == 37.5
    assert names_reached(["k"], {"k": "a / b", "b": "c + d", "d": "e +"}) == {"k", "a", "b", "c", "d", "e"} - {"e"}
    with pytest.raises(BadInput, match="In the KPI 'b', to which it refers: The formula names 'x'.*at character 8"):
        made("good * b", None, b="good + x")
    with pytest.raises(BadInput, match="In the KPI 'b', to which it refers: The formula cannot be read"):
        made("good * b", None, b="good +")


def test_a_name_within_an_aggregate_is_a_metric_even_where_a_kpi_is_called_so() -> None:
    found = made("average(power) / total", None, power="good / total")
    assert {each.metric for each in found.computation.inputs} == {"power", "total"}


def test_circles_and_endless_references_are_refused() -> None:
    with pytest.raises(BadInput, match="The KPI 'k' is made of itself: k -> k."):
        made("k + 1")
    with pytest.raises(BadInput, match="The KPI 'k' is made of itself: k -> a -> b -> k."):
        made("a", None, a="good + b", b="2 * k")
    chain = {f"a{at}": f"a{at + 1}" for at in range(5_000)} | {"a5000": "good"}
    with pytest.raises(BadInput, match="nest more than 100 deep"):
        computed_from("a0", chain, METRICS)
    doubled = {left: f"{right} + {right}" for left, right in pairwise(f"a{at}" for at in range(40))} | {"a39": "good"}
    with pytest.raises(BadInput, match=f"more than {MOST_STEPS} parts"):
        computed_from("a0", doubled, METRICS)
