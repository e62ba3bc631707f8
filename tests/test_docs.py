"""The documentation is true: every page is in the index, links lead somewhere, examples answer what they say."""

import asyncio
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from app.__main__ import main
from app.domain.access import Role
from app.main import House
from app.store.database import Database
from tests.doors import listening, open_client, token_for
from tests.holdings import kept_readings, kept_series
from tests.javascript import CLIENTS
from tests.pages import DOCS, ROOT, block, blocks, text_of

MODEL = "model.md"
PAGES = sorted(page.stem for page in DOCS.glob("*.md"))


def test_the_index_lists_every_page_and_the_readme_leads_to_it() -> None:
    listed = set(re.findall(r"\]\((\w+)\.md\)", text_of("README")))
    assert listed == set(PAGES) - {"README"}
    assert "](docs/README.md)" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", *(DOCS / f"{page}.md" for page in PAGES)], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
        path, _, place = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        if place:
            headings = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            assert place in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}, target


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist_with_their_options(page: str) -> None:
    context = click.Context(main)
    for name, below, rest in re.findall(
        r"(?:^|`)(?:[A-Z_]+=\S+ )?linegraph ([a-z]+)(?: ([a-z]+))?([^`#\n]*)", text_of(page), re.M
    ):
        found = main.get_command(context, name)
        assert found is not None, name
        if isinstance(found, click.Group):
            found = found.get_command(context, below)
            assert found is not None, (name, below)
        options = {option for each in found.params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, (name, rest)


@pytest.mark.anyio
async def test_the_model_file_says_all_that_it_may_and_is_what_is_exported(house: House) -> None:
    text = block("model", "yaml")
    await house.model.apply(text, MODEL)
    assert await house.model.diff(text, MODEL) == ([], [])
    exported, _ = await house.model.described()
    said = yaml.safe_load(exported)
    written = yaml.safe_load(text)
    by_name = {metric["name"]: metric for metric in said["metrics"]}
    for metric in written["metrics"]:
        assert {key: value for key, value in metric.items() if value != "GAUGE"}.items() <= by_name[
            metric["name"]
        ].items()
    machine = said["plants"][0]["lines"][0]["machines"][0]
    assert written["plants"][0]["lines"][0]["machines"][0].items() <= machine.items()


@pytest.mark.anyio
async def test_every_number_is_what_the_page_says(house: House) -> None:
    await house.model.apply(block("numbers", "yaml"), "numbers.md")
    async with open_client(house) as client:
        for body in blocks("numbers", "json sent"):
            response = await client.post("/api/v1/readings", content=body)
            assert response.status_code == 200, response.text
        await house.freshen()
        questions, answers = blocks("numbers", "graphql"), blocks("numbers", "json")
        assert len(questions) == len(answers) == 4
        for question, answer in zip(questions, answers, strict=True):
            told = (await client.post("/graphql", json={"query": question})).json()
            assert "errors" not in told, told
            [series] = told["data"]["machine"]["series"]
            [columns] = series.values()
            assert columns == json.loads(answer)


def test_telegrafs_configuration_sends_what_is_taken() -> None:
    told = tomllib.loads(block("writing", "toml"))
    [output], [source] = told["outputs"]["influxdb_v2"], told["inputs"]["mqtt_consumer"]
    assert {"urls", "token", "organization", "bucket"} <= output.keys()
    assert output["content_encoding"] == "gzip"
    assert told["agent"]["omit_hostname"] is True
    [parsing] = source["topic_parsing"]
    topic = ["detroit", "press-1", "robot-3", "temperature"]
    tags = dict(zip(parsing["tags"].split("/"), topic, strict=True))
    assert {name: tags[name] for name in ("plant", "line", "machine")} == {
        "plant": "detroit", "line": "press-1", "machine": "robot-3",
    }  # fmt: skip
    assert parsing["measurement"].split("/").index("measurement") == topic.index("temperature")


@pytest.mark.anyio
@pytest.mark.parametrize("engine", ["postgresql"])
async def test_every_way_of_writing_stores_what_it_says(house: House, database: Database, tmp_path: Path) -> None:
    token = (await token_for(house, Role.WRITER))["Authorization"].removeprefix("Bearer ")
    (tmp_path / "write.mjs").write_text(block("writing", "js"))
    async with listening(house, loopback_only=False) as url:

        def here(text: str) -> str:
            return text.replace("http://127.0.0.1:8000", url).replace('"TOKEN"', repr(token))

        await asyncio.to_thread(exec, here(block("writing", "python")), {})
        shell = "\n".join(["set -eu", *blocks("writing", "sh"), "! command -v node || node write.mjs"])
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", here(shell), cwd=tmp_path, env={**os.environ, "TOKEN": token, "URL": url},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, said.decode()
    kept = await kept_readings(database)
    found: dict[Any, Any] = {each.mapped: kept[source] for source, each in (await kept_series(database)).items()}
    values = {path: [value for _, value, _ in readings] for path, readings in found.items()}
    assert values["detroit/press-1/robot-3 temperature"] == [21.5, 21.6, 21.8]
    assert values["detroit/press-1/robot-3 parts"] == [1041]
    assert found["detroit/press-1/robot-3 pressure"] == [(0, 4.2, 0), (1_000_000, None, 2156593152)]
    assert values.get("detroit/press-1/robot-4 temperature", [21.5, 21.6, 21.8]) == [21.5, 21.6, 21.8]


def test_the_clients_of_the_tests_are_those_of_the_lock() -> None:
    package, lock = (json.loads((CLIENTS / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert "resolved" not in (CLIENTS / "package-lock.json").read_text()
