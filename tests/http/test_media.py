"""Which media type an answer has: weights, wildcards, headers that are none, and what browsers and clients send."""

import pytest

from app.http.media import GRAPHQL_JSON, HTML, JSON, preferred

NEW, OLD = GRAPHQL_JSON, JSON

LIKED = {
    "": OLD,
    "*/*": OLD,
    "application/*": OLD,
    OLD: OLD,
    NEW: NEW,
    f"{OLD}, {NEW}": OLD,
    f"{NEW}, {OLD}": NEW,
    f"{NEW},{OLD};q=0.9": NEW,
    f"{NEW};q=0.8, {OLD};q=0.9": OLD,
    f"{NEW};q=0.8, */*": OLD,
    f"{NEW}, */*": NEW,
    f"*/*, {NEW}": NEW,
    f"{OLD};q=0, */*": NEW,
    f"{OLD};q=0, application/*;q=0.1": NEW,
    f"{OLD};q=0.000, {NEW}": NEW,
    f"{OLD} ; q=0.5 , {NEW} ; Q=0.6": NEW,
    "Application/JSON": OLD,
    f"{NEW}; charset=utf-8": NEW,
    f'{NEW};charset="UTF-8", {OLD}': NEW,
    f"{NEW};charset=latin1, {OLD}": OLD,
    "text/event-stream, */*;q=0.1": OLD,
    f"{NEW}, application/graphql+json, {OLD}, text/event-stream, multipart/mixed": NEW,
    f'multipart/mixed;deferSpec="20220824", {NEW}, {OLD};q=0.9': NEW,
    "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8": OLD,
    # What is no media range says nothing.
    "a,;;,=,/": OLD,
    "json": OLD,
    f"{OLD};q=2, {NEW}": NEW,
    f"{OLD};q=nan, {NEW}": NEW,
    f"{OLD};q=-1, {NEW}": NEW,
    f"{OLD};q=\u0661, {NEW}": NEW,
    "," * 10_000 + NEW: NEW,
}
NOT_GIVEN = [
    "text/html", "text/*", "text/event-stream", "multipart/mixed", "*/*;q=0", "application/*;q=0", f"{OLD};q=0",
    f"{OLD};q=0, {NEW};q=0.0, */*;q=0", "application/graphql+json", "application/json;charset=utf-16",
]  # fmt: skip


@pytest.mark.parametrize("accept", LIKED, ids=lambda accept: accept[:50])
def test_the_type_that_is_liked_best_is_given(accept: str) -> None:
    assert preferred(accept, (OLD, NEW)) == LIKED[accept]


@pytest.mark.parametrize("accept", NOT_GIVEN)
def test_what_is_not_there_is_not_given(accept: str) -> None:
    assert preferred(accept, (OLD, NEW)) is None


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", True),
        ("text/html", True),
        ("*/*, text/html", True),
        ("text/*", True),
        ("*/*", False),
        ("", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=0.1, application/json", False),
        ("application/json, text/html;q=0.9", False),
    ],
)
def test_the_page_is_for_those_who_like_pages_best(accept: str, page: bool) -> None:
    assert (preferred(accept, (OLD, NEW, HTML)) == HTML) is page
