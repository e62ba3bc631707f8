"""Files that commands name: one clear sentence where they cannot be used, and nothing overwritten unasked."""

from pathlib import Path

import pytest

from app.errors import BadInput
from app.files import read_text, write_text
from tests.test_commands import environment, folder, linegraph

__all__ = ["environment", "folder"]

MACHINE = ["--plant", "p", "--line", "l", "--machine", "oven"]


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cyrillic.yaml").write_bytes("plants: [{code: p, name: \u0440}]".encode("cp1251"))
    for name, reason in (
        ("nofile.yaml", "cannot be used: there is no such file. Look at its name and folder."),
        ("cyrillic.yaml", "cannot be used: it is no text in UTF-8. Save it as UTF-8."),
        ("", "cannot be used: is a directory. Name a file that you may read and write."),
    ):
        with pytest.raises(BadInput) as refused:
            read_text(tmp_path / name)
        assert str(refused.value) == f"{tmp_path / name} {reason}"


def test_a_file_is_overwritten_only_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    write_text(file, "one \u00b0\n", overwrite=False)
    with pytest.raises(BadInput, match=r"plant\.yaml is there already\. Name another file, or .* --force\."):
        write_text(file, "two", overwrite=False)
    assert read_text(file) == "one \u00b0\n"
    write_text(file, "two", overwrite=True)
    assert read_text(file) == "two"
    with pytest.raises(BadInput, match="cannot be used: no such file or directory"):
        write_text(tmp_path / "nowhere" / "plant.yaml", "x", overwrite=True)


def test_models_and_imports_by_command(environment: dict[str, str], folder: Path) -> None:
    model, new = folder / "plant.yaml", folder / "new.yaml"
    new.write_text("plants: [{code: detroit, time_zone: America/Detroit}]\n")
    early = linegraph(environment, "token", "create", "x", "--role", "writer", "--plant", "detroit")
    assert (early.returncode, early.stdout) == (1, "")
    assert "linegraph: There is no plant 'detroit' yet. Name it in a model file" in early.stderr

    differs = linegraph(environment, "model", "diff", str(new))
    assert (differs.returncode, differs.stdout) == (1, "created plant detroit\n"), differs.stderr
    assert linegraph(environment, "model", "apply", str(new)).returncode == 0
    same = linegraph(environment, "model", "diff", str(new))
    assert (same.returncode, same.stdout) == (0, ""), same.stderr

    exported = linegraph(environment, "model", "export", str(model))
    assert (exported.returncode, exported.stdout) == (0, "")
    assert f"Wrote {model}: 1 plant, 0 lines, 0 machines, 0 machine types, 0 metrics, 0 KPIs.\n" in exported.stderr
    model.write_text("# mine\n")
    kept = linegraph(environment, "model", "export", str(model))
    assert (kept.returncode, model.read_text()) == (1, "# mine\n")
    assert f"linegraph: {model} is there already. Name another file, or overwrite it with --force.\n" in kept.stderr
    assert linegraph(environment, "model", "export", str(model), "--force").returncode == 0
    assert linegraph(environment, "model", "diff", str(model)).returncode == 0

    csv = folder / "oven.csv"
    csv.write_text("time,temperature\n02/03/2026 8h,20.5\n03/03/2026 8h,21\n")
    lost = linegraph(environment, "import", str(csv), *MACHINE)
    assert lost.returncode == 1
    assert "Stored 0 new readings and 0 corrections; 0 were repeated, 2 rows or cells refused." in lost.stderr
    assert lost.stderr.splitlines()[-1] == (
        "linegraph: Nothing was stored: not one time could be read. Write times in ISO 8601, such as"
        " 2026-01-31T12:00:00Z, or name their column with --time."
    )
    missing = linegraph(environment, "import", str(csv), str(folder / "missing.csv"), *MACHINE)
    assert missing.returncode == 1
    assert "Importing" not in missing.stderr, "no progress of what cannot begin"
    assert missing.stderr.splitlines()[-1] == f"linegraph: There is no file {folder / 'missing.csv'}."
