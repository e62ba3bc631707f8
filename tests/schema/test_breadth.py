"""Lists of objects: the same answers and errors as from the plain executor, from one call of each resolver a field."""

import asyncio
import enum
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import numpy as np
import pytest
import strawberry
from graphql.execution.executor import Executor
from strawberry.dataloader import DataLoader
from strawberry.types.nodes import SelectedField

from schema.breadth import BreadthFirst
from schema.passing import ColumnPassing, encode

pytestmark = pytest.mark.anyio


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Metric(Named):
    unit: str | None
    colour: Colour = Colour.RED

    @strawberry.field
    def fragile(self) -> int | None:
        if self.name == "broken":
            raise ValueError("it is broken")
        return len(self.name)

    @strawberry.field
    def strict(self) -> int:
        return None if self.name == "broken" else 1  # type: ignore[return-value]


@strawberry.type
class Series(Named):
    metric: Metric | None
    values: list[float | None]
    tags: list[list[str]]

    @strawberry.field
    async def doubled(self, by: int = 2, more: list[int] | None = None) -> list[int]:
        await asyncio.sleep(0)
        return [len(self.name) * by, *(more or [])]

    @strawberry.field(graphql_type=Metric | None)  # type: ignore[untyped-decorator]
    def loaded(self, info: strawberry.Info) -> Awaitable[Metric | None]:
        return info.context["loader"].load(self.name)  # type: ignore[no-any-return]

    @strawberry.field(graphql_type=Metric)  # type: ignore[untyped-decorator]
    def sure(self, info: strawberry.Info) -> Awaitable[Metric]:
        return info.context["loader"].load(self.name)  # type: ignore[no-any-return]

    @strawberry.field
    def asked(self, info: strawberry.Info) -> list[str]:
        return sorted(field.name for field in info.selected_fields if isinstance(field, SelectedField))


METRICS = {
    "one": Metric(name="heat", unit="Cel"),
    "two": Metric(name="broken", unit=None, colour=Colour.BLUE),
    "three": None,
}


def listed() -> list[Series | None]:
    shared = Metric(name="speed", unit="m/s")
    return [
        Series(name="one", metric=shared, values=np.array([1.0, np.nan]), tags=[["a"], []]),  # type: ignore[arg-type]
        Series(name="two", metric=shared, values=[2.0, None], tags=[]),
        None,
        Series(name="three", metric=None, values=[], tags=[["b", "c"]]),
    ]


@strawberry.type
class Query:
    @strawberry.field
    def series(self) -> list[Series | None]:
        return listed()

    @strawberry.field
    async def all(self) -> list[Series] | None:
        return [each for each in listed() if each]

    @strawberry.field
    def wrong(self) -> list[Series] | None:
        return listed()  # type: ignore[return-value]

    @strawberry.field
    def named(self) -> list[Named]:
        return [metric for metric in METRICS.values() if metric]

    @strawberry.field
    def empty(self) -> list[Series]:
        return []


DOCUMENTS = [
    "{series {name}}",
    "{series {__typename n: name name metric {name unit colour __typename}}}",
    "{series {values tags metric {...M}} all {...S}} fragment M on Metric {unit} fragment S on Series {metric {...M}}",
    "{all {name doubled d: doubled(by: 3, more: [1, 2]) metric {strict fragile}}}",
    "{all {loaded {name unit}} series {again: loaded {colour} sure {name}}}",
    "{all {sure {name}}}",
    "{all {loaded {fragile}} series {loaded {strict}}}",
    "{wrong {name}}",
    "{wrong {doubled loaded {fragile}}}",
    "{named {name ... on Metric {unit}}}",
    "{empty {name}}",
    "{all {name @skip(if: true) metric @include(if: true) {name}}}",
    "{all {asked}}",
    "query ($by: Int = 5) {all {doubled(by: $by)}}",
]


async def answered(
    document: str, executor: type[ColumnPassing]
) -> tuple[bytes, list[tuple[Any, str]], list[list[str]]]:
    batches: list[list[str]] = []

    async def load(names: list[str]) -> list[Metric | None]:
        batches.append(names)
        return [METRICS[name] for name in names]

    schema = strawberry.Schema(Query, types=[Metric], execution_context_class=executor)
    schema.process_errors = lambda *_: None  # type: ignore[method-assign]
    result = await schema.execute(document, context_value={"loader": DataLoader(load)})
    errors = sorted((error.path, error.message) for error in result.errors or [])
    return encode({"data": result.data}), errors, batches


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_answers_and_errors_are_those_of_the_plain_executor(document: str) -> None:
    plain = await answered(document, ColumnPassing)
    assert await answered(document, BreadthFirst) == plain


async def test_keys_of_all_fields_and_aliases_are_gathered() -> None:
    _, errors, batches = await answered(
        "{a: all {loaded {name}} b: all {x: loaded {name} y: sure {unit}}}", BreadthFirst
    )
    assert [path for path, _ in errors] == [["b", 2, "y"]]
    assert batches == [["one", "two", "three"]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the plain executor is asked for a field."""
    calls: Counter[str] = Counter()
    plain = Executor.execute_field

    def execute_field(self: Executor[Any], parent: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        calls[details[0].node.name.value] += 1
        return plain(self, parent, source, details, path, position)

    monkeypatch.setattr(Executor, "execute_field", execute_field)
    return calls


@pytest.mark.parametrize("document", [*DOCUMENTS[:4], DOCUMENTS[11], DOCUMENTS[13]])
async def test_the_plain_executor_is_left_out_below_a_list(document: str, counted: Counter[str]) -> None:
    _, errors, _ = await answered(document, BreadthFirst)
    assert errors == []
    assert set(counted) <= {"series", "all"}
