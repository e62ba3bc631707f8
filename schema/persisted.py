"""Documents that stand for their sha256: which one a request means, and those that earlier requests have taught."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, Protocol

from app.errors import BadInput, PersistedQueryNotFound

LONGEST: Final = 100_000
"""Characters. Anything longer is refused unread, so nothing of it needs a hash."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_SHAPE: Final = 'Send "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "64 hex digits"}}.'


class Standing(Protocol):
    """Documents that can be asked by their hash alone."""

    def find(self, digest: str) -> str:
        """The document; PersistedQueryNotFound where none is known."""
        ...

    def learn(self, digest: str, text: str, owner: str) -> None:
        """A document that ran, which `owner` sent with its hash."""
        ...


class LearnedDocuments:
    """Automatic persisted documents, in bounded memory; a document is known until it has to make room for others.

    Room is made by whoever holds the most, and there by what was not used for longest: a client that sends a flood of
    documents pushes out its own. `size` is in characters, and each document counts `ENTRY` beside its text.
    """

    ENTRY: Final = 1_000

    def __init__(self, size: int = 2_000_000) -> None:
        self._size = size
        self._held = 0
        self._owners: dict[str, str] = {}
        self._texts: dict[str, OrderedDict[str, str]] = {}
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def find(self, digest: str) -> str:
        owner = self._owners.get(digest)
        if owner is None:
            raise PersistedQueryNotFound("Send the query together with its hash once; then the hash is enough.")
        self._texts[owner].move_to_end(digest)
        return self._texts[owner][digest]

    def learn(self, digest: str, text: str, owner: str) -> None:
        if digest in self._owners or len(text) > LONGEST:
            return
        self._owners[digest] = owner
        self._texts.setdefault(owner, OrderedDict())[digest] = text
        self._weigh(owner, self.ENTRY + len(text))
        while self._held > self._size:
            self._forget(max(self._sizes, key=self._sizes.__getitem__))

    def _forget(self, owner: str) -> None:
        digest, text = self._texts[owner].popitem(last=False)
        del self._owners[digest]
        self._weigh(owner, -self.ENTRY - len(text))
        if not self._texts[owner]:
            del self._texts[owner], self._sizes[owner]

    def _weigh(self, owner: str, change: int) -> None:
        self._sizes[owner] = self._sizes.get(owner, 0) + change
        self._held += change


def sha256_of(text: str) -> str:
    """In lower-case hex; some transports let lone surrogates through, which UTF-8 has no bytes for."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def named_digest(extensions: Mapping[str, object] | None) -> str | None:
    """The hash that a request names, in lower-case hex; None where it names none. BadInput where it is no sha256."""
    given = (extensions or {}).get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict) or given.get("version") != 1:
        raise BadInput("The extension persistedQuery is not of version 1.", _SHAPE)
    digest = given.get("sha256Hash")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise BadInput("The sha256Hash of persistedQuery is not a sha256 in hex.", _SHAPE)
    return digest.lower()


def document_of(query: str | None, digest: str | None, standing: Standing) -> str | None:
    """The text that a request means. PersistedQueryNotFound; BadInput where the hash is that of another document."""
    if digest is None or (query and len(query) > LONGEST):
        return query
    if not query:
        return standing.find(digest)
    if sha256_of(query) != digest:
        raise BadInput(
            "The sha256Hash is not that of the query.", "Hash the query as it is sent, in UTF-8, to the last character."
        )
    return query
