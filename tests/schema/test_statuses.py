"""Status codes: kept in full, through every door that knows them, and given out as they came."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.instants import SECOND, microseconds
from tests.asker import Asker, columns, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
CODES = [
    0, 192, 0x00300000, 0x00A50000, 0x3FFFFFFF, 0x40000000, 0x408F0000, 0x40900000, 0x7FFFFFFF, 0x80000000, 0x80310000,
    0x80000001, 0x808C0400, 0xC0000000, 0xFFFFFFFF,
]  # fmt: skip
QUERY = """query ($range: Range!) {machine(path: "p/l/m") {series {
  readings(range: $range) {values statuses} latest {value status quality}
  buckets(range: $range, every: "PT1H") {count uncertain bad worst}
}}}"""


async def told(asker: Asker) -> Any:
    asked = within(BASE, BASE + 3_600 * SECOND)
    return (await asker.data(QUERY, range=asked))["machine"]["series"][0]


async def test_every_code_comes_back_unchanged(asker: Asker) -> None:
    for sent, code in enumerate(CODES, 1):
        await asker.send(columns("p/l/m", "x", [(BASE + sent * SECOND, float(sent), code)]))
        found = await told(asker)
        assert found["readings"]["statuses"] == CODES[:sent]
        quality = "GOOD" if code < 0x40000000 else "UNCERTAIN" if code < 0x80000000 else "BAD"
        assert found["latest"] == {"value": sent, "status": code, "quality": quality}
    for watermark in (0, BASE + 7_200 * SECOND):
        await asker.advance(watermark)
        found = await told(asker)
        assert found["readings"] == {"values": list(range(1, len(CODES) + 1)), "statuses": CODES}
        assert found["buckets"] == {"count": [9], "uncertain": [4], "bad": [6], "worst": ["BAD"]}


async def test_a_file_brings_its_quality_in_a_column(asker: Asker, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    rows = [("20.5", "Good"), ("21", "0x408F0000"), ("", "2150694912"), ("22", ""), ("", "")]
    path.write_text("time,x,q\n" + "".join(f"{BASE / 1e6 + n},{value},{q}\n" for n, (value, q) in enumerate(rows)))
    form: dict[str, Any] = {"plant": "p", "line": "l", "machine": "m", "time": None, "delimiter": None, "quality": "q"}
    for new in (4, 0):
        run = await asker.house.importing([path], time_zone=None, **form, metrics=[], ignore="")
        assert [size async for size in run.run()]
        assert (run.account.new, run.account.repeated, run.account.refused) == (new, 4 - new, 0)
    found = await told(asker)
    assert found["readings"] == {"values": [20.5, 21, None, 22], "statuses": [0, 0x408F0000, 0x80310000, 0]}
    assert found["buckets"] == {"count": [3], "uncertain": [1], "bad": [1], "worst": ["BAD"]}


async def test_line_protocol_has_no_quality_and_says_so_of_no_number(asker: Asker) -> None:
    for word in ("NaN", "nan", "inf", "-Infinity"):
        answer = await asker.client.post(
            "/write?precision=us", content=f"x,plant=p,line=l,machine=m value={word} {BASE}"
        )
        assert (answer.status_code, answer.json()["stored"]) == (400, 0)
        assert answer.json()["refused"][0]["reason"] == (
            f"the field 'value': '{word}' is no number, boolean or quoted text"
        )
    line = f"x,plant=p,line=l,machine=m value=5,quality=0i {BASE}"
    assert (await asker.client.post("/write?precision=us", content=line)).status_code == 204
    query = '{machine(path: "p/l/m") {series {metric {name} latest {value status}}}}'
    assert (await asker.data(query))["machine"]["series"] == [
        {"metric": {"name": "x"}, "latest": {"value": 5, "status": 0}},
        {"metric": {"name": "x.quality"}, "latest": {"value": 0, "status": 0}},
    ]
