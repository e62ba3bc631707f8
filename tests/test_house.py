"""The house itself: small modules, and a README that lists every setting and every error code."""

import re
from pathlib import Path

import msgspec
import pytest

from app import errors
from app.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
ROOMS = ("app", "schema", "migrations", "tests", "bench")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
README = (ROOT / "README.md").read_text("utf-8")


def test_no_module_is_over_300_lines() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_every_module_opens_with_one_sentence() -> None:
    silent = [path.name for path in MODULES if not path.read_text("utf-8").startswith('"""')]
    assert silent == []


def test_the_readme_lists_every_setting_and_no_other() -> None:
    settings = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
    assert set(re.findall(r"^\| `(LINEGRAPH_[A-Z_]+)` \|", README, re.MULTILINE)) == settings


def _codes(kind: type[errors.LinegraphError]) -> set[str]:
    return {kind.code}.union(*(_codes(below) for below in kind.__subclasses__()))


def test_the_readme_lists_every_error_code_and_no_other() -> None:
    codes = _codes(errors.LinegraphError) | {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert set(re.findall(r"^\| `((?!LINEGRAPH_)[A-Z_]+)` \|", README, re.MULTILINE)) == codes


@pytest.mark.parametrize("name", ["pyproject.toml", "LICENSE", "NOTICE", "CHANGELOG.md", "Makefile", ".ci/run"])
def test_the_house_has_what_a_house_needs(name: str) -> None:
    assert (ROOT / name).read_text("utf-8").strip()


def test_nothing_names_a_registry_or_a_path_of_one_machine() -> None:
    files = [
        path for path in ROOT.rglob("*") if path.is_file() and path.suffix in {".py", ".toml", ".md", ".yaml", ".yml"}
    ]
    ours = [
        path
        for path in files
        if not {".venv", ".git", "vendor", ".hypothesis", ".pytest_cache"} & set(path.relative_to(ROOT).parts)
    ]
    word = re.compile("pypi" + r"\.org|registry\." + "npmjs|/wor" + "k/|/root" + "/", re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in ours if word.search(path.read_text("utf-8"))] == []
