"""What an engineer should know of the units in a model file: one that is no UCUM code is kept, and never converted."""

from collections.abc import Iterator, Sequence

from app.change.faults import shown
from app.change.model_document import Document
from app.domain.plant_model import Change, Noun
from app.domain.units import is_known, remedy


def unit_notes(document: Document, changes: Sequence[Change], name: str) -> Iterator[str]:
    """A sentence for each changed unit that is no UCUM code, with its place in the file called `name`."""
    for change in changes:
        unit = change.after["unit"] if change.noun is Noun.METRIC else None
        if unit is None or (change.before and change.before["unit"] == unit) or is_known(unit):
            continue
        place = document.place(change.noun, change.path, "unit", None)
        yield (
            f"{name}:{place.line}:{place.column}: {shown(unit)} is no UCUM code: values are answered in it as they"
            f" come, and in no other unit. {remedy(unit)} Codes with brackets stand in quotes."
        )
