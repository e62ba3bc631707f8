"""The allow-list: documents from files, and nothing else is run."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import graphql
from graphql import GraphQLError

from app.errors import Forbidden, PersistedQueryNotFound, SettingInvalid
from schema.persisted import sha256_of

_SUFFIXES: Final = (".graphql", ".gql", ".json")
_HINT: Final = (
    "Ask for a document of LINEGRAPH_ALLOWED_DOCUMENTS, by its text or its sha256, or have this one added there."
)
_WRITTEN: Final = (
    "LINEGRAPH_ALLOWED_DOCUMENTS names a file or a folder: .graphql files of one document each, or .json files with"
    ' {"sha256": "document"} or a manifest of Apollo.'
)


class ListedDocuments:
    """What may be asked where there is a list; it is read once, and no request adds to it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = {sha256_of(form): form for text in texts for form in (text, text.strip())}

    def find(self, digest: str) -> str:
        text = self._texts.get(digest)
        if text is None:
            raise PersistedQueryNotFound(_HINT)
        return text

    def learn(self, digest: str, text: str, owner: str) -> None:
        """Nothing: who asks does not decide on the list."""

    def refusal(self, text: str) -> GraphQLError | None:
        """Refuses what is not on the list; white space around a document does not matter."""
        if sha256_of(text.strip()) in self._texts:
            return None
        return GraphQLError(
            "This document is not among those that may be run.", extensions={"code": Forbidden.code, "hint": _HINT}
        )


def read_list(path: Path, own: Iterable[str] = ()) -> ListedDocuments:
    """What stands there, and what the service's `own` pages ask; SettingInvalid names a file that is of no use."""
    files = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES) if path.is_dir() else [path]
    texts = [text for file in files for text in _documents(file)]
    if not texts:
        raise SettingInvalid(f"{path} holds no documents.", _WRITTEN)
    return ListedDocuments([*texts, *own])


def _documents(file: Path) -> Iterator[str]:
    try:
        # Not as text: a line end that became another one would be another document with another hash.
        text = file.read_bytes().decode("utf-8")
        for named, document in _manifest(json.loads(text)) if file.suffix == ".json" else [(None, text)]:
            if named not in (None, sha256_of(document)):
                raise ValueError(f"{named[:70]!r} is not the sha256 of its document")
            graphql.parse(document)
            yield document
    except OSError as error:
        raise SettingInvalid(f"{file} cannot be read: {str(error.strerror).lower()}.", _WRITTEN) from error
    except GraphQLError as error:
        line = error.locations[0].line if error.locations else 1
        raise SettingInvalid(
            f"{file} holds a document that is not GraphQL: line {line}: {error.message}", _WRITTEN
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingInvalid(f"{file} is not a list of documents: {error}.", _WRITTEN) from error


def _manifest(content: Any) -> Iterator[tuple[str, str]]:
    """Hashes and documents of a map, or of the manifest that Apollo's tools write."""
    match content:
        case {"operations": [*operations]}:
            pairs: Iterable[tuple[Any, Any]] = [
                (each.get("id"), each.get("body")) if isinstance(each, Mapping) else (None, None) for each in operations
            ]
        case {**documents}:
            pairs = documents.items()
        case _:
            raise ValueError("it is no JSON object")
    for named, document in pairs:
        if not isinstance(named, str) or not isinstance(document, str):
            raise ValueError("an entry has no sha256 or no document")
        yield named, document
