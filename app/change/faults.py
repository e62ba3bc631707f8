"""The faults of a model file, gathered with their places and told in one error."""

from typing import NamedTuple

from app.errors import ModelInvalid

MOST_TOLD = 20
MOST_GATHERED = 200
"""Looking for what was meant takes time, and nobody mends more in one go."""


class Place(NamedTuple):
    """Where something is written, both counted from one."""

    line: int
    column: int


class Fault(NamedTuple):
    """What is wrong at a place, and what mends it."""

    place: Place
    sentence: str
    remedy: str


class Faults:
    """Gathers faults, so that a file is mended in one go; `name` is what the file is called."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: list[Fault] = []

    def add(self, place: Place, sentence: str, remedy: str) -> None:
        """Raises what was found so far where it is enough."""
        self._found.append(Fault(place, sentence, remedy))
        if len(self._found) == MOST_GATHERED:
            raise self.error()

    def settle(self) -> None:
        """ModelInvalid if there is any fault."""
        if self._found:
            raise self.error()

    def error(self) -> ModelInvalid:
        """One line a fault: FILE:LINE:COLUMN, what is wrong and what mends it."""
        found = sorted(self._found, key=lambda fault: fault.place)
        if len(found) == 1:
            return ModelInvalid(self._told(found[0]), found[0].remedy)
        lines = [f"{self._told(fault)} {fault.remedy}" for fault in found[:MOST_TOLD]]
        count = f"{len(found)} or more" if len(found) == MOST_GATHERED else len(found)
        told = "" if len(found) <= MOST_TOLD else f"These are the first {MOST_TOLD} of {count} faults. "
        return ModelInvalid("\n".join(lines), f"{told}Nothing was changed; mend these places and try again.")

    def _told(self, fault: Fault) -> str:
        return f"{self._name}:{fault.place.line}:{fault.place.column}: {fault.sentence}"


def shown(text: str) -> str:
    """A text from a file, quoted, on one line and not too long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")
