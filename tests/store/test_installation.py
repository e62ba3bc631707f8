"""The installations of the machine that the tests run on, and folders that hold none."""

import os
from pathlib import Path

import pytest

from app.errors import ServerTrouble
from app.store.installation import Installation, best, examine, installations


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def installed(root: Path, version: str = "18.6", timescale: str | None = None, config: bool = False) -> Path:
    """A folder of programs that answer as those of PostgreSQL do."""
    folder = root / "bin"
    script(folder / "postgres", f"echo 'postgres (PostgreSQL) {version}'")
    script(folder / "initdb", "exit 1")
    share, library = (root / "odd/share", root / "odd/lib") if config else (root / "share", root / "lib")
    if config:
        script(folder / "pg_config", f'[ "$1" = --sharedir ] && echo {share} || echo {library}')
    (share / "extension").mkdir(parents=True)
    (share / "extension" / "plpgsql.control").touch()
    library.mkdir(parents=True)
    (library / "plpgsql.so").touch()
    if timescale:
        control = share / "extension" / "timescaledb.control"
        control.write_text(f"comment = 'x'\ndefault_version = '{timescale}'\n", encoding="utf-8")
        (library / "timescaledb.so").touch()
    return folder


@pytest.fixture
def only_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "on-the-path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_the_best_comes_first() -> None:
    found = installations()
    ranks = [(each.timescale is not None, each.bundled, each.major) for each in found]
    assert ranks == sorted(ranks, reverse=True)
    assert best() == found[0]
    assert len({each.bin for each in found}) == len(found)
    assert all((each.bin / "initdb").exists() and 15 <= each.major <= 18 for each in found)


def test_the_package_goes_before_a_plain_server_and_after_timescaledb(only_path: Path, tmp_path: Path) -> None:
    plain, timescale = installed(tmp_path / "plain"), installed(tmp_path / "ts", timescale="2.99.0")
    (only_path / "postgres").symlink_to(plain / "postgres")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "postgres").symlink_to(timescale / "postgres")
    os.environ["PATH"] += f":{tmp_path / 'second'}"
    order = [each.bin for each in installations()]
    bundled = next(each.bin for each in installations() if each.bundled)
    assert order.index(timescale) < order.index(bundled) < order.index(plain)


def test_a_link_on_the_path_leads_to_the_real_folder(only_path: Path, tmp_path: Path) -> None:
    real = installed(tmp_path / "real", version="17.2 (Debian 17.2-1)")
    (only_path / "postgres").symlink_to(real / "postgres")
    assert Installation(real, "17.2", 17) in installations()


@pytest.mark.parametrize("config", [False, True])
def test_timescaledb_is_found_with_and_without_pg_config(tmp_path: Path, config: bool) -> None:
    found = examine(installed(tmp_path, timescale="2.20.1", config=config))
    assert found is not None
    assert (found.engine, found.timescale) == ("timescaledb", "2.20.1")
    assert str(found) == f"PostgreSQL 18.6 with TimescaleDB 2.20.1 from {tmp_path / 'bin'}"


def test_a_control_file_without_its_library_is_not_timescaledb(tmp_path: Path) -> None:
    folder = installed(tmp_path, timescale="2.20.1")
    (tmp_path / "lib" / "timescaledb.so").unlink()
    found = examine(folder)
    assert found is not None
    assert found.engine == "postgresql"
    assert str(found).endswith("without TimescaleDB: rollups are kept in plain tables")


def test_timescaledb_can_be_left_out_but_not_added(tmp_path: Path) -> None:
    timescale = Installation(tmp_path, "18.6", 18, "2.29.2")
    plain = timescale.running("postgresql")
    assert timescale.running("timescaledb") is timescale
    assert plain == Installation(tmp_path, "18.6", 18)
    assert plain.running("timescaledb") is None


@pytest.mark.parametrize("version", ["14.11", "19devel", "nonsense"])
def test_other_majors_are_passed_over(tmp_path: Path, version: str) -> None:
    assert examine(installed(tmp_path, version=version)) is None


def test_a_named_folder_goes_first_even_if_plain(tmp_path: Path) -> None:
    folder = installed(tmp_path, version="16.1")
    assert best(folder) == Installation(folder, "16.1", 16)
    assert installations(folder)[1:] == installations()


def test_a_named_folder_without_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerTrouble, match="LINEGRAPH_PG_BIN"):
        installations(tmp_path)


def test_a_named_folder_with_an_unknown_major_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerTrouble, match=r"LINEGRAPH_PG_BIN.*15 to 18"):
        best(installed(tmp_path, version="13.4"))
