"""The README is true: its queries fit the schema, its defaults are the settings', its commands exist."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import graphql
import isodate
import msgspec
import pytest
import yaml

from app.__main__ import main
from app.change.model_document import read_document
from app.settings import PREFIX, Settings, read_settings
from schema.answering import printed_schema

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_queries_fit_the_schema() -> None:
    schema = graphql.build_schema(printed_schema())
    queries = blocks("graphql") + re.findall(r'"query": "(.*?)"\}', README)
    assert len(queries) >= 2
    for query in queries:
        assert graphql.validate(schema, graphql.parse(query)) == []


def test_its_model_file_can_be_read() -> None:
    [text] = blocks("yaml")
    assert yaml.safe_load(text)["plants"][0]["code"] == "detroit"
    read_document(text, "README.md")


def _written(value: Any) -> str:
    if isinstance(value, timedelta):
        return str(isodate.duration_isoformat(value))
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and value:
        return ",".join(f"{key}={_written(each)}" for key, each in value.items())
    return "none" if value in (None, {}) else str(value)


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_it_tells_the_default_of_every_setting(field: msgspec.structs.FieldInfo) -> None:
    [row] = re.findall(rf"^\| `{PREFIX}{field.name.upper()}` \| (.*?) \|", README, re.MULTILINE)
    if field.name != "data":
        assert row == _written(getattr(read_settings({}), field.name))


def test_its_commands_exist() -> None:
    context = click.Context(main)
    named = set(re.findall(r"(?:^|`|/)linegraph ([a-z]+)(?: ([a-z]+))?", README, re.MULTILINE))
    assert {"serve", "import", "model", "token"} <= {command for command, _ in named}
    for command, below in named:
        found = main.get_command(context, command)
        assert found is not None, command
        if isinstance(found, click.Group):
            assert found.get_command(context, below) is not None, (command, below)
