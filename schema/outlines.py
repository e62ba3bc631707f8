"""What answers say of the catalog, kept as long as it stays as it is: of the same question, only readings are asked."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, NamedTuple

import orjson
from graphql import GraphQLObjectType, OperationDefinitionNode, OperationType

from app.domain.model import SeriesId
from app.read.moment import Moment
from app.read.remembered import Answers
from schema.breadth import BreadthFirst
from schema.lasting import is_of_catalog
from schema.lasting_variables import catalog_variables
from schema.passing import Written, as_json
from schema.texts import Texts
from schema.wanted import Hole, Wanted

MOST: Final = 80_000_000
"""Bytes of all outlines, about; the following are what their parts take beside the text."""
ENTRY: Final = 5_000
PIECE: Final = 43
SOURCE: Final = 500
DOCUMENT: Final = 280
"""A character of a document, parsed."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """An answer with holes, the catalog that it is of, and the operation that it answers.

    `pieces` are JSON and, in every second place, empty: there `order` says which of all values of all holes stands.
    """

    catalog: Answers
    operation: OperationDefinitionNode
    pieces: list[bytes]
    order: list[int]
    wanted: list[Wanted]
    paid_for: Sequence[SeriesId]

    def told(self, columns: Iterable[list[Any]]) -> bytes:
        """As JSON, with the holes filled."""
        values: list[bytes] = []
        for column in columns:
            values += column if isinstance(column, Texts) else map(as_json, column)
        pieces = self.pieces.copy()
        pieces[1::2] = [values[number] for number in self.order]
        return b"".join(pieces)

    def size(self) -> int:
        """What it takes beside the catalog, with the document, in bytes; about."""
        sources = sum(len(each.sources) for each in self.wanted)
        text = sum(map(len, self.pieces)) + PIECE * len(self.pieces)
        return ENTRY + text + SOURCE * sources + DOCUMENT * _length(self.operation)


def outlined(
    catalog: Answers,
    operation: OperationDefinitionNode,
    data: dict[str, Any],
    holes: list[Hole],
    paid: Sequence[SeriesId],
) -> tuple[Outline, bytes]:
    """An outline, and what it has been made of as JSON; `data` is used up."""
    columns = [[row[hole.name] for row in hole.rows] for hole in holes]
    numbers = count()
    for hole in holes:
        for row in hole.rows:
            # No byte that is 0 is in any JSON.
            row[hole.name] = orjson.Fragment(b"\0%d\0" % next(numbers))
    pieces = as_json(data).split(b"\0")
    order = list(map(int, pieces[1::2]))
    pieces[1::2] = [b""] * len(order)
    outline = Outline(catalog, operation, pieces, order, [hole.wanted for hole in holes], paid)
    return outline, outline.told(columns)


class Question(NamedTuple):
    """An operation (by identity), the variables that its catalog fields look at, as JSON, and who may see what."""

    operation: int
    variables: str
    scope: int | None


class Outlines:
    """Of the questions asked last; all are forgotten when there are too many."""

    def __init__(self) -> None:
        self._size = self._read = 0
        self._kept: dict[Question, tuple[Outline, int]] = {}
        self._names: dict[int, tuple[OperationDefinitionNode, frozenset[str]]] = {}

    def find(self, question: Question) -> Outline | None:
        return self._kept[question][0] if question in self._kept else None

    def keep(self, question: Question, outline: Outline) -> None:
        _, before = self._kept.get(question, (None, 0))
        size = outline.size()
        self._size += size - before
        self._kept[question] = outline, size
        if self._size > MOST:
            self._kept, self._size = {}, 0

    def names(self, executor: BreadthFirst) -> frozenset[str]:
        """The variables that decide what is asked of the catalog."""
        operation = executor.operation
        known = self._names.get(id(operation))
        if known is None or known[0] is not operation:
            self._read += ENTRY + DOCUMENT * _length(operation)
            if self._read > MOST:
                self._names, self._read = {}, 0
            fragments = {name: each.definition for name, each in executor.fragments.items()}
            known = operation, catalog_variables(executor.schema, operation, fragments)
            self._names[id(operation)] = known
        return known[1]


class Outlined(BreadthFirst):
    """For `strawberry.Schema(execution_context_class=...)`: the same answers again, sooner. Data may come as JSON.

    A context that has `outlines` takes part: they stand until its `moment` knows of another catalog.
    """

    def execute_root_grouped_field_set(
        self, root_type: Any, root_value: Any, grouped_field_set: Any, serially: bool, position_context: Any
    ) -> Any:
        plain = super().execute_root_grouped_field_set

        def plainly() -> Any:
            return plain(root_type, root_value, grouped_field_set, serially, position_context)

        outlines = getattr(self.context_value, "outlines", None)
        if outlines is None or self.operation.operation is not OperationType.QUERY:
            return plainly()
        return self._answered(outlines, plainly)

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        """Outside of lists nothing is kept open: such an answer has no outline."""
        field = self.schema.get_field(parent_type, field_details_list[0].node.name.value)
        if field is not None and not is_of_catalog(field):
            self.holes = None
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    async def _answered(self, outlines: Outlines, plainly: Any) -> Any:
        given = self.context_value.variables
        variables = {name: given[name] for name in sorted(outlines.names(self)) if name in given}
        # Not every text and number that JSON can say is one that the fast encoder takes.
        question = Question(id(self.operation), json.dumps(variables), self.context_value.viewer.plant_id)
        moment: Moment = self.context_value.moment
        if outline := outlines.find(question):
            try:
                if text := await self._told(outline, moment):
                    return Written(text)
            except Exception:
                pass  # the plain executor says what is wrong, and where
        answer = plainly()
        data = await answer if self.is_awaitable(answer) else answer
        if self.holes is None or self.collected_errors.errors or not moment.seen:
            return data
        outline, text = outlined(await moment.catalog(), self.operation, data, self.holes, moment.paid_for)
        outlines.keep(question, outline)
        return Written(text)

    async def _told(self, outline: Outline, moment: Moment) -> bytes | None:
        """None where it is of another catalog."""
        if outline.paid_for:
            moment.foresee(outline.paid_for)
            if outline.catalog is not await moment.catalog():
                return None
        # What costs nothing is read at once, and may tell itself of which version the catalog is.
        columns = await self.columns(outline.wanted, True)
        return outline.told(columns) if outline.catalog is await moment.catalog() else None


def _length(operation: OperationDefinitionNode) -> int:
    """Of the document that it stands in."""
    return len(operation.loc.source.body) if operation.loc else 0
