"""Imports: files are stored part by part, and the account says what became of every reading."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import BadInput
from app.ingest.importing import Account
from app.main import House
from app.store.database import Database
from app.store.tables import machines, metrics, readings, series
from tests.doors import house_of
from tests.holdings import count, everything, kept_readings, kept_refusals, kept_series, rows

pytestmark = pytest.mark.anyio

FORM: dict[str, Any] = {
    "plant": "p1", "line": "l1", "machine": "m1", "time": None, "delimiter": None, "metrics": [], "ignore": "",
}  # fmt: skip


def file(folder: Path, text: str, name: str = "press.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


async def imported(house: House, *files: Path, time_zone: str | None = None, **form: Any) -> Account:
    run = await house.importing(files, time_zone=time_zone, **FORM | form)
    seen = sum([step async for step in run.run()])
    assert seen == sum(each.stat().st_size for each in files), "the steps are the bytes of the files"
    return run.account


async def test_a_file_is_stored_and_importing_it_again_changes_nothing(
    house: House, database: Database, tmp_path: Path
) -> None:
    lines = "".join(f"2026-03-02T08:{at // 60:02}:{at % 60:02}Z,{at},{at * 2}\n" for at in range(300))
    path = file(tmp_path, "time,temperature,speed\n" + lines)
    account = await imported(house, path)
    assert (account.new, account.corrected, account.repeated, account.refused) == (600, 0, 0, 0)
    by_metric = {each.mapped for each in (await kept_series(database)).values()}
    assert by_metric == {"p1/l1/m1 temperature", "p1/l1/m1 speed"}
    before = await everything(database)
    again = await imported(house, path)
    assert (again.new, again.corrected, again.repeated, again.refused) == (0, 0, 600, 0)
    assert await everything(database) == before
    corrected = await imported(house, file(tmp_path, "time,speed\n2026-03-02T08:00:00Z,77\n2026-03-02T09:00:00Z,1\n"))
    assert (corrected.new, corrected.corrected, corrected.repeated) == (1, 1, 0)


async def test_refused_rows_are_named_with_their_file_and_kept(
    house: House, database: Database, tmp_path: Path
) -> None:
    bad = "time,speed\n2026-03-02T08:00:00Z,1\nyesterday,2\n2026-03-02T08:00:02Z,1e200\n1960-01-01T00:00:00Z,4\n"
    first = file(tmp_path, bad + "2026-03-02T08:00:05Z,5,6\n", "a.csv")
    second = file(tmp_path, "time,speed\n2026-03-02T09:00:00Z,9\n9999-01-01T00:00:00Z,1\n", "b.csv")
    account = await imported(house, first, second)
    assert (account.new, account.refused) == (2, 5)
    assert [(name, refusal.place) for name, refusal in account.named] == [
        ("a.csv", "row 3"), ("a.csv", "row 4"), ("a.csv", "row 5"), ("a.csv", "row 6"), ("b.csv", "row 3"),
    ]  # fmt: skip
    kept = await kept_refusals(database)
    assert {refusal.source for refusal in kept.values()} == {"a.csv", "b.csv"}
    assert kept[b"yesterday,2"].place == "row 3"
    assert await count(database, readings) == 2


async def test_decades_may_be_imported_at_once(database: Database, tmp_path: Path) -> None:
    house = house_of(database, new_chunks=5)
    lines = "".join(f"{year}-{month:02}-01T00:00:00Z,{year}\n" for year in range(2015, 2025) for month in range(1, 13))
    account = await imported(house, file(tmp_path, "time,energy\n" + lines))
    assert (account.new, account.refused) == (120, 0)


async def test_local_times_are_the_plants_unless_a_zone_is_named(
    house: House, database: Database, tmp_path: Path
) -> None:
    await imported(house, file(tmp_path, "time,a\n2026-03-02T08:00:00,1\n"))
    await imported(house, file(tmp_path, "time,b\n2026-03-02 09:00:00,1\n"), time_zone="Europe/Berlin")
    found = {source: found[0][0] for source, found in (await kept_readings(database)).items()}
    assert set(found.values()) == {0}


async def test_units_are_given_to_metrics_and_another_unit_is_refused_before_anything_is_stored(
    house: House, database: Database, tmp_path: Path
) -> None:
    path = file(tmp_path, "time,Temp,note\n2026-03-02T08:00:00Z,21,x\n")
    form: dict[str, Any] = {"metrics": ["Temp=temperature:Cel"], "ignore": "note"}
    assert (await imported(house, path, **form)).new == 1
    assert list(await rows(database, sa.select(metrics.c.name, metrics.c.unit))) == [("temperature", "Cel")]
    with pytest.raises(BadInput, match="temperature is in Cel, not in K"):
        await imported(house, path, metrics=["Temp=temperature:K"], ignore="note")
    assert await count(database, readings) == 1


async def test_a_machine_may_have_another_unit_than_the_metric_if_one_converts_to_the_other(
    house: House, database: Database, tmp_path: Path
) -> None:
    path = file(tmp_path, "time,Temp\n2026-03-02T08:00:00Z,21\n")

    async def given(metric: str, machine: str) -> Account:
        return await imported(house, path, metrics=[f"Temp={metric}"], machine=machine)

    await given("temperature:Cel", "m1")
    await given("temperature:K", "m2")
    await given("temperature:K{inside}", "m2")
    units = sa.select(machines.c.code, series.c.unit, metrics.c.unit).join(machines).join(metrics)
    assert sorted(await rows(database, units)) == [("m1", "Cel", "Cel"), ("m2", "K", "Cel")]
    for machine, unit, message in (
        ("m1", "K", "On p1/l1/m1 temperature is in Cel, not in K"),
        ("m2", "Cel", "On p1/l1/m2 temperature is in K, not in Cel"),
        ("m3", "bar", "The metric temperature is in Cel, not in bar"),
        ("m3", "bananas", "The metric temperature is in Cel, not in bananas"),
    ):
        with pytest.raises(BadInput, match=message):
            await given(f"temperature:{unit}", machine)
    assert await count(database, readings) == 2
    noted = await given("speed:rpm", "m1")
    assert next(noted.sentences()).endswith("values are answered in it, and in no other. Did you mean {rev}/min?")
    assert (await given("speed:rpm", "m1")).repeated == 1


async def test_a_form_or_a_file_without_sense_is_refused(house: House, database: Database, tmp_path: Path) -> None:
    good = file(tmp_path, "time,a\n2026-03-02T08:00:00Z,1\n")
    for metric in ("Temp", "=x", "Temp=", "Temp=:Cel"):
        with pytest.raises(BadInput, match="COLUMN=NAME:UNIT"):
            await imported(house, good, metrics=[metric])
    for zone in ("Mars/Olympus", "../etc/passwd", "\x00"):
        with pytest.raises(BadInput, match="time zone"):
            await imported(house, good, time_zone=zone)
    with pytest.raises(BadInput, match="no file"):
        await imported(house, tmp_path / "missing.csv")
    with pytest.raises(BadInput, match="header and no rows"):
        await imported(house, file(tmp_path, "time,a\n", "empty.csv"))
    assert await count(database, readings) == 0


async def test_files_are_looked_at_before_anything_is_stored(house: House, database: Database, tmp_path: Path) -> None:
    good = file(tmp_path, "time,a\n2026-03-02T08:00:00Z,1\n")
    unusable = {
        "missing.csv": None, "nul.csv": "time,a\n\x00", "empty.csv": "time,a\n", "no-time.csv": "a,b\n1,2\n",
    }  # fmt: skip
    for name, text in unusable.items():
        other = tmp_path / name if text is None else file(tmp_path, text, name)
        run = await house.importing([good, other], time_zone=None, **FORM | {"metrics": ["a=speed:m/s"]})
        with pytest.raises(BadInput, match=name):
            run.check()
    run = await house.importing([good], time_zone=None, **FORM)
    run.check()
    assert [await count(database, table) for table in (readings, metrics)] == [0, 0]


async def test_an_import_of_which_nothing_is_stored_is_an_error(
    house: House, database: Database, tmp_path: Path
) -> None:
    timeless = await imported(house, file(tmp_path, "time,a\n8h,1\n,2\n"))
    assert (timeless.refused, timeless.timeless) == (2, 2)
    with pytest.raises(BadInput, match=r"not one time could be read\. Write times in ISO 8601, such as 2026-01-31T"):
        timeless.require_any()
    refused = await imported(house, file(tmp_path, "time,a\n8h,1\n1960-01-01T00:00:00Z,2\n"))
    with pytest.raises(BadInput, match="everything was refused"):
        refused.require_any()
    partly = await imported(house, file(tmp_path, "time,a\n8h,1\n2026-03-02T08:00:00Z,2\n"))
    partly.require_any()
    assert list(partly.sentences()) == [
        "press.csv, row 2: '8h' is no time such as 2026-01-31T12:00:00Z",
        "Stored 1 new readings and 0 corrections; 0 were repeated, 1 rows or cells refused.",
    ]
    repeated = await imported(house, file(tmp_path, "time,a\n8h,1\n2026-03-02T08:00:00Z,2\n"))
    repeated.require_any()
    (await imported(house, file(tmp_path, "time,a\n2026-03-02T08:00:00Z,\n"))).require_any()


async def test_texts_in_a_column_of_numbers_are_refused(house: House, database: Database, tmp_path: Path) -> None:
    given: dict[str, Any] = {"metrics": ["a=temperature:Cel"]}
    account = await imported(house, file(tmp_path, "time,a\n2026-03-02T08:00:00Z,warm\n"), **given)
    assert (account.new, account.refused) == (0, 1)
    assert "the metric temperature is a GAUGE and takes numbers, which 'warm' is not" in account.named[0][1].reason
    assert await count(database, readings) == 0
