"""The dashboard's shell: its headers, its files and documents; what it draws, tests/browser looks at."""

import re

import graphql
import httpx
import pytest

from app.domain.access import Role
from app.http.dashboard import CONTENT_SECURITY_POLICY, FOLDER, documents
from app.http.graphiql import STATIC
from app.main import House
from app.store.database import Database
from schema.answering import printed_schema
from tests.doors import house_of, open_client, token_for

pytestmark = pytest.mark.anyio

VARIABLES = {
    "tree": True, "after": None, "chosen": True, "path": "p/l/m", "range": {"last": "PT8H"}, "points": 10,
    "every": "PT1H", "marks": True,
}  # fmt: skip


async def test_the_shell_is_open_and_sealed(house: House) -> None:
    async with open_client(house, loopback_only=False) as client:
        answer = await client.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
                     "require-trusted-types-for 'script'"):  # fmt: skip
            assert part in CONTENT_SECURITY_POLICY.split("; ")
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-cache"
        again = await client.get("/", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.headers["content-security-policy"]) == (304, CONTENT_SECURITY_POLICY)
        assert (await client.head("/")).status_code == 200
        assert (await client.post("/")).status_code == 405
        data = await client.post("/graphql", json={"query": documents()[0], "variables": VARIABLES})
        assert data.status_code == 401, "data is closed"


async def test_nothing_in_the_page_is_inline_or_from_elsewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    assert re.findall(r"<script(?! type=\"module\" src=\"/static/)|<style|\sstyle=|\son\w+=|javascript:", text) == []
    assert re.findall(r"(?:src|href)=\"(?!/)", text) == []
    assert "<noscript>" in text
    for path in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", text):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert ("immutable" in answer.headers["cache-control"]) is path.startswith("/static/vendor/"), path
        assert (await client.get(path, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304, path


def test_every_module_is_small_preloaded_and_says_what_it_is_for() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    for file in FOLDER.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("// "), file.name
        assert len(text.splitlines()) <= 200, file.name
        assert page.count(f'"/static/dashboard/{file.name}"') == 1, file.name
        assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?://", text) == []
        for imported in re.findall(r'from "\./(.+)"', text):
            assert (FOLDER / imported).is_file(), (file.name, imported)


def test_uplot_comes_with_its_licence_and_is_listed() -> None:
    folder = STATIC / "vendor" / "uplot-1.6.32"
    assert "The MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "(v1.6.32)" in (folder / "uPlot.esm.js").read_text(encoding="utf-8")[:400]
    assert "`uplot-1.6.32`" in (STATIC / "vendor" / "README.md").read_text(encoding="utf-8")


async def test_its_documents_fit_the_schema_and_are_always_allowed(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    schema = graphql.build_schema(printed_schema(), assume_valid=True)
    for document in documents():
        assert graphql.validate(schema, graphql.parse(document)) == []
    folder = tmp_path_factory.mktemp("listed")
    (folder / "other.graphql").write_text("{ __typename }")
    async with open_client(house_of(database, allowed_documents=folder), loopback_only=False) as client:
        viewer = await token_for(house_of(database), Role.VIEWER)
        for document in documents():
            answer = await client.post("/graphql", json={"query": document, "variables": VARIABLES}, headers=viewer)
            assert answer.json()["data"]["machine"] is None, answer.text
        other = await client.post("/graphql", json={"query": "{ plants { totalCount } }"}, headers=viewer)
        assert other.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
