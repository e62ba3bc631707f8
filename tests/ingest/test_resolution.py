"""Resolution: every tag has its series, a machine's metric has one, and texts have codes."""

import time

import httpx
import pytest
import sqlalchemy as sa

from app.change.model_file import ModelFile
from app.ingest import resolution
from app.store.database import Database
from app.store.tables import machines, metrics, plants, readings, series
from tests.doors import house_of, open_client
from tests.holdings import (
    KeptSeries,
    count,
    kept_labels,
    kept_readings,
    kept_refusals,
    kept_series,
    moment,
    nanoseconds,
    rows,
)

pytestmark = pytest.mark.anyio

TAGS = "line=l1,machine=m1,plant=p1"


async def write(client: httpx.AsyncClient, *said: str) -> httpx.Response:
    """Lines with the times of one second after the other."""
    return await client.post(
        "/api/v2/write", content="\n".join(f"{line} {nanoseconds(at)}" for at, line in enumerate(said))
    )


async def values(database: Database) -> dict[str, list[float | None]]:
    return {source: [value for _, value, _ in found] for source, found in (await kept_readings(database)).items()}


async def test_series_that_differ_in_any_tag_never_overwrite_each_other(
    client: httpx.AsyncClient, database: Database
) -> None:
    said = [
        "t value=1", "t,a=1 value=2", "t,a=2 value=3", "t,b=1 value=4", "t,a=1,b=1 value=5", "t other=6", "t2 value=7",
        "t,a=1\\,b\\=1 value=8", "t\\,a=1 value=9", "t,a=1\\ value value=10", "T value=11", "t,A=1 value=12",
        "t,a=1\\ b\\=1 value=13", "t,a=\u00e9 value=14", "t,a=e\u0301 value=15",
    ]  # fmt: skip
    body = "\n".join(f"{line} {nanoseconds(0)}" for line in said)
    assert (await client.post("/write", content=body)).status_code == 204
    kept = await values(database)
    assert sorted(kept.values()) == [[float(at)] for at in range(1, len(said) + 1)]
    assert (await write(client, "t,b=1,a=1 value=50")).status_code == 204
    assert (await values(database))["t,a=1,b=1 value"] == [50.0], "the order of tags is none"


async def test_the_second_claimant_of_a_machine_and_metric_stays_unmapped(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await write(client, f"press,{TAGS} temp=1", f"press,{TAGS},side=b temp=2")).status_code == 204
    assert (await write(client, f"press,{TAGS},side=c temp=3", f"press.temp,{TAGS} value=4")).status_code == 204
    taken = f"p1/l1/m1 already has press.temp from press,{TAGS} temp"
    assert await kept_series(database) == {
        f"press,{TAGS} temp": KeptSeries("p1/l1/m1 press.temp", None),
        "press,line=l1,machine=m1,plant=p1,side=b temp": KeptSeries(None, taken),
        "press,line=l1,machine=m1,plant=p1,side=c temp": KeptSeries(None, taken),
        f"press.temp,{TAGS} value": KeptSeries(None, taken),
    }
    assert sorted((await values(database)).values()) == [[1.0], [2.0], [3.0], [4.0]], "unmapped ones are stored too"
    asked = {"query": "{ unmappedSeries { totalCount edges { node { source unmappedReason } } } }"}
    page = (await client.post("/graphql", json=asked)).json()["data"]["unmappedSeries"]
    assert page["totalCount"] == 3
    assert {edge["node"]["unmappedReason"] for edge in page["edges"]} == {taken}


async def test_a_series_with_some_of_the_tags_or_bad_codes_stays_as_it_is(
    client: httpx.AsyncClient, database: Database
) -> None:
    reasons = {
        "a,plant=p1 value": "the tag line and machine is missing",
        "b,line=l1,machine=m1 value": "the tag plant is missing",
        "c,line=l1,machine=m\\ 1,plant=p1 value": "the machine code 'm 1' has characters other than",
        "d,line=l/1,machine=m1,plant=p1 value": "the line code 'l/1' has characters other than",
        "e,line=l1,machine=m1,plant=\u00d6 value": "the plant code '\u00d6' has characters other than",
        f"f,line=l1,machine={'m' * 65},plant=p1 value": "has characters other than",
        "g,PLANT=p1 value": "it has none of the tags plant, line and machine",
    }
    assert (await write(client, *(f"{source}=1" for source in reasons))).status_code == 204
    kept = await kept_series(database)
    for source, reason in reasons.items():
        assert kept[source].mapped is None
        assert reason in (kept[source].reason or ""), source
    assert set(kept) == set(await kept_readings(database)) == set(reasons)
    assert [await count(database, table) for table in (plants, machines, metrics)] == [0, 0, 0]


async def test_with_creating_off_unknown_machines_stay_unmapped_and_known_ones_are_found(database: Database) -> None:
    async with open_client(house_of(database)) as client:
        assert (await write(client, f"press,{TAGS} temp=1")).status_code == 204
    catalog = [await count(database, table) for table in (plants, machines, metrics)]
    async with open_client(house_of(database, create=False)) as client:
        said = (f"press,{TAGS} temp=2", f"press,{TAGS} speed=3", "press,line=l1,machine=m2,plant=p1 temp=4")
        assert (await write(client, *said)).status_code == 204
    kept = await kept_series(database)
    assert kept[f"press,{TAGS} temp"].mapped == "p1/l1/m1 press.temp"
    assert kept[f"press,{TAGS} speed"] == KeptSeries(
        None, "p1/l1/m1 with press.speed is not in the catalog, and creating is off"
    )
    assert kept["press,line=l1,machine=m2,plant=p1 temp"].mapped is None
    assert [await count(database, table) for table in (plants, machines, metrics)] == catalog
    assert await count(database, readings) == 3


async def test_a_field_called_value_gives_its_measurement_as_the_metric(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await write(client, f"temperature,{TAGS} value=1,max=2,Value=3")).status_code == 204
    assert {each.mapped for each in (await kept_series(database)).values()} == {
        "p1/l1/m1 temperature",
        "p1/l1/m1 temperature.max",
        "p1/l1/m1 temperature.Value",
    }


@pytest.mark.alone
async def test_twenty_thousand_new_series_in_one_body_are_stored_soon(
    client: httpx.AsyncClient, database: Database
) -> None:
    at = nanoseconds(0)
    tagged = "".join(f"t,plant=p{n % 3},line=l{n % 7},machine=m{n} value={n} {at}\n" for n in range(10_000))
    loose = "".join(f"t,sensor={n} value={n} {at}\n" for n in range(10_000))
    started = time.monotonic()
    assert (await client.post("/write", content=tagged + loose)).status_code == 204
    assert time.monotonic() - started < 5
    assert [await count(database, table) for table in (series, readings, machines)] == [20_000, 20_000, 10_000]
    started = time.monotonic()
    assert (await client.post("/write", content=tagged + loose)).status_code == 204
    assert time.monotonic() - started < 3
    assert await count(database, readings) == 20_000


MODEL = """
plants: [{code: p1, lines: [{code: l1, machines: [{code: m1}]}]}]
metrics: [{name: state, kind: STATE, labels: {0: idle, 1: run, 5: fault}}]
"""


async def test_texts_take_the_codes_of_the_metric_and_then_the_next_free_ones(
    client: httpx.AsyncClient, database: Database
) -> None:
    await ModelFile(database).apply(MODEL, "model.yaml")
    said = [f'state,{TAGS} value="{text}"' for text in ("run", "stuck", "idle", "fault", "new", "stuck")]
    assert (await write(client, *said)).status_code == 204
    source = f"state,{TAGS} value"
    assert await values(database) == {source: [1.0, 2.0, 0.0, 5.0, 3.0, 2.0]}
    assert await kept_labels(database) == {source: {2: "stuck", 3: "new"}}
    asked = {"query": '{ machine(path: "p1/l1/m1") { series { labels { code text } latest { value text } } } }'}
    seen = (await client.post("/graphql", json=asked)).json()["data"]["machine"]["series"][0]
    assert [(label["code"], label["text"]) for label in seen["labels"]] == [
        (0, "idle"), (1, "run"), (2, "stuck"), (3, "new"), (5, "fault"),
    ]  # fmt: skip
    assert seen["latest"] == {"value": 2.0, "text": "stuck"}


async def test_false_is_0_and_true_is_1_whichever_comes_first(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await write(client, "a on=t", "a on=F", "b on=TRUE", "c on=false", 'd on="true"')).status_code == 204
    assert await values(database) == {"a on": [1.0, 0.0], "b on": [1.0], "c on": [0.0], "d on": [1.0]}
    monkeypatch.setattr(resolution, "REMEMBERED", 1)
    assert (await write(client, "e on=t", "a on=t", "a on=f")).status_code == 204
    kept = await values(database)
    assert kept["e on"] == [1.0], "also when what was remembered is forgotten in between"
    assert (await kept_labels(database))["e on"] == {0: "false", 1: "true"}


async def test_numbers_and_texts_of_one_field_are_one_series(client: httpx.AsyncClient, database: Database) -> None:
    assert (await write(client, "a value=7", 'a value="seven"', "a value=8i", "a value=t")).status_code == 204
    assert await values(database) == {"a value": [7.0, 0.0, 8.0, 2.0]}
    assert await kept_labels(database) == {"a value": {0: "seven", 1: "false", 2: "true"}}


async def test_texts_beyond_the_limit_are_refused_and_the_rest_is_stored(database: Database) -> None:
    async with open_client(house_of(database, labels=3)) as client:
        said = [f'a value="text {at}"' for at in range(5)]
        answer = await write(client, *said, 'b value="x"', 'a value="text 1"', "a value=9")
        assert answer.status_code == 400
        assert (answer.json()["stored"], answer.json()["refusedCount"]) == (6, 2)
        for at, refused in zip((3, 4), answer.json()["refused"], strict=True):
            assert refused["place"] == f"a value at {moment(at)}"
            assert "LINEGRAPH_LABELS" in refused["reason"]
        again = await write(client, *said)
        assert again.json()["refused"] == answer.json()["refused"]
    assert await values(database) == {"a value": [0.0, 1.0, 2.0, 1.0, 9.0], "b value": [0.0]}
    assert {refusal.times for refusal in (await kept_refusals(database)).values()} == {2}


NUMBERS = """
metrics: [{name: temperature}, {name: parts, kind: COUNTER}, {name: state, kind: STATE}]
"""


def reason(metric: str, kind: str, text: str) -> str:
    return (
        f"the metric {metric} is a {kind} and takes numbers, which '{text}' is not: write it as a number, or make the"
        " metric a STATE in the model file"
    )


async def test_a_number_takes_no_texts_and_no_booleans_and_keeps_what_it_has(
    client: httpx.AsyncClient, database: Database
) -> None:
    await ModelFile(database).apply(NUMBERS, "model.yaml")
    assert (await write(client, f"temperature,{TAGS} value=21.5", f"parts,{TAGS} value=7i")).status_code == 204
    at = nanoseconds(0)
    body = f"""temperature,{TAGS} value="21,7" {at}
temperature,{TAGS} value=t {nanoseconds(1)}
parts,{TAGS} value="8" {at}
temperature,{TAGS} value=22 {nanoseconds(2)}
state,{TAGS} value="run" {at}
loose value="21,7" {at}"""
    for _ in range(2):  # the second time from what is remembered
        answer = await client.post("/api/v2/write", content=body)
        assert (answer.status_code, answer.json()["stored"], answer.json()["refusedCount"]) == (400, 3, 3)
        assert answer.json()["refused"] == [
            {"place": f"temperature,{TAGS} value at {moment(0)}", "reason": reason("temperature", "GAUGE", "21,7")},
            {"place": f"temperature,{TAGS} value at {moment(1)}", "reason": reason("temperature", "GAUGE", "true")},
            {"place": f"parts,{TAGS} value at {moment(0)}", "reason": reason("parts", "COUNTER", "8")},
        ]
    named = {"plant": "p1", "line": "l1", "machine": "m1", "metric": "temperature", "times": [at / 1e6, at / 1e6 + 5e3]}
    columns = await client.post("/api/v1/readings", json={"series": [named | {"values": ["12,5", 23]}]})
    assert (columns.status_code, columns.json()["stored"]) == (400, 1)
    assert columns.json()["refused"][0]["reason"] == reason("temperature", "GAUGE", "12,5")
    assert await values(database) == {
        f"temperature,{TAGS} value": [21.5, 22.0, 23.0],
        f"parts,{TAGS} value": [7.0],
        f"state,{TAGS} value": [0.0],
        "loose value": [0.0],
    }
    assert set(await kept_labels(database)) == {f"state,{TAGS} value", "loose value"}, "no label of a number is learnt"
    refused = (await kept_refusals(database))[f"temperature,{TAGS} value '21,7' {moment(0)}".encode()]
    assert (refused.source, refused.times) == ("line protocol", 2)


async def test_a_metric_that_begins_with_text_is_a_state_wherever_the_text_stands(
    client: httpx.AsyncClient, database: Database
) -> None:
    said = ["mode,line=l1,machine=m1,plant=p1 value=1", 'mode,line=l1,machine=m2,plant=p1 value="run"']
    said += ['load,line=l1,machine=m1,plant=p1 value="idle"', "load,line=l1,machine=m2,plant=p1 value=1"]
    assert (await write(client, *said)).status_code == 204
    kinds = dict(await rows(database, sa.select(metrics.c.name, metrics.c.kind)))
    assert kinds == {"mode": "STATE", "load": "STATE"}
    assert (await write(client, f'mode,{TAGS} value="stop"', f"load,{TAGS} value=f")).status_code == 204


async def test_an_engineer_makes_a_metric_a_state_and_its_texts_are_taken(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await write(client, f"mode,{TAGS} value=1")).status_code == 204
    assert (await write(client, f'mode,{TAGS} value="run"')).status_code == 400
    await ModelFile(database).apply("metrics: [{name: mode, kind: STATE, labels: {1: run}}]", "model.yaml")
    assert (await write(client, f'mode,{TAGS} value="run"')).status_code == 204
    assert await values(database) == {f"mode,{TAGS} value": [1.0]}


async def test_what_an_engineer_changes_of_a_state_counts_for_the_next_body(
    client: httpx.AsyncClient, database: Database
) -> None:
    model, source = ModelFile(database), f"mode,{TAGS} value"
    assert (await write(client, f'mode,{TAGS} value="run"', f'mode,{TAGS} value="stop"')).status_code == 204
    await model.apply("metrics: [{name: mode, labels: {7: run}}]", "model.yaml")
    assert (await write(client, f'mode,{TAGS} value="run"')).status_code == 204
    assert await values(database) == {source: [7.0, 1.0]}, "the metric's own labels first, also for a known text"
    await model.apply("metrics: [{name: mode, kind: GAUGE}]", "model.yaml")
    for _ in range(2):
        answer = await write(client, f'mode,{TAGS} value="stop"', f"mode,{TAGS} value=3")
        assert (answer.status_code, answer.json()["stored"]) == (400, 1)
        assert answer.json()["refused"][0]["reason"] == reason("mode", "GAUGE", "stop")
    assert await values(database) == {source: [7.0, 3.0]}
