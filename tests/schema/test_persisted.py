"""Documents that stand for their hash: bounds, fairness between clients, and lists from files."""

import hashlib
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from app.errors import BadInput, PersistedQueryNotFound, SettingInvalid
from schema.listed import read_list
from schema.persisted import LONGEST, LearnedDocuments, document_of, named_digest, sha256_of

TEXT = "{ plants { totalCount } }"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
OTHER = "0" * 64


def text_of(number: int, length: int = 50) -> str:
    return f"{{ a{number}: __typename }}".ljust(length)


def learn(documents: LearnedDocuments, owner: str, *texts: str) -> None:
    for text in texts:
        documents.learn(sha256_of(text), text, owner)


def known(documents: LearnedDocuments, text: str) -> bool:
    try:
        return documents.find(sha256_of(text)) == text
    except PersistedQueryNotFound:
        return False


@pytest.mark.parametrize("extensions", [None, {}, {"persistedQuery": None}, {"other": 1}])
def test_no_hash_is_named(extensions: dict[str, Any] | None) -> None:
    assert named_digest(extensions) is None


@pytest.mark.parametrize(
    "given",
    [
        1, "x", [], True, {}, {"version": 1}, {"sha256Hash": DIGEST}, {"version": 2, "sha256Hash": DIGEST},
        {"version": "1", "sha256Hash": DIGEST}, {"version": 1, "sha256Hash": None}, {"version": 1, "sha256Hash": 7},
        {"version": 1, "sha256Hash": ""}, {"version": 1, "sha256Hash": DIGEST[1:]},
        {"version": 1, "sha256Hash": DIGEST + "0"}, {"version": 1, "sha256Hash": DIGEST[1:] + "g"},
        {"version": 1, "sha256Hash": DIGEST + "\n"}, {"version": [1], "sha256Hash": [DIGEST]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_hash_is_told_so(given: object) -> None:
    with pytest.raises(BadInput) as refused:
        named_digest({"persistedQuery": given})
    assert "persistedQuery" in f"{refused.value.hint}"


def test_a_hash_means_its_document_and_no_other() -> None:
    documents = LearnedDocuments()
    for written in (DIGEST, DIGEST.upper()):
        assert named_digest({"persistedQuery": {"version": 1, "sha256Hash": written}}) == DIGEST
    for nothing in (None, ""):
        with pytest.raises(PersistedQueryNotFound) as unknown:
            document_of(nothing, DIGEST, documents)
        assert (unknown.value.message, unknown.value.code) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        assert "once" in f"{unknown.value.hint}"
    assert document_of(TEXT, DIGEST, documents) == TEXT
    assert not known(documents, TEXT), "what has not run is not learned"
    learn(documents, "a", TEXT)
    for query in (None, "", TEXT):
        assert document_of(query, DIGEST, documents) == TEXT
    assert document_of(TEXT, None, documents) == TEXT
    for query, digest in ((TEXT, OTHER), (TEXT + " ", DIGEST)):
        with pytest.raises(BadInput, match="not that of the query"):
            document_of(query, digest, documents)
    assert sha256_of("{ a: \ud800 }") != sha256_of("{ a: \ud801 }")


def test_memory_is_bounded_by_number_and_characters() -> None:
    documents = LearnedDocuments(size=100_000)
    learn(documents, "a", *(text_of(number) for number in range(1_000)))
    assert len(documents) == 100_000 // (LearnedDocuments.ENTRY + 50)
    assert [known(documents, text_of(number)) for number in (0, 900, 999)] == [False, False, True]
    learn(documents, "a", *(text_of(number, 40_000) for number in range(10)))
    assert len(documents) == 2
    learn(documents, "a", text_of(1, LONGEST + 1))
    learn(documents, "b", text_of(2, LONGEST))
    assert len(documents) == 2, "one that alone is too large pushes nothing else out"
    for turn in range(3):
        learn(documents, f"owner {turn}", text_of(9, 40_000))
    assert known(documents, text_of(9, 40_000))


def test_what_is_used_stays_longest() -> None:
    documents = LearnedDocuments(size=10 * (LearnedDocuments.ENTRY + 50))
    learn(documents, "a", *(text_of(number) for number in range(10)))
    assert known(documents, text_of(0))
    learn(documents, "a", text_of(10), text_of(10))
    assert [known(documents, text_of(number)) for number in (0, 1, 2)] == [True, False, True]


@pytest.mark.alone
@pytest.mark.parametrize("length", [20, 20_000])
def test_a_flood_pushes_out_nobody_elses_documents(length: int) -> None:
    documents = LearnedDocuments()
    pages = [text_of(number, 2_000) for number in range(20)]
    learn(documents, "dashboard", *pages)
    began = perf_counter()
    learn(documents, "flood", *(text_of(number, length) for number in range(5_000)))
    assert perf_counter() - began < 2
    assert all(known(documents, page) for page in pages)
    assert not known(documents, text_of(0, length))
    assert sum(documents._sizes.values()) == documents._held <= 2_000_000


def test_many_owners_share_what_there_is() -> None:
    documents = LearnedDocuments(size=50 * (LearnedDocuments.ENTRY + 50))
    for number in range(500):
        learn(documents, f"owner {number % 100}", text_of(number))
    assert len(documents) == 50
    assert set(documents._sizes) == set(documents._texts) == set(documents._owners.values())


def manifest(*documents: str) -> str:
    operations = [{"id": sha256_of(text), "name": "Q", "type": "query", "body": text} for text in documents]
    return json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations})


def test_a_list_is_a_document_a_map_a_manifest_or_a_folder_of_them(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "one.graphql").write_bytes(f"{TEXT}\r\n".encode())
    (tmp_path / "pages" / "two.gql").write_text("query Two { __typename }")
    (tmp_path / "map.json").write_text(json.dumps({sha256_of("{three: __typename}"): "{three: __typename}"}))
    (tmp_path / "pages" / "apollo.json").write_text(manifest("query Four { __typename }"))
    (tmp_path / "README.md").write_text("not looked at")
    texts = ["query Two { __typename }", "{three: __typename}", "query Four { __typename }"]
    listed = read_list(tmp_path)
    for text in [f"{TEXT}\r\n", TEXT, *texts]:
        assert listed.find(sha256_of(text)) == text
        assert listed.refusal(text) is None
        assert listed.refusal(f"\n {text}\n") is None
    for unlisted in ("{__typename}", f"{TEXT} #", "query  Two { __typename }", ""):
        refusal = listed.refusal(unlisted)
        assert refusal is not None
        assert (refusal.extensions or {})["code"] == "FORBIDDEN"
        assert "LINEGRAPH_ALLOWED_DOCUMENTS" in (refusal.extensions or {})["hint"]
        with pytest.raises(PersistedQueryNotFound, match="LINEGRAPH_ALLOWED_DOCUMENTS"):
            listed.find(sha256_of(unlisted))
    listed.learn(sha256_of("{__typename}"), "{__typename}", "a")
    assert listed.refusal("{__typename}") is not None
    assert read_list(tmp_path / "one.graphql").find(DIGEST) == TEXT


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.graphql", b"{ plants {", "a.graphql holds a document that is not GraphQL: line 1: "),
        ("a.graphql", b"", "not GraphQL: line 1: "),
        ("a.graphql", b"\xff", "a.graphql is not a list of documents: "),
        ("a.graphql", b"{a" * 50_000, "nested too deeply"),
        ("a.json", b"{", "a.json is not a list of documents: "),
        ("a.json", b"[]", "it is no JSON object"),
        ("a.json", b"[" * 100_000, "a.json is not a list of documents: "),
        ("a.json", b'{"operations": [1]}', "an entry has no sha256 or no document"),
        ("a.json", b'{"operations": [{"id": "x"}]}', "an entry has no sha256 or no document"),
        ("a.json", b'{"a": 1}', "an entry has no sha256 or no document"),
        ("a.json", b'{"abc": "{__typename}"}', "'abc' is not the sha256 of its document"),
        ("a.json", b"{}", "holds no documents"),
        ("a.txt", b"{__typename}", "holds no documents"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_at_the_start(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingInvalid) as refused:
        read_list(tmp_path)
    assert words in refused.value.message
    assert "LINEGRAPH_ALLOWED_DOCUMENTS" in f"{refused.value.hint}"


def test_a_list_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"nowhere cannot be read: no such file or directory\."):
        read_list(tmp_path / "nowhere")
