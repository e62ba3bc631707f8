"""JSON columns: what a series becomes, what is refused of it, and what is no body at all."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.addresses import Address
from app.domain.batch import Decoded
from app.domain.limits import Limits
from app.errors import BadInput
from app.sources.json_columns import decode

LIMITS = Limits(0, 2_000_000_000_000_000)
T = 1_772_438_400_000
NAMES = {"plant": "p", "line": "l", "machine": "m", "metric": "temperature"}


def decoded(*series: Any) -> Decoded:
    return decode(json.dumps({"series": series}).encode(), 0, LIMITS)


def of_values(*values: Any, **more: Any) -> Decoded:
    return decoded({**NAMES, "times": [T + at for at in range(len(values))], "values": values, **more})


def texts(result: Decoded) -> list[str | None]:
    return [None if at < 0 else result.batch.texts[at] for at in result.batch.text.tolist()]


def faults(result: Decoded) -> list[tuple[str, bytes]]:
    assert all(len(refusal.reason) > 10 for refusal in result.refusals)
    return [(refusal.place, refusal.payload) for refusal in result.refusals]


def test_columns_become_readings_of_the_named_machine() -> None:
    result = of_values(1, 2.5, None, statuses=[0, 0x40000000, 0])
    (key,) = result.batch.keys
    assert key.address == Address("p", "l", "m", "temperature")
    assert (key.source, key.named, key.discrete) == ("temperature,line=l,machine=m,plant=p value", True, False)
    assert result.batch.times.tolist() == [T * 1_000, T * 1_000 + 1_000, T * 1_000 + 2_000]
    assert result.batch.values.tolist()[:2] == [1.0, 2.5]
    assert np.isnan(result.batch.values[2])
    assert result.batch.statuses.tolist() == [0, 0x40000000, 0x809B0000]
    assert result.refusals == []


def test_a_null_keeps_its_bad_status() -> None:
    assert of_values(None, None, statuses=[0x808C0000, 0x40000000]).batch.statuses.tolist() == [0x808C0000, 0x809B0000]


def test_texts_and_booleans_make_a_discrete_series() -> None:
    result = of_values(1.5, None, "text", True, False, "text", 0)
    assert texts(result) == [None, None, "text", "true", "false", "text", None]
    assert result.batch.values[[0, 6]].tolist() == [1.5, 0.0]
    assert result.batch.statuses.tolist() == [0, 0x809B0000, 0, 0, 0, 0, 0]
    assert [key.discrete for key in result.batch.keys] == [True]


def test_a_source_stands_for_the_names_and_equal_keys_are_one() -> None:
    one = {"source": "plc:7", "times": [T], "values": [1]}
    result = decoded(one, {**NAMES, "times": [T], "values": [2]}, {**one, "values": [3], "unknown": {}})
    assert [key.source for key in result.batch.keys] == ["plc:7", "temperature,line=l,machine=m,plant=p value"]
    assert result.batch.keys[0].address is None
    assert result.batch.series.tolist() == [0, 1, 0]


def test_bad_codes_make_unmapped_series() -> None:
    result = decoded({**NAMES, "plant": "p q", "times": [T], "values": [1]})
    assert result.batch.keys[0].address is None
    assert "plant" in (result.batch.keys[0].unmapped_reason or "")


@pytest.mark.parametrize(
    ("milliseconds", "microseconds"),
    [
        (T, T * 1_000), (T + 0.123, T * 1_000 + 123), (0.0019, 1), (0.9999, 999), (5e-4, 0), (0.0009999, 1), (1, 1_000),
        (1_100_000_000_000.037, 1_100_000_000_000_037), (1_772_438_400_000.25, 1_772_438_400_000_250),
    ],
)  # fmt: skip
def test_times_are_floored_to_microseconds(milliseconds: float, microseconds: int) -> None:
    result = decoded({"source": "s", "times": [milliseconds], "values": [1]})
    assert result.batch.times.tolist() == [microseconds]


def test_times_before_1970_are_floored_too() -> None:
    body = b'{"series":[{"source":"s","times":[-1,-0.0015,-0.001],"values":[1,2,3]}]}'
    assert decode(body, 0, Limits(-(10**9), 10**9)).batch.times.tolist() == [-1_000, -2, -1]


@given(st.integers(0, 1_999_999_999_999_999))
def test_every_microsecond_survives_the_way_through_milliseconds(microseconds: int) -> None:
    body = b'{"series":[{"source":"s","times":[%d.%03d],"values":[1]}]}' % divmod(microseconds, 1_000)
    assert decode(body, 0, LIMITS).batch.times.tolist() == [microseconds]


@pytest.mark.parametrize(
    "value",
    ["[1]", "{}", '"a\\u0000b"', f'"{"x" * 1001}"', "1.1e150", "-1e151", "1e999", "-1e999", "9" * 400, "9" * 5_000],
)
def test_a_bad_value_costs_only_its_reading(value: str) -> None:
    good = '{"source":"a","times":[1],"values":[1]}'
    body = f'{{"series":[{good},{{"source":"s","times":[1,2,3],"values":[1,{value},3]}}]}}'
    result = decode(body.encode(), 0, LIMITS)
    assert result.batch.values.tolist() == [1.0, 1.0, 3.0]
    assert result.batch.series.tolist() == [0, 1, 1]
    assert faults(result) == [("series 2, reading 2", f'{{"time":2,"value":{value}}}'.encode())]


@pytest.mark.parametrize("time", ["null", '"1"', "true", "[]", "-1", "2e12", "1e300", "1e999", "-1e999", "9" * 400])
def test_a_bad_time_costs_only_its_reading(time: str) -> None:
    result = decode(f'{{"series":[{{"source":"s","times":[{time},2],"values":[1,2]}}]}}'.encode(), 0, LIMITS)
    assert result.batch.times.tolist() == [2_000]
    assert faults(result) == [("series 1, reading 1", f'{{"time":{time},"value":1}}'.encode())]


@pytest.mark.parametrize("status", ["-1", "4294967296", "1.5", "0.0", "null", '"0"', "true", "[]", "9" * 30, "1e999"])
def test_a_bad_status_costs_only_its_reading(status: str) -> None:
    body = f'{{"series":[{{"source":"s","times":[1,2],"values":[1,2],"statuses":[{status},4294967295]}}]}}'
    result = decode(body.encode(), 0, LIMITS)
    assert result.batch.statuses.tolist() == [0xFFFFFFFF]
    assert faults(result) == [("series 1, reading 1", f'{{"time":1,"value":1,"status":{status}}}'.encode())]


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        ({"times": [1], "values": [1]}, '"plant"'),
        ({"plant": "p", "line": "l", "metric": "x", "times": [1], "values": [1]}, '"machine"'),
        ({**NAMES, "source": "s", "times": [1], "values": [1]}, '"source"'),
        ({**NAMES, "metric": "", "times": [1], "values": [1]}, "metric"),
        ({**NAMES, "metric": "a\x00", "times": [1], "values": [1]}, "NUL"),
        ({**NAMES, "metric": "x" * 2_000, "times": [1], "values": [1]}, "longer"),
        ({**NAMES, "plant": 7, "times": [1], "values": [1]}, "plant"),
        ({"source": "", "times": [1], "values": [1]}, "name"),
        ({"source": "s", "times": [1, 2], "values": [1]}, "length"),
        ({"source": "s", "times": [1], "values": [1], "statuses": []}, "length"),
        ({"source": "s", "values": [1]}, "times"),
        ({"source": "s", "times": 1, "values": [1]}, "array"),
        ({"source": "s", "times": [1], "values": {}}, "array"),
        (None, "object"),
        (1, "object"),
        ([], "object"),
    ],
)
def test_a_bad_series_costs_only_itself(series: Any, reason: str) -> None:
    result = decoded({"source": "good", "times": [1], "values": [1]}, series)
    assert [key.source for key in result.batch.keys] == ["good"]
    assert faults(result) == [("series 2", json.dumps(series).encode())]
    assert reason in result.refusals[0].reason


def test_nothing_is_no_mistake() -> None:
    assert len(decoded().batch) == 0
    result = decoded({"source": "s", "times": [], "values": []})
    assert (len(result.batch), result.refusals) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"1", b'"x"', b"[]", b"{}", b"true", b"{", b'{"series":', b'{"series":null}', b'{"series":{}}',
        b'{"series":[1 2]}', b'{"series":[{]}', b'{"series":[]} x', b"\xff", b'{"a":"\xff","series":[]}',
        b'{"series":[{"source":"\xff","times":[],"values":[]}]}',
        b'{"series":[{"source":"\\ud800","times":[],"values":[]}]}',
        b"[" * 100_000, b'{"series":' + b"[" * 100_000, b'{"series":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"series":[{"source":"s","times":[1],"values":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}]}",
        b'{"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", b"9" * 100_000, b"name,value\n1,2\n", b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_body_is_refused_with_the_shape(body: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        decode(body, 0, LIMITS)
    assert '"times": [1772438400000]' in (caught.value.hint or "")
    assert len(caught.value.message) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["times", "values", "x"]), inner),
    max_leaves=6,
)
SERIES = st.fixed_dictionaries(
    {"times": st.lists(st.integers(0, 10**12) | JSON, min_size=3, max_size=3), "values": st.lists(JSON, min_size=3)},
    optional={"source": st.just("s") | JSON, "statuses": st.lists(JSON, max_size=3)} | dict.fromkeys(NAMES, JSON),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SERIES | JSON, max_size=3))
def test_any_series_is_stored_or_refused_reading_by_reading(series: list[Any]) -> None:
    result = decoded(*series)
    refused = {refusal.place for refusal in result.refusals}
    whole = [one for at, one in enumerate(series, 1) if f"series {at}" not in refused]
    readings = sum(len(one["times"]) for one in whole)
    partly = sum("reading" in place for place in refused)
    assert len(result.batch) == readings - partly
    assert len(refused) == len(result.refusals)
