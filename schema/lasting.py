"""Which fields tell of the catalog alone: they answer the same until it changes, whenever they are asked."""

from typing import Any, Final

from strawberry.types.field import StrawberryField

OF_CATALOG: Final = {"of catalog": True}
"""For `strawberry.field(metadata=...)`; attributes of what such fields answer need nothing."""


def is_of_catalog(field: Any) -> bool:
    """Whether a field of the GraphQL schema is such a field."""
    declared: StrawberryField | None = field.extensions.get("strawberry-definition")
    return declared is None or declared.is_basic_field or bool(declared.metadata.get("of catalog"))
