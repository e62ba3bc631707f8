"""Labels of states: text and booleans in through every door, codes and text out."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR = 60 * MINUTE
MODEL = "metrics: [{name: mode, kind: STATE, labels: {1: run, 5: fault}}, {name: temperature}]"
QUERY = """query ($path: String!, $range: Range!) {machine(path: $path) {series {
  labels {code text} latest {value text status} readings(range: $range) {values statuses}
  plot(range: $range) {values} fine: plot(range: $range, points: 4000) {values}
  buckets(range: $range, every: "PT1H") {count average minimum maximum first last increase}
  days: buckets(range: $range, by: DAY, fill: PREVIOUS) {average last}
}}}"""


async def by_lines(asker: Asker, metric: str, said: Sequence[str], at: int) -> list[str]:
    """Fields as line protocol writes them, a second apart; the reasons why some are refused."""
    lines = [f"{metric},plant=p,line=l,machine=m value={each} {at + n * SECOND}" for n, each in enumerate(said)]
    answer = await asker.client.post("/api/v2/write?precision=us", content="\n".join(lines).encode())
    assert answer.status_code in (204, 400), answer.text
    return [] if answer.status_code == 204 else [each["reason"] for each in answer.json()["refused"]]


async def by_json(asker: Asker, metric: str, said: Sequence[Any], at: int) -> list[str]:
    body = {"series": [columns("p/l/m", metric, [(at + n * SECOND, each) for n, each in enumerate(said)])]}
    answer = await asker.client.post("/api/v1/readings", json=body)
    assert answer.status_code in (200, 400), answer.text
    return [each["reason"] for each in answer.json()["refused"]]


async def by_file(asker: Asker, folder: Path, metric: str, said: Sequence[str], at: int) -> list[str]:
    quoted = (each.replace('"', '""') for each in said)
    rows = "".join(f'{at / 1e6 + n},"{each}"\n' for n, each in enumerate(quoted))
    (folder / "file.csv").write_text(f"time,{metric}\n{rows}", "utf-8")
    form: dict[str, Any] = {"plant": "p", "line": "l", "machine": "m", "time": None, "delimiter": None}
    run = await asker.house.importing([folder / "file.csv"], time_zone=None, **form, metrics=[], ignore="")
    assert [size async for size in run.run()]
    return [refusal.reason for _, refusal in run.account.named]


async def series(asker: Asker) -> Any:
    asked = within(BASE, BASE + 24 * HOUR)
    return (await asker.data(QUERY, path="p/l/m", range=asked))["machine"]["series"][0]


def labels(found: Any) -> dict[int, str]:
    return {label["code"]: label["text"] for label in found["labels"]}


async def test_texts_come_in_through_every_door_as_codes(asker: Asker, tmp_path: Path) -> None:
    await asker.house.model.apply(MODEL, "model.yaml")
    assert await by_lines(asker, "mode", ['"run"', '"idle"', "5"], BASE) == []
    assert await by_json(asker, "mode", ["fault", "idle", "new", 1], BASE + MINUTE) == []
    assert await by_file(asker, tmp_path, "mode", ["new", "run", "last"], BASE + 2 * MINUTE) == []
    codes = [1, 0, 5, 5, 0, 2, 1, 2, 1, 3]
    for watermark in (0, BASE + 90 * SECOND, BASE + 48 * HOUR):
        await asker.advance(watermark)
        found = await series(asker)
        assert labels(found) == {0: "idle", 1: "run", 2: "new", 3: "last", 5: "fault"}
        assert found["readings"] == {"values": codes, "statuses": [0] * len(codes)}
        assert found["latest"] == {"value": 3, "text": "last", "status": 0}
        assert set(found["plot"]["values"]) <= {*codes, None}
        assert [value for value in found["fine"]["values"] if value is not None][-1] == 3
        assert found["buckets"] == {
            "count": [10], "average": [None], "minimum": [0], "maximum": [5], "first": [1], "last": [3],
            "increase": [None],
        }  # fmt: skip
        assert (set(found["days"]["average"]), set(found["days"]["last"])) == ({None}, {3})


async def test_booleans_have_the_same_two_codes_through_every_door(asker: Asker, tmp_path: Path) -> None:
    assert await by_lines(asker, "on", ["t", "T", "True", "TRUE", '"true"', "f", "False"], BASE) == []
    assert await by_json(asker, "on", [True, False, "true"], BASE + MINUTE) == []
    assert await by_file(asker, tmp_path, "on", ["True", "FALSE", "true"], BASE + 2 * MINUTE) == []
    found = await series(asker)
    assert labels(found) == {0: "false", 1: "true"}
    assert found["readings"]["values"] == [1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    assert found["latest"] == {"value": 1, "text": "true", "status": 0}


_ANY = random.Random(4)
_LONG = "".join(chr(_ANY.randrange(0x4E00, 0x9FFF)) for _ in range(833))
HOSTILE = [
    "", " ", "a\nb", "a\r\nb", 'a "b" \\ c', "\U0001f916\u200d\U0001f3ed", "run", "Run", "RUN", "\u00e9", "e\u0301",
    "null", "0", "-1.5", "'; DROP TABLE series --", "%s {} $1", "\u202egnirts", "x" * 1_000, _LONG,
]  # fmt: skip
REFUSED = {
    "x" * 10_000: "the text is longer than 1,000 characters",
    f"{_LONG}\u4e00": "the text is longer than 2,500 bytes",
    "\U0001f916" * 1_000: "the text is longer than 2,500 bytes",
}


def escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def test_hostile_texts_are_labels_as_they_are_or_refused_with_the_reason(asker: Asker, tmp_path: Path) -> None:
    assert await by_lines(asker, "mode", [escaped(text) for text in HOSTILE], BASE) == []
    reasons = list(REFUSED.values())
    assert await by_lines(asker, "mode", [escaped(text) for text in REFUSED], BASE) == [
        f"the field 'value': {reason}" for reason in reasons
    ]
    assert await by_lines(asker, "mode", ['"a\x00b"', '"run"'], BASE + 6 * SECOND) == ["the line holds a NUL character"]
    refused = await by_json(asker, "mode", [*HOSTILE, *REFUSED, "a\x00b"], BASE + MINUTE)
    assert refused == [*reasons, "the text holds a NUL character"]
    # What a file cannot tell from something else: a cell is stripped, and an empty one is no reading.
    assert await by_file(asker, tmp_path, "mode", [*HOSTILE[2:], *REFUSED], BASE + 2 * MINUTE) == [
        f"the column 'mode': {reason}" for reason in reasons
    ]
    found, codes = await series(asker), list(range(len(HOSTILE)))
    assert list(labels(found).values()) == HOSTILE
    assert found["readings"]["values"] == [*codes[:7], 6, *codes[8:], *codes, *codes[2:]]
    assert found["latest"] == {"value": codes[-1], "text": HOSTILE[-1], "status": 0}


async def test_a_label_that_was_learnt_and_then_declared_is_one(asker: Asker) -> None:
    assert await by_lines(asker, "mode", ['"idle"', '"run"'], BASE) == []
    await asker.house.model.apply("metrics: [{name: mode, labels: {0: idle, 5: run, 7: fault}}]", "model.yaml")
    assert (await series(asker))["labels"] == [
        {"code": 0, "text": "idle"}, {"code": 1, "text": "run"}, {"code": 5, "text": "run"},
        {"code": 7, "text": "fault"},
    ]  # fmt: skip
    assert await by_lines(asker, "mode", ['"fault"', '"run"', '"new"'], BASE + MINUTE) == []
    found = await series(asker)
    assert found["readings"]["values"] == [0, 1, 7, 5, 2]
    assert found["latest"]["text"] == "new"


async def test_a_text_may_be_of_bad_quality_and_a_code_may_have_no_text(asker: Asker) -> None:
    await asker.send(columns("p/l/m", "mode", [(BASE, "run"), (BASE + SECOND, "idle", 0x808C0000)]))
    found = await series(asker)
    assert found["latest"] == {"value": 1, "text": "idle", "status": 0x808C0000}
    assert found["buckets"]["last"] == [0]
    await asker.send(columns("p/l/m", "mode", [(BASE + MINUTE, 0.5), (BASE + 2 * MINUTE, 77)]))
    assert (await series(asker))["latest"] == {"value": 77, "text": None, "status": 0}
    await asker.send(columns("p/l/m", "mode", [(BASE + 3 * MINUTE, None, 0x80310000)]))
    assert (await series(asker))["latest"] == {"value": None, "text": None, "status": 0x80310000}


async def test_texts_beyond_the_limit_of_a_series_are_refused_at_every_door(database: Database, tmp_path: Path) -> None:
    async with asking(database, labels=4) as asker:
        await asker.house.model.apply(MODEL, "model.yaml")
        said, full = ["a", "run", "b", "c", "d", "a"], "the series has as many labels as it may have (LINEGRAPH_LABELS)"
        assert await by_lines(asker, "mode", [escaped(text) for text in said], BASE) == [full, full]
        assert await by_json(asker, "mode", said, BASE + MINUTE) == [full, full]
        assert await by_file(asker, tmp_path, "mode", said, BASE + 2 * MINUTE) == [full, full]
        found = await series(asker)
        assert labels(found) == {0: "a", 1: "run", 2: "b", 5: "fault"}, "the metric's own count"
        assert found["readings"]["values"] == [0, 1, 2, 0] * 3
        await asker.send(columns("p/l/other", "mode", [(BASE, "c"), (BASE + SECOND, "d")]))
