"""Execution where the schema is not shown: errors name nothing that the asker did not name."""

from typing import Any

from graphql import GraphQLError
from graphql.execution import Executor

from schema.outlines import Outlined


class Unsuggesting(Outlined):
    """For `strawberry.Schema(execution_context_class=...)`; wrong variables are otherwise told of names alike."""

    @classmethod
    def build(cls, *given: Any, **named: Any) -> list[GraphQLError] | Executor[Any]:
        return super().build(*given, **{**named, "hide_suggestions": True})
