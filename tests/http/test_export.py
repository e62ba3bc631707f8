"""Exports: what is in them in every format, who sees what, and what is refused before the first byte."""

import builtins
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.requests import HTTPConnection

import app.read.export
from app.domain.access import Role
from app.errors import TooLarge
from app.http.asked import LONGEST, AskedQuery
from app.store.database import Database
from app.store.tables import metric_labels, metrics
from tests.asker import Asker, asking, columns, unmapped, within, written
from tests.doors import token_for
from tests.holdings import BASE

pytestmark = pytest.mark.anyio

HOUR = within(BASE, BASE + 3_600_000_000)
PATH = "/api/v1/export"
UNCERTAIN, BAD_NO_DATA = 0x40900000, 0x809B0000
ODD = '=1+1,"odd"'


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    """Two machines of one plant, one of another, and a source of none."""
    async with asking(database) as asker:
        await asker.define("temperature", unit="Cel")
        await asker.send(
            columns(
                "p/l/m", "temperature", [(BASE + 7, 20.125, UNCERTAIN), (BASE + 1_000_000, -0.1), (BASE + 2, None)]
            ),
            columns("p/l/m", "status", [(BASE, "run"), (BASE + 1_000_001, "@idle"), (BASE + 2_000_000, "run")]),
            columns("p/l/n", "temperature", [(BASE, 1e100), (BASE + 3_600_000_000, 5.0)]),
            columns("q/l/m", "temperature", [(BASE, 7.0)]),
            unmapped(ODD, [(BASE, 1e-7)]),
        )
        yield asker


def at(offset: int) -> str:
    seconds, micros = divmod(offset, 1_000_000)
    return f"2026-03-02T08:00:{seconds:02}.{micros:06}Z"


TEMPERATURES = [
    [at(2), "p/l/m", "temperature", "", "Cel", "", str(BAD_NO_DATA), ""],
    [at(7), "p/l/m", "temperature", "", "Cel", "20.125", str(UNCERTAIN), ""],
    [at(1_000_000), "p/l/m", "temperature", "", "Cel", "-0.1", "0", ""],
]
STATES = [
    [at(0), "p/l/m", "status", "", "", "0.0", "0", "run"],
    [at(1_000_001), "p/l/m", "status", "", "", "1.0", "0", "'@idle"],
    [at(2_000_000), "p/l/m", "status", "", "", "0.0", "0", "run"],
]
OTHER = [at(0), "p/l/n", "temperature", "", "Cel", "1e+100", "0", ""]
NOWHERE = [at(0), "", "", f"'{ODD}", "", "1e-7", "0", ""]


async def rows(asker: Asker, **asked: Any) -> list[list[str]]:
    response = await asker.client.get(PATH, params={**HOUR, **asked})
    assert response.status_code == 200, response.text
    head, *found = csv.reader(io.StringIO(response.text, newline=""), strict=True)
    assert head == ["time", "machine", "metric", "source", "unit", "value", "status", "label"]
    return found


async def refused(asker: Asker, **asked: Any) -> tuple[int, str, str]:
    response = await asker.client.get(PATH, params=asked)
    said = response.json()
    return response.status_code, said["code"], said["message"]


async def series_id(asker: Asker) -> str:
    found = await asker.data("{unmappedSeries {edges {node {id}}}}")
    return str(found["unmappedSeries"]["edges"][0]["node"]["id"])


async def test_csv_has_a_row_a_reading_series_after_series(asker: Asker) -> None:
    number = await series_id(asker)
    assert await rows(asker, machine="p/l/m") == STATES + TEMPERATURES
    assert await rows(asker, machine=["p/l/m", "p/l/m"], series=number) == [NOWHERE, *STATES, *TEMPERATURES]
    assert await rows(asker, plant="p", metric="temperature") == [*TEMPERATURES, OTHER]
    assert await rows(asker, line="p/l", metric=["temperature", "status"]) == [*STATES, *TEMPERATURES, OTHER]
    assert await rows(asker, machine="p/l/m", metric="status", **{"to": written(BASE + 2_000_000)}) == STATES[:2]
    fahrenheit = await rows(asker, machine="p/l/m", metric="temperature", unit="[degF]")
    assert [(row[4], row[5]) for row in fahrenheit] == [("[degF]", ""), ("[degF]", "68.225"), ("[degF]", "31.82")]
    lost_plus = f"{PATH}?machine=p/l/m&from=2026-03-02T09:00:00+01:00&to=2026-03-02T10:00:00%2B01:00"
    assert (await asker.client.get(lost_plus)).text.count("\r\n") == 7
    assert await rows(asker, machine="p/l/m", metric="status", **{"from": written(BASE + 10_000_000)}) == []


async def test_pages_and_groups_join_without_a_seam(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await rows(asker, plant=["p", "q"], series=await series_id(asker))
    assert len(whole) == 9
    for page in (1, 2, 3, 4):
        for group in (1, 2, 5):
            monkeypatch.setattr(app.read.export, "PAGE", page)
            monkeypatch.setattr(app.read.export, "GROUP", group)
            assert await rows(asker, plant=["p", "q"], series=await series_id(asker)) == whole, (page, group)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
async def test_arrow_and_parquet_hold_the_same(asker: Asker, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow: Any = pytest.importorskip("pyarrow", reason="no pyarrow: pip install 'linegraph[parquet]'")
    monkeypatch.setattr(app.read.export, "PAGE", 2)
    asked: dict[str, Any] = {"machine": "p/l/m", "series": await series_id(asker), **HOUR}
    response = await asker.client.get(PATH, params={**asked, "format": form})
    assert "content-encoding" not in response.headers
    table = _read(arrow, form, response.content)
    name = arrow.dictionary(arrow.int32(), arrow.utf8())
    assert [field.type for field in table.schema] == [
        arrow.timestamp("us", "UTC"), name, name, name, name, arrow.float64(), arrow.uint32(), arrow.utf8(),
    ]  # fmt: skip
    found = [
        [
            row["time"].isoformat(timespec="microseconds").replace("+00:00", "Z"),
            *("" if row[key] is None else str(row[key]) for key in ("machine", "metric", "source", "unit")),
            "" if row["value"] is None else np.format_float_positional(row["value"], trim="0", min_digits=1),
            str(row["status"]), row["label"] or "",
        ]
        for row in table.to_pylist()
    ]  # fmt: skip
    plain = [[each.removeprefix("'") for each in row] for row in [NOWHERE, *STATES, *TEMPERATURES]]
    assert found == [[each.replace("1e-7", "0.0000001") for each in row] for row in plain]
    empty = await asker.client.get(PATH, params={**asked, "format": form, "from": written(BASE + 9_000_000)})
    assert _read(arrow, form, empty.content).num_rows == 0
    for cut in range(0, len(response.content), 97):
        with pytest.raises(arrow.ArrowException):
            _read(arrow, form, response.content[:cut])


def _read(arrow: Any, form: str, content: bytes) -> Any:
    if form == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(io.BytesIO(content))
    if not content.endswith(b"\xff\xff\xff\xff\0\0\0\0"):
        raise arrow.ArrowInvalid("the stream has no end")
    return arrow.ipc.open_stream(content).read_all()


async def test_the_format_is_named_or_accepted(asker: Asker) -> None:
    pytest.importorskip("pyarrow", reason="no pyarrow: pip install 'linegraph[parquet]'")
    arrow, parquet = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
    taken = {"*/*": "text/csv", "text/html, */*;q=0.5": "text/csv", arrow: arrow, f"{parquet}, */*;q=0.1": parquet}
    for accept, media in taken.items():
        asked = {"machine": "p/l/m", **HOUR}
        response = await asker.client.get(PATH, params=asked, headers={"Accept": accept})
        assert response.headers["content-type"].partition(";")[0] == media, accept
        assert (response.headers["cache-control"], "Accept" in response.headers["vary"]) == ("no-store", True)
        head = await asker.client.head(PATH, params=asked, headers={"Accept": accept})
        assert (head.status_code, head.content, head.headers["content-type"]) == (
            200, b"", response.headers["content-type"],
        )  # fmt: skip
    none = await asker.client.get(PATH, params={"machine": "p/l/m", **HOUR}, headers={"Accept": "image/png"})
    assert (none.status_code, none.json()["code"]) == (406, "BAD_USER_INPUT")


async def test_what_is_wrong_is_told_with_what_to_do(asker: Asker) -> None:
    machine = {"machine": "p/l/m", **HOUR}
    table: list[tuple[dict[str, Any], int, str]] = [
        ({}, 400, "A range needs a start. Write from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z, or last=PT8H."),
        (HOUR, 400, "An export needs to be told of what. Name series=ID, machine=plant/line/machine"),
        ({**HOUR, "metric": "temperature"}, 400, "An export needs to be told of what. Name series=ID"),
        ({**HOUR, "series": await series_id(asker), "metric": "x"}, 400, "metric chooses among the series of"),
        ({**machine, "last": "PT1H"}, 400, "A range has either from and to, or last. Write from="),
        ({"machine": "p/l/m", "last": "P1M"}, 400, "last=P1M is not a duration in ISO 8601, of one length."),
        ({"machine": "p/l/m", "last": "P1D" * 99}, 400, "last=P1DP1D"),
        ({"machine": "p/l/m", "from": "2026-03-01T00:00:00"}, 400, "from=2026-03-01T00:00:00 lacks an offset."),
        ({"machine": "p/l/m", "from": "yesterday"}, 400, "from=yesterday is not an instant. Write 2026-03-01T06"),
        ({"machine": "p/l/m", "from": HOUR["to"], "to": HOUR["from"]}, 400, "The range ends before it starts"),
        ({**machine, "metrics": "x"}, 400, "The parameter 'metrics' is not known. There are series, machine, line"),
        ({**machine, "format": ["csv", "arrow"]}, 400, "The address has format more than once."),
        ({**machine, "format": "xlsx"}, 400, "The format 'xlsx' is not known. Write format=csv or arrow or parquet."),
        ({**machine, "unit": "bar"}, 400, "p/l/m status: The values of a STATE are codes"),
        ({**machine, "metric": "temperature", "unit": "bar"}, 400, "p/l/m temperature: Readings in Cel cannot be told"),
        ({**HOUR, "series": "abc"}, 400, "The id 'abc' is not that of a series."),
        ({**machine, "metric": "nothing"}, 404, "None of these machines has the metric 'nothing'."),
        ({**HOUR, "machine": "p/l/x"}, 404, "There is no machine 'p/l/x'."),
        ({**HOUR, "machine": "p/l/m\0"}, 404, "There is no machine 'p/l/m\\x00'."),
        ({**HOUR, "line": "p/x"}, 404, "There is no line 'p/x'."),
        ({**HOUR, "plant": "x"}, 404, "There is no plant 'x'."),
        ({**HOUR, "series": "c2VyaWVzOjk5OTk"}, 404, "There is no series with the id 'c2VyaWVzOjk5OTk'."),
    ]  # fmt: skip
    for asked, status, message in table:
        found = await refused(asker, **asked)
        assert found[:2] == (status, "NOT_FOUND" if status == 404 else "BAD_USER_INPUT"), asked
        assert found[2].startswith(message), (asked, found[2])
    assert (await asker.client.get(f"{PATH}?machine=%ff")).status_code == 400
    long = HTTPConnection({"type": "http", "query_string": b"machine=" + b"x" * LONGEST})
    with pytest.raises(TooLarge, match="Name machines, lines or plants"):
        AskedQuery(long, once=(), often=("machine",))
    assert (await asker.client.post(PATH)).status_code == 405


async def test_a_token_of_a_plant_gets_that_plant_and_nothing_else(asker: Asker) -> None:
    number = await series_id(asker)
    async with asking(asker.house.database, loopback_only=False) as strict:
        bound, viewer = await token_for(strict.house, Role.VIEWER, "p"), await token_for(strict.house, Role.VIEWER)
        for asked in ({"plant": "p"}, {"machine": "p/l/m"}, {"line": "p/l"}):
            assert (await strict.client.get(PATH, params={**HOUR, **asked}, headers=bound)).status_code == 200
        for hidden, nothing in (
            ({"plant": "q"}, {"plant": "x"}),
            ({"line": "q/l"}, {"line": "x/l"}),
            ({"machine": "q/l/m"}, {"machine": "x/l/m"}),
            ({"series": number}, {"series": "c2VyaWVzOjk5OTk"}),
        ):
            assert (await strict.client.get(PATH, params={**HOUR, **hidden}, headers=viewer)).status_code == 200
            both = [await strict.client.get(PATH, params={**HOUR, **each}, headers=bound) for each in (hidden, nothing)]
            told = [each.text.replace(*names) for each, names in zip(both, ((next(iter(hidden.values())), "..."), (
                next(iter(nothing.values())), "...")), strict=True)]  # fmt: skip
            assert (both[0].status_code, told[0]) == (404, told[1])
        writer = await token_for(strict.house, Role.WRITER)
        assert (await strict.client.get(PATH, params={**HOUR, "plant": "p"}, headers=writer)).status_code == 403
        assert (await strict.client.get(PATH, params={**HOUR, "plant": "p"})).status_code == 401


async def test_an_export_has_a_price_and_there_are_only_so_many_at_once(database: Database, asker: Asker) -> None:
    async with asking(database, export_rows=4, exports=1) as strict:
        assert len(await rows(strict, machine="p/l/m", metric="status")) == 3
        code, message = (await refused(strict, plant="p", **HOUR))[1:]
        assert (code, message[:65]) == (
            "BAD_USER_INPUT",
            "This request would touch 8 rows; the limit is 4. Ask for a shorte",
        )
        assert len(await rows(strict, plant="p", **{"to": written(BASE + 1)})) == 2  # a reading a second, one a series
        with strict.house.exports.place():
            busy = await strict.client.get(PATH, params={"machine": "p/l/m", "metric": "status", **HOUR})
            assert (busy.status_code, busy.headers["retry-after"]) == (503, "10")
            assert busy.json()["message"].startswith("1 exports are under way, and there may be no more")
        assert len(await rows(strict, machine="p/l/m", metric="status")) == 3
    async with asking(database, exports=0) as strict:
        assert (await refused(strict, machine="p/l/m", **HOUR))[:2] == (403, "FORBIDDEN")


async def test_where_pyarrow_is_missing_the_hint_tells_how_to_get_it(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for form in ("arrow", "parquet"):
        status, code, message = await refused(asker, machine="p/l/m", format=form, **HOUR)
        assert (status, code) == (400, "BAD_USER_INPUT")
        assert message.endswith("Ask for format=csv, or have it installed: pip install 'linegraph[parquet]'")
    assert len(await rows(asker, machine="p/l/m")) == 6


async def test_a_label_of_the_metric_goes_before_one_of_the_series(asker: Asker) -> None:
    async with asker.house.database.begin() as transaction:
        number = sa.select(metrics.c.id).where(metrics.c.name == "status").scalar_subquery()
        await transaction.execute(sa.insert(metric_labels).values(metric_id=number, code=1, text="stopped"))
    found = await rows(asker, machine="p/l/m", metric="status")
    assert [row[7] for row in found] == ["run", "stopped", "run"]


async def test_ten_thousand_series_go_into_one_export(database: Database) -> None:
    async with asking(database) as asker:
        for first in range(0, 10_000, 1_000):
            tags = (
                f"x,plant=big,line=l,machine=m{number // 100} f{number % 100}=1"
                for number in range(first, first + 1_000)
            )
            body = "\n".join(f"{each} {BASE * 1_000}" for each in tags)
            assert (await asker.client.post("/write", content=body)).status_code == 204
        found = await rows(asker, plant="big")
        assert len(found) == len({(row[1], row[2]) for row in found}) == 10_000
        assert {row[0] for row in found} == {at(0)}
