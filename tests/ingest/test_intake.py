"""The intake: bodies whose times are in another unit than their sender says are refused, and the rest is stored."""

import httpx
import pytest

from app.store.database import Database
from tests.holdings import BASE, kept_readings, kept_refusals, nanoseconds

pytestmark = pytest.mark.anyio

SECOND = BASE // 1_000_000


async def test_line_protocol_without_a_precision_is_nanoseconds_and_nothing_else(
    client: httpx.AsyncClient, database: Database
) -> None:
    units = {"s": SECOND, "ms": SECOND * 10**3, "us": SECOND * 10**6}
    body = "".join(f"m,in={unit} value=1 {time}\n" for unit, time in units.items())
    body += f"m,in=ns value=1 {nanoseconds(0)}\nm,in=none value=1\nm,in=1970 value=1 0\n"
    for path in ("/api/v2/write", "/write?db=x", "/write?precision="):
        answer = await client.post(path, content=body)
        assert (answer.status_code, answer.json()["stored"]) == (400, 3), path
        refused = {each["place"]: each["reason"] for each in answer.json()["refused"]}
        assert refused == {
            "line 1": "the time would be 1970-01-01T00:00:01Z: times without precision are nanoseconds;"
            " add ?precision=s",
            "line 2": "the time would be 1970-01-01T00:29:32Z: times without precision are nanoseconds;"
            " add ?precision=ms",
            "line 3": "the time would be 1970-01-21T12:20:38Z: times without precision are nanoseconds;"
            " add ?precision=us",
        }
    assert set(await kept_readings(database)) == {"m,in=ns value", "m,in=none value", "m,in=1970 value"}
    assert len(await kept_refusals(database)) == 3
    for unit, time in units.items():
        answer = await client.post(f"/write?precision={unit}", content=f"m,in={unit} value=1 {time}")
        assert answer.status_code == 204, unit
    assert (await client.post("/write?precision=ns", content=f"old value=1 {units['ms']}")).status_code == 204
    kept = await kept_readings(database)
    assert [kept[f"m,in={unit} value"][0][0] for unit in units] == [0, 0, 0]
    assert kept["old value"][0][0] < 0, "who says ns is believed"


async def test_seconds_in_columns_of_json_are_refused(client: httpx.AsyncClient, database: Database) -> None:
    times = [SECOND, SECOND * 1_000, 0, SECOND + 0.5]
    answer = await client.post(
        "/api/v1/readings", json={"series": [{"source": "a", "times": times, "values": [1] * 4}]}
    )
    assert (answer.status_code, answer.json()["stored"]) == (400, 2)
    assert [each["place"] for each in answer.json()["refused"]] == ["series 1, reading 1", "series 1, reading 4"]
    for each in answer.json()["refused"]:
        assert each["reason"].startswith("the time would be 1970-01-21T12:20:38Z: times are milliseconds; these look")
    assert [time for time, _, _ in (await kept_readings(database))["a"]] == [-BASE, 0]
