"""Columns in one piece: what goes through, what is completed one by one, and what the JSON says."""

import asyncio
import enum
from collections.abc import Callable
from time import perf_counter
from typing import Any

import graphql
import numpy as np
import orjson
import pytest
import strawberry
from graphql.execution.executor import Executor
from numpy.typing import NDArray
from strawberry.types import ExecutionResult

from schema.documents import extensions
from schema.limits import QueryLimits
from schema.passing import ColumnPassing, encode

pytestmark = pytest.mark.anyio

POINTS = 10_000
TIMES = np.arange(POINTS, dtype=np.float64) * 1000.5
GAPS = np.where(np.arange(POINTS) % 100 == 7, np.nan, TIMES)


@strawberry.enum
class Finality(enum.Enum):
    PROVISIONAL = "provisional"
    FINAL = "final"


@strawberry.type
class Plot:
    times: list[float]
    values: list[float | None]
    counts: list[int]
    maybe: list[float] | None
    whole: list[int | None]
    names: list[str]
    finality: list[Finality]
    matrix: list[list[float]]


def plot(**given: Any) -> Plot:
    empty: list[Any] = []
    columns = {"times": empty, "values": empty, "counts": empty, "maybe": None, "whole": empty, "names": empty}
    return Plot(**{**columns, "finality": empty, "matrix": empty, **given})


@strawberry.type
class Query:
    @strawberry.field
    def plot(self, info: strawberry.Info) -> Plot:
        return info.context["plot"]  # type: ignore[no-any-return]

    @strawberry.field
    async def later(self, info: strawberry.Info) -> Plot | None:
        await asyncio.sleep(0)
        return info.context["plot"]  # type: ignore[no-any-return]

    @strawberry.field
    async def values(self) -> list[float | None]:
        await asyncio.sleep(0)
        return GAPS  # type: ignore[return-value]


SCHEMA = strawberry.Schema(Query, execution_context_class=ColumnPassing, extensions=extensions(QueryLimits()))


async def asked(text: str, **columns: Any) -> ExecutionResult:
    return await SCHEMA.execute(text, context_value={"plot": plot(**columns)})


def written(result: ExecutionResult) -> Any:
    return orjson.loads(encode({"data": result.data}))["data"]


async def test_arrays_pass_whole_and_come_out_as_json() -> None:
    result = await asked("{plot {times values counts maybe}}", times=TIMES, values=GAPS, counts=np.arange(POINTS))
    assert result.errors is None
    assert result.data is not None
    assert np.shares_memory(result.data["plot"]["times"], TIMES)
    assert np.shares_memory(result.data["plot"]["values"], GAPS)
    answer = written(result)["plot"]
    assert answer["times"] == TIMES.tolist()
    assert answer["values"] == [None if np.isnan(value) else value for value in GAPS]
    assert answer["counts"] == list(range(POINTS))
    assert answer["maybe"] is None


@pytest.mark.alone
async def test_ten_thousand_points_cost_less_than_two_milliseconds() -> None:
    context = {"plot": plot(times=TIMES, values=GAPS, counts=np.arange(POINTS))}
    durations = []
    for _ in range(5):
        began = perf_counter()
        result = await SCHEMA.execute("{plot {times values counts}}", context_value=context)
        durations.append(perf_counter() - began)
        assert result.errors is None
    assert min(durations) < 0.002


async def test_aliases_fragments_and_awaited_fields() -> None:
    text = "{a: plot {...F t: times} later {...F} values} fragment F on Plot {times values}"
    result = await asked(text, times=TIMES, values=GAPS)
    assert result.errors is None
    answer = written(result)
    assert answer["a"]["times"] == answer["a"]["t"] == answer["later"]["times"] == TIMES.tolist()
    assert answer["a"]["values"] == answer["later"]["values"] == answer["values"]


async def test_lists_stay_ordinary_and_stand_beside_arrays() -> None:
    columns = {"times": [1, 2.5], "values": [None, 1.0], "names": ["a"], "finality": [Finality.FINAL]}
    result = await asked("{plot {times values counts names finality}}", counts=np.array([3]), **columns)
    assert written(result) == {
        "plot": {"times": [1.0, 2.5], "values": [None, 1.0], "counts": [3], "names": ["a"], "finality": ["FINAL"]}
    }
    assert result.data is not None
    assert type(result.data["plot"]["times"]) is list


async def test_nan_never_reaches_a_field_that_promises_numbers() -> None:
    result = await asked("{later {times values} values}", times=np.array([1.0, np.nan]), values=GAPS)
    assert [error.path for error in result.errors or []] == [["later", "times", 1]]
    assert written(result)["later"] is None
    assert len(written(result)["values"]) == POINTS


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
async def test_a_nullable_column_falls_to_null_and_its_neighbours_stay(bad: float) -> None:
    result = await asked("{plot {maybe times}}", maybe=np.array([bad]), times=TIMES)
    assert [error.path for error in result.errors or []] == [["plot", "maybe", 0]]
    assert written(result)["plot"]["maybe"] is None
    assert written(result)["plot"]["times"] == TIMES.tolist()


async def test_whole_numbers_beyond_32_bits_fail_as_they_do_in_a_list() -> None:
    column = np.array([1, 2**31, -(2**31)])
    answers = [await asked("{plot {whole}}", whole=given) for given in (column, column.tolist())]
    assert written(answers[0]) == written(answers[1]) == {"plot": {"whole": [1, None, -(2**31)]}}
    assert [str(error) for error in answers[0].errors or []] == [str(error) for error in answers[1].errors or []] != []


@pytest.mark.parametrize(
    "shape",
    [
        lambda column: column[::2],
        lambda column: column[::-1],
        lambda column: column.astype(">f8"),
        lambda column: column.astype(">f8")[::3],
        lambda column: column.astype("f4"),
        lambda column: column.astype("i4"),
        lambda column: column.astype(">i8"),
        lambda column: column[:0],
        lambda column: np.stack([column, column], axis=1)[:, 1],
    ],
)
async def test_any_layout_of_memory_is_written_right(shape: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    column = shape(np.arange(100, dtype=np.float64))
    column.flags.writeable = False
    answer = written(await asked("{plot {times values}}", times=column, values=column))
    assert answer["plot"]["times"] == answer["plot"]["values"] == column.tolist()


async def test_whole_numbers_under_an_enum_are_the_places_of_its_members() -> None:
    answer = written(await asked("{plot {finality}}", finality=np.array([1, 0, 1], np.int8)))
    assert answer["plot"]["finality"] == ["FINAL", "PROVISIONAL", "FINAL"]
    assert written(await asked("{plot {finality}}", finality=np.empty(0, np.int8)))["plot"]["finality"] == []
    beyond = await asked("{plot {finality}}", finality=np.array([0, 2], np.int8))
    assert beyond.errors is not None
    assert beyond.errors[0].path == ["plot", "finality", 0]


async def test_arrays_that_are_no_columns_of_numbers_are_completed_as_lists() -> None:
    result = await asked(
        "{plot {names finality matrix counts times}}",
        names=np.array(["a", "b"]),
        finality=np.array([Finality.FINAL], dtype=object),
        matrix=np.ones((2, 2)),
        counts=np.array([1.0, 2.0]),
        times=np.array([True]),
    )
    assert result.errors is None
    assert written(result)["plot"] == {
        "names": ["a", "b"],
        "finality": ["FINAL"],
        "matrix": [[1.0, 1.0], [1.0, 1.0]],
        "counts": [1, 2],
        "times": [1.0],
    }


def test_graphql_core_still_completes_lists_where_columns_are_passed() -> None:
    names = list(Executor.complete_list_value.__annotations__)
    assert graphql.version_info[:2] == (3, 3)
    assert names[:6] == ["return_type", "field_details_list", "info", "path", "result", "position_context"]
    fields = SCHEMA._schema.type_map["Plot"].fields  # type: ignore[attr-defined]
    assert graphql.get_named_type(fields["times"].type) is graphql.GraphQLFloat
    assert graphql.get_named_type(fields["counts"].type) is graphql.GraphQLInt
