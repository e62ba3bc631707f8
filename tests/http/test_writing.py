"""The doors for readings: what is stored when they answer, and what they say about the rest."""

from collections.abc import Iterable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.store.database import Database
from app.store.tables import metrics, readings, refusals
from tests.holdings import (
    BASE,
    count,
    everything,
    kept_latest,
    kept_readings,
    kept_refusals,
    kept_series,
    milliseconds,
    nanoseconds,
    rows,
)

pytestmark = pytest.mark.anyio

PRESS = "press,line=l1,machine=m1,plant=p1"
GOOD, BAD_NO_DATA = 0, 0x809B0000


def lines(*said: str, start: float = 0) -> str:
    """Lines with the times of one second after the other."""
    return "".join(f"{each} {nanoseconds(start + at)}\n" for at, each in enumerate(said))


async def write(client: httpx.AsyncClient, body: str | bytes, path: str = "/api/v2/write") -> httpx.Response:
    return await client.post(path, content=body)


async def write_series(client: httpx.AsyncClient, *series: dict[str, Any]) -> httpx.Response:
    return await client.post("/api/v1/readings", json={"series": series})


@pytest.mark.parametrize("path", ["/api/v2/write?org=o&bucket=b&precision=ns", "/write?db=factory&rp=autogen"])
async def test_a_written_line_is_stored_when_it_is_answered(
    client: httpx.AsyncClient, database: Database, path: str
) -> None:
    answer = await write(client, lines(f"{PRESS} temperature=21.5,parts=7i"), path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await kept_readings(database) == {
        f"{PRESS} temperature": [(0, 21.5, GOOD)],
        f"{PRESS} parts": [(0, 7.0, GOOD)],
    }
    asked = {"query": '{ machine(path: "p1/l1/m1") { series { metric { name } latest { time value } } } }'}
    seen = (await client.post("/graphql", json=asked)).json()["data"]["machine"]["series"]
    assert [(each["metric"]["name"], each["latest"]["value"]) for each in seen] == [
        ("press.parts", 7.0),
        ("press.temperature", 21.5),
    ]
    assert seen[0]["latest"]["time"].startswith("2026-03-02T08:00:00")


async def test_times_come_in_the_precision_that_is_named(client: httpx.AsyncClient, database: Database) -> None:
    second = BASE // 1_000_000
    said = {"ns": second * 10**9 + 1_999, "us": second * 10**6 + 2, "ms": second * 10**3 + 3, "s": second + 4}
    for precision, time in said.items():
        answer = await write(client, f"m,by={precision} value=1 {time}", f"/api/v2/write?precision={precision}")
        assert answer.status_code == 204, precision
    kept = {source: readings[0][0] for source, readings in (await kept_readings(database)).items()}
    assert kept == {"m,by=ns value": 1, "m,by=us value": 2, "m,by=ms value": 3_000, "m,by=s value": 4_000_000}
    refused = await write(client, f"m value=1 {second}", "/write?precision=fortnights")
    assert refused.status_code == 400
    assert refused.json()["code"] == "BAD_USER_INPUT"
    assert "fortnights" in refused.json()["message"]
    assert await count(database, readings) == 4


async def test_sending_the_same_again_changes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    first = lines(*(f"{PRESS} temperature={value}" for value in range(50)), 'door,machine=m1 state="open"', "m value=t")
    second = lines(*(f"{PRESS} temperature={value}" for value in range(60)), start=25)
    for body in (first, second):
        assert (await write(client, body)).status_code == 204
    before = await everything(database)
    for body in (second, second + second):
        assert (await write(client, body)).status_code == 204
    assert await everything(database) == before
    assert (await write(client, lines(f"{PRESS} temperature=99"))).status_code == 204
    assert (await kept_readings(database))[f"{PRESS} temperature"][0] == (0, 99.0, GOOD)
    assert (await kept_latest(database))[f"{PRESS} temperature"] == (84_000_000, 59.0, GOOD)


HUGE_FIELDS = ",".join(f"f{at}=1" for at in range(1_000_000)).encode()
BAD_LINES: dict[bytes, str] = {
    b"m value=NaN 1": "no number",
    b"m value=inf 1": "no number",
    b"m value=-Infinity 1": "no number",
    b"m value=1e999 1": "does not fit double precision",
    b"m value=" + b"9" * 400 + b" 1": "does not fit double precision",
    b"m value=1e200 1": "larger than 1e+150",
    b"m value=1_000 1": "no number",
    b"m value=9223372036854775808i 1": "does not fit 64 bits",
    "m value=\u0661\u0662 1".encode(): "no number",
    b"m value=1 99999999999999999999999": "does not fit 64 bits",
    b"m value=1 9223372036854775807": "ahead of now",
    b"m value=1 -9223372036854775808": "before the earliest",
    b"m value=1 yesterday": "no whole number",
    b"m,tag=\xff\xfe value=1 1": "not valid UTF-8",
    b"m\x00 value=1 1": "NUL",
    b'm value="a\x00b" 1': "NUL",
    b"m": "no fields",
    b"m,tag= value=1 1": "has no value",
    b'm value="never closed': "not closed",
    b"m " + HUGE_FIELDS + b" 1": "longer than 524,288 bytes",
    b"x" * 10_000_000: "longer than 524,288 bytes",
}  # fmt: skip


async def test_bad_lines_are_named_and_kept_and_the_rest_is_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    good = [line.encode() for line in lines(*(f"{PRESS} temperature={at}" for at in range(len(BAD_LINES) + 1))).split()]
    good = [b" ".join(good[at : at + 3]) for at in range(0, len(good), 3)]
    body = b"\n".join(_between(good, BAD_LINES)) + b"\n"
    answer = await write(client, body)
    assert answer.status_code == 400
    said = answer.json()
    assert said["code"] == "invalid"
    assert said["stored"] == len(good)
    assert said["refusedCount"] == len(BAD_LINES)
    assert "line 2: " in said["message"]
    for number, (refused, reason) in enumerate(zip(said["refused"], BAD_LINES.values(), strict=True), 1):
        assert refused["place"] == f"line {2 * number}"
        assert reason in refused["reason"]
    assert [value for _, value, _ in (await kept_readings(database))[f"{PRESS} temperature"]] == list(range(len(good)))
    kept = await kept_refusals(database)
    assert set(kept) == {line[: 1 << 16] for line in BAD_LINES}
    assert {(refusal.size, refusal.times) for refusal in kept.values()} == {(len(line), 1) for line in BAD_LINES}
    assert {refusal.source for refusal in kept.values()} == {"line protocol"}
    assert len(await kept_series(database)) == 1, "a refused line makes no series"

    assert (await write(client, body)).json()["refused"] == said["refused"]
    again = await kept_refusals(database)
    assert {refusal.times for refusal in again.values()} == {2}
    assert all(again[payload].first_at == kept[payload].first_at < again[payload].last_at for payload in kept)


def _between(good: Iterable[bytes], bad: Iterable[bytes]) -> Iterable[bytes]:
    first, *others = good
    yield first
    for refused, line in zip(bad, others, strict=True):
        yield refused
        yield line


async def test_what_editors_and_clients_add_to_lines_is_no_fault(client: httpx.AsyncClient, database: Database) -> None:
    body = f"\ufeff# a comment\r\n\r\nm value=1 {nanoseconds(0)}\r\n   \n#\nm value=2i {nanoseconds(1)}\r\nm value=3"
    assert (await write(client, body)).status_code == 204
    kept = (await kept_readings(database))["m value"]
    assert kept[:2] == [(0, 1.0, GOOD), (1_000_000, 2.0, GOOD)]
    assert kept[2][1:] == (3.0, GOOD), "a line without a time has the time of its arrival"
    for nothing in ("", "\n\n", "# only a comment"):
        assert (await write(client, nothing)).status_code == 204
    assert await count(database, readings) == 3
    assert await count(database, refusals) == 0


async def test_in_one_body_the_later_line_wins_after_times_are_floored_to_microseconds(
    client: httpx.AsyncClient, database: Database
) -> None:
    start = nanoseconds(0)
    body = f"m value=1 {start + 1_000}\nm value=2 {start + 1_999}\nm value=3 {start + 2_000}\nm value=4 {start + 1_500}"
    assert (await write(client, body)).status_code == 204
    assert await kept_readings(database) == {"m value": [(1, 4.0, GOOD), (2, 3.0, GOOD)]}
    assert await kept_latest(database) == {"m value": (2, 3.0, GOOD)}


async def test_columns_of_json_are_stored_with_their_quality(client: httpx.AsyncClient, database: Database) -> None:
    named = {"plant": "p1", "line": "l1", "machine": "m1"}
    times = [milliseconds(at) for at in range(4)]
    answer = await write_series(
        client,
        named | {"metric": "temperature", "times": times, "values": [1.5, None, 2, -3e10]},
        named | {"metric": "speed", "times": times[:2], "values": [1.0, None], "statuses": [0x40900000, 0x80050000]},
        {"source": "loose tag", "times": [times[0] + 0.123], "values": [7]},
        named | {"metric": "running", "times": times[:3], "values": [True, False, "stuck"]},
    )
    assert (answer.status_code, answer.json()["stored"], answer.json()["refused"]) == (200, 10, [])
    kept, series = await kept_readings(database), await kept_series(database)
    by_metric = {series[source].mapped or source: readings for source, readings in kept.items()}
    assert by_metric == {
        "p1/l1/m1 temperature": [
            (0, 1.5, GOOD),
            (1_000_000, None, BAD_NO_DATA),
            (2_000_000, 2.0, GOOD),
            (3_000_000, -3e10, GOOD),
        ],
        "p1/l1/m1 speed": [(0, 1.0, 0x40900000), (1_000_000, None, 0x80050000)],
        "loose tag": [(123, 7.0, GOOD)],
        "p1/l1/m1 running": [(0, 1.0, GOOD), (1_000_000, 0.0, GOOD), (2_000_000, 2.0, GOOD)],
    }
    kinds = dict(await rows(database, sa.select(metrics.c.name, metrics.c.kind)))
    assert kinds == {"temperature": "GAUGE", "speed": "GAUGE", "running": "STATE"}


async def test_names_in_json_reach_the_series_that_line_protocol_made(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await write(client, lines("temperature,line=l1,machine=m1,plant=p1 value=1"))).status_code == 204
    named = {"plant": "p1", "line": "l1", "machine": "m1", "metric": "temperature"}
    answer = await write_series(client, named | {"times": [milliseconds(1)], "values": [2]})
    assert answer.json()["stored"] == 1
    assert await kept_readings(database) == {
        "temperature,line=l1,machine=m1,plant=p1 value": [(0, 1.0, GOOD), (1_000_000, 2.0, GOOD)]
    }


async def test_json_that_is_partly_wrong_costs_only_that(client: httpx.AsyncClient, database: Database) -> None:
    at = f"{milliseconds(0):.0f}"
    series = (
        '{"source": "a", "times": [AT, AT, "x", AT, AT, 9e99], "values": [1, 1e400, 3, [], 1e160, 5]}',
        '{"source": "b", "times": [1], "values": []}',
        "7",
        '{"plant": "p", "times": [1], "values": [1]}',
        '{"source": "c", "times": [AT], "values": ["LONG"]}',
        '{"source": "d", "times": [AT], "values": ["n\\u0000l"]}',
    )
    body = f'{{"series": [{", ".join(series)}]}}'.replace("AT", at).replace("LONG", "x" * 1_001)
    answer = await client.post("/api/v1/readings", content=body)
    assert answer.status_code == 400
    assert answer.json()["stored"] == 1
    refused = {each["place"]: each["reason"] for each in answer.json()["refused"]}
    assert set(refused) == {
        *(f"series 1, reading {at}" for at in (2, 3, 4, 5, 6)),
        *(f"series {at}" for at in (2, 3, 4)),
        "series 5, reading 1",
        "series 6, reading 1",
    }
    assert "no number" in refused["series 1, reading 3"]
    assert "same length" in refused["series 2"]
    assert '"line"' in refused["series 4"]
    assert await kept_readings(database) == {"a": [(0, 1.0, GOOD)]}
    assert await count(database, refusals) == len(refused)


NO_COLUMNS = (
    b"", b"null", b"1", b'"x"', b"[]", b"{}", b'{"series": null}', b'{"series": {}}', b"{\xff}", b'{"series": [',
    b'{"series": [{"source": "\\ud800", "times": [1], "values": [1]}]}', b"[" * 100_000,
    b'{"series": ' + b"[" * 100_000, b'{"series": [{"source": "a", "values": [' + b"[" * 100_000,
)  # fmt: skip


async def test_json_of_another_shape_is_refused_with_a_code(client: httpx.AsyncClient, database: Database) -> None:
    for body in NO_COLUMNS:
        answer = await client.post("/api/v1/readings", content=body)
        assert answer.status_code == 400, body[:40]
        assert answer.json()["code"] == "BAD_USER_INPUT", body[:40]
        assert '{"series": [' in answer.json()["message"], "the reply shows the shape"
    assert await count(database, readings) == 0
