"""Pages of lists: plants, machines and unmapped series, each with the place where the next page starts."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import msgspec

from app.domain.asking import MachineFilter
from app.domain.model import Machine, Plant, PlantId, Series
from app.errors import BadInput
from app.read.remembered import Answers
from app.store.catalog import Catalog
from app.store.series import SeriesCatalog

LARGEST_PAGE = 500
USUAL_PAGE = 50

Code = Annotated[str, msgspec.Meta(pattern=r"^[\w-]+$")]
Path = Annotated[str, msgspec.Meta(pattern=r"^[\w/-]+$")]
Received = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Edge(Generic[Item]):
    """An item and its place in the list."""

    cursor: str
    node: Item


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A piece of a list, and how long the whole list is."""

    edges: list[Edge[Item]]
    page_info: PageInfo
    total_count: int


def cursor_of(*place: str | int) -> str:
    """An opaque name for a place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None, kind: type[Item]) -> Item | None:
    """The place that a cursor names; BadInput for one that is not ours."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadInput(
            f"The cursor {cursor[:60]!r} is not valid.", "Hand back endCursor or a cursor of the same list, unchanged."
        ) from error


def page_size(first: int | None, largest: int = LARGEST_PAGE) -> int:
    """The size itself, the usual one where none is said; BadInput outside of 1 to the largest."""
    if first is None:
        return USUAL_PAGE
    if not 1 <= first <= largest:
        hint = "Ask for fewer and go on with after." if first > 0 else "Ask for at least one, or leave first out."
        raise BadInput(f"first: {first} is not between 1 and {largest}.", hint)
    return first


class PageReader:
    """Asks within `scope`: the one plant that the asker's token is bound to, or None for all. `known` is what the
    catalog has answered before: first pages are asked for again and again."""

    def __init__(
        self,
        catalog: Catalog,
        series: SeriesCatalog,
        scope: PlantId | None,
        known: Callable[[], Awaitable[Answers]],
    ) -> None:
        self._catalog = catalog
        self._series = series
        self._scope = scope
        self._known = known

    async def plants(self, first: int | None, after: str | None) -> Page[Plant]:
        size, place = page_size(first), place_of(after, tuple[Code])
        if place is not None:
            return await self._plants(size, place)
        return await (await self._known()).one(("plants", self._scope, size), lambda: self._plants(size, None))

    async def machines(self, wanted: MachineFilter, first: int | None, after: str | None) -> Page[Machine]:
        size, place = page_size(first), place_of(after, tuple[Path])
        if not _can_be_found(wanted.plant, wanted.line, wanted.type, wanted.search):
            return _page([], size, place, 0)
        if place is not None or wanted != MachineFilter():
            return await self._machines(wanted, size, place)
        question = ("machines", self._scope, size)
        return await (await self._known()).one(question, lambda: self._machines(wanted, size, None))

    async def _plants(self, size: int, place: Sequence[str] | None) -> Page[Plant]:
        found = await self._catalog.plants(self._scope, place[0] if place else None, size + 1)
        total = await self._catalog.plant_count(self._scope)
        return _page([(cursor_of(plant.code), plant) for plant in found], size, place, total)

    async def _machines(self, wanted: MachineFilter, size: int, place: Sequence[str] | None) -> Page[Machine]:
        found = await self._catalog.machines(self._scope, wanted, place[0] if place else None, size + 1)
        total = await self._catalog.machine_count(self._scope, wanted)
        return _page([(cursor_of(machine.path), machine) for machine in found], size, place, total)

    async def unmapped_series(self, search: str | None, first: int | None, after: str | None) -> Page[Series]:
        """Empty for a token that is bound to a plant: what is not mapped belongs to no plant."""
        size, place = page_size(first), place_of(after, tuple[Received, Number])
        if self._scope is not None or not _can_be_found(search):
            return _page([], size, place, 0)
        found = await self._series.unmapped(search, place, size + 1)
        total = await self._series.unmapped_count(search)
        return _page([(cursor_of(*at), series) for at, series in found], size, place, total)


def _can_be_found(*texts: str | None) -> bool:
    """The store keeps no text with a NUL character, and the database refuses to look for it."""
    return not any(text and "\x00" in text for text in texts)


def _page(found: list[tuple[str, Item]], size: int, place: object, total: int) -> Page[Item]:
    """One item more than the page holds tells that another page follows."""
    edges = [Edge(cursor, item) for cursor, item in found[:size]]
    ends = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
    return Page(edges, PageInfo(len(found) > size, place is not None, *ends), total)
