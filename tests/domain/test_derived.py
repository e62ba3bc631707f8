"""Derived metrics: which needs which, and the values of their steps."""

import math

import numpy as np
import pytest

from app.domain.computations import Measured
from app.domain.derived import Defined, Fault, Link, chained
from app.domain.derived_steps import Buckets, derived_steps, needed
from app.domain.formulas import Function
from app.domain.kpis import KpiDefinition
from app.domain.model import MetricKind
from app.domain.units import UNCHANGED, Conversion

METRICS: dict[str, Measured] = {
    "heat": Defined("Cel"), "power": Defined("kW"), "made": Defined(None, MetricKind.COUNTER),
    "state": Defined(None, MetricKind.STATE),
}  # fmt: skip


def links(
    formulas: dict[str, str], kpis: dict[str, str] | None = None, unit: str | None = None
) -> dict[str, Link | Fault]:
    wanted = {name: KpiDefinition(name, name, formula, unit, None) for name, formula in formulas.items()}
    return chained(wanted, kpis or {}, METRICS)


def told(found: dict[str, Link | Fault]) -> dict[str, str | int]:
    return {name: each.rank if isinstance(each, Link) else each.error.message for name, each in found.items()}


def test_those_that_others_need_come_first() -> None:
    found = links({"c": "b + k", "b": "2 * a", "a": "power", "d": "maximum(a) - minimum(c)"}, {"k": "3 * a"})
    assert told(found) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert list(found) == ["a", "b", "c", "d"]
    assert {each.kpi.unit for each in found.values() if isinstance(each, Link)} == {"kW"}


def test_a_circle_is_told_and_whoever_needs_it() -> None:
    found = links({"a": "power + k", "b": "a", "c": "made", "x": "average(x)"}, {"k": "2 * b", "i": "j", "j": "i"})
    assert told(found) == {
        "a": "It is made of itself: a -> k -> b -> a.", "b": "It is made of itself: a -> k -> b -> a.", "c": 1,
        "x": "It is made of itself: x -> x.",
    }  # fmt: skip
    assert told(links({"a": "power.nothing", "b": "a"}))["b"] == "It refers to 'a', which cannot be derived."


def test_what_is_wrong_with_a_unit_is_no_fault_of_the_formula() -> None:
    assert {each.field for each in links({"a": "power"}, unit="bar").values() if isinstance(each, Fault)} == {"unit"}
    assert {each.field for each in links({"a": "power + heat"}).values() if isinstance(each, Fault)} == {"formula"}


def of_buckets(conversion: Conversion = UNCHANGED, **columns: list[float]) -> Buckets:
    made = {name: np.array(values) for name, values in columns.items()}
    return Buckets(made, math.nan, None, conversion)


TURNED = Conversion(-2.0, 1.0)


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        ("average(power)", [-3.0, None, None, -19.0]),
        ("sum(power)", [-6.0, None, 0.0, -19.0]),
        ("minimum(power)", [-5.0, None, None, -19.0]),
        ("maximum(power)", [-1.0, None, None, -19.0]),
        ("first(power)", [-1.0, None, None, -19.0]),
        ("last(power)", [-5.0, None, None, -19.0]),
        ("count(power)", [2.0, None, 0.0, 1.0]),
        ("duration() + 0 * count(power) * duration()", [60.0, None, 60.0, 60.0]),
        ("1 / (count(power) - 1)", [1.0, None, -1.0, None]),
        ("sum(power) * sum(power) * 1e149", [None, None, 0.0, None]),
    ],
)
def test_each_aggregate_of_a_step(formula: str, values: list[float | None]) -> None:
    """Steps of two readings, of none, of bad ones alone and of one; the conversion turns what is lowest."""
    [link] = links({"a": formula}).values()
    assert isinstance(link, Link)
    buckets = of_buckets(
        TURNED, start=[0, 120e6, 180e6], good=[1, 0, 1], uncertain=[1, 0, 0], sum=[4.0, math.nan, 10.0],
        minimum=[1.0, math.nan, 10.0], maximum=[3.0, math.nan, 10.0], first=[1.0, math.nan, 10.0],
        last=[3.0, math.nan, 10.0],
    )  # fmt: skip
    found = derived_steps(link.kpi, [{"power": buckets}, {}], 0, 60_000_000, 4)
    assert [None if math.isnan(value) else value for value in found.values[0].tolist()] == values
    assert np.isnan(found.values[1]).all()
    assert found.uncertain[0].tolist() == [True, False, False, False]


def test_what_is_read_for_an_aggregate() -> None:
    assert needed([Function.COUNT, Function.DURATION]) == {"good", "uncertain"}
    assert needed([Function.INCREASE]) == {"good", "uncertain", "first", "last", "last_at"}
