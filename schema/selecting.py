"""What a request selects of a field, so that nothing is read that nobody looks at."""

from strawberry.types.nodes import FragmentSpread, InlineFragment, SelectedField, Selection

from schema.context import Info


def selected(info: Info) -> set[str]:
    """The names of the fields that are selected directly below this one."""
    return {name for field in info.selected_fields for name in _names(field.selections)}


def _names(selections: list[Selection]) -> set[str]:
    found: set[str] = set()
    for selection in selections:
        if isinstance(selection, SelectedField):
            found.add(selection.name)
        elif isinstance(selection, InlineFragment | FragmentSpread):
            found |= _names(selection.selections)
    return found
