"""What an engineer should know of derived metrics in a model file: what is stored already is derived by and by."""

from collections.abc import Iterator, Sequence

from app.domain.plant_model import Change, Noun, shown


def derived_notes(changes: Sequence[Change]) -> Iterator[str]:
    """A sentence for each derived metric that is new, or computed otherwise than before."""
    for change in changes:
        if change.noun is Noun.DERIVED and any(
            change.before is None or change.before[key] != change.after[key] for key in ("formula", "every", "unit")
        ):
            yield (
                f"The service derives {shown(change.path[0])} from now on, and for what is stored already by and by,"
                " the newest first."
            )
