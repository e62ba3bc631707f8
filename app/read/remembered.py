"""What the catalog has answered, for as long as it stays as it is."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST: Final = 100_000
"""Objects held in memory; beyond, all are forgotten and read again as they are needed. Each takes about half a
kilobyte."""


class Answers:
    """Of one version of the catalog. What is not there is never kept: nobody fills the memory with names."""

    def __init__(self) -> None:
        self._held = 0
        self._known: dict[Hashable, dict[Any, Any]] = {}

    async def each(
        self, question: Hashable, keys: Sequence[Key], read: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]]
    ) -> list[Value]:
        """The answer for every key, in key order; `read` is asked for those that are not known."""
        known: dict[Key, Value] = self._known.get(question, {})
        missing = [key for key in keys if key not in known]
        if not missing:
            return [known[key] for key in keys]
        found = dict(zip(missing, await read(missing), strict=True))
        self._keep(question, {key: value for key, value in found.items() if value is not None})
        return [known[key] if key in known else found[key] for key in keys]

    async def one(self, question: Hashable, read: Callable[[], Awaitable[Value]]) -> Value:
        """The only answer to a question."""

        async def only(_: Sequence[None]) -> list[Value]:
            return [await read()]

        return (await self.each(question, [None], only))[0]

    def _keep(self, question: Hashable, found: dict[Any, Any]) -> None:
        self._held += sum(1 + (len(value) if isinstance(value, list) else 0) for value in found.values())
        if self._held > MOST:
            self._known, self._held = {}, 0
        else:
            self._known.setdefault(question, {}).update(found)


class Remembered:
    """Answers of the version that was seen last. A request that has read a version gets what was read after it."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._answers = Answers()

    def of(self, version: int) -> Answers:
        """Requests that have seen another version go on with theirs."""
        if version != self._version:
            self._version, self._answers = version, Answers()
        return self._answers
