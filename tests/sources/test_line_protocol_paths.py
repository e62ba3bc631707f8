"""Both paths of the line protocol, its parts and its memory: properties that hold for any body."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.batch import Decoded
from app.domain.limits import Limits
from app.sources import line_protocol
from app.sources.line_protocol import LineProtocol, parts
from app.sources.line_protocol_columns import sure_rows
from app.sources.line_protocol_plain import Rows, plain_rows, readable
from app.sources.line_protocol_series import BatchSeries, KnownSeries

NOW = 1_767_225_600_000_000
LIMITS = Limits(0, NOW + 86_400_000_000)
T = NOW * 1_000

Row = tuple[str, int, float | str]


def decoded(body: bytes | str, precision: str = "ns", limits: Limits = LIMITS, first_line: int = 1) -> Decoded:
    raw = body.encode() if isinstance(body, str) else body
    return LineProtocol().decode(raw, precision, NOW, limits, first_line)


def rows(result: Decoded) -> list[Row]:
    batch = result.batch
    columns = zip(batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), batch.text.tolist(), strict=True)
    return [(batch.keys[s].source, t, v if label < 0 else batch.texts[label]) for s, t, v, label in columns]


def values(body: str) -> list[float | str]:
    result = decoded(body)
    assert not result.refusals, result.refusals
    return [value for _, _, value in rows(result)]


def test_what_is_remembered_is_bounded_in_entries_and_bytes() -> None:
    for known in (KnownSeries(10, 1 << 20), KnownSeries(1_000, 10_000)):
        longest = 0
        for number in range(200):
            assert known.key(f"m,a={number}", "f").source == f"m,a={number} f"
            longest = max(longest, len(known))
        assert 3 <= longest <= 15


NAMES = st.text("ab\\,= \"#é'\t\x00", max_size=4) | st.sampled_from(["m", "value", "plant", "p"])
VALUES = st.sampled_from(
    ["1", "1.5", "-0", "01", "1.", ".5", "5i", "05i", "1.5i", "9u", "-9u", "t", "FALSE", "nan", "1e999", "1e151",
     "1_0", "٣", "9223372036854775808i", "18446744073709551615u", "[1", "2]", "]i", "truei", "nulli", "", '"x"',
     '"a\\"b"', '"a\nb"', '"o', '"a"b', "1e2", "1e2i"]
) | st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers().map(str)  # fmt: skip
TIMES = st.sampled_from(
    ["", " 1", " -1", " 01", " 1.5", f" {T}", f" {T}", f" {T}", " 9223372036854775808", " x", "  2 ", " 3\r"]
)


@st.composite
def written_lines(draw: st.DrawFn) -> str:
    tags = draw(st.lists(st.tuples(NAMES, NAMES), max_size=2))
    fields = draw(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3))
    head = draw(NAMES) + "".join(f",{key}={value}" for key, value in tags)
    return f"{head} {','.join(f'{name}={value}' for name, value in fields)}{draw(TIMES)}"


PLAIN_LINES = st.builds("m,a={} f={} {}".format, st.integers(0, 3), VALUES, st.just(T))
MUTATED = st.builds(
    lambda line, at, put: line[: at % (len(line) + 1)] + put + line[at % (len(line) + 1) + 1 :],
    PLAIN_LINES,
    st.integers(0, 40),
    st.sampled_from(["", " ", ",", "=", '"', "\\", "#", "\x00", "\r", "\t", "_", "\udcff", "i", "]", "-"]),
)
BODIES = st.lists(PLAIN_LINES | MUTATED | written_lines(), min_size=1, max_size=8).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(BODIES, st.sampled_from(["ns", "us", "s"]))
def test_both_paths_accept_and_refuse_the_same(body: str, precision: str) -> None:
    raw = body.encode("utf-8", "surrogateescape")
    result = decoded(raw, precision)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_protocol, "plain_rows", lambda lines, clean, places: plain_rows([], clean, places))
        strict = decoded(raw, precision)
    assert rows(result) == rows(strict)
    assert (result.refusals, result.blank) == (strict.refusals, strict.blank)
    lines = readable(raw)[0]
    assert len({r.place for r in result.refusals}) == len(result.refusals) <= len(lines)


@settings(max_examples=200, deadline=None)
@given(BODIES, st.integers(1, 60))
def test_parts_say_what_the_whole_says(body: str, size: int) -> None:
    raw = body.encode("utf-8", "surrogateescape")
    pieces = list(parts(raw, size))
    assert b"".join(piece for piece, _ in pieces) == raw.removeprefix(b"\xef\xbb\xbf")
    results = [decoded(piece, first_line=first) for piece, first in pieces]
    whole = decoded(raw)
    assert [row for result in results for row in rows(result)] == rows(whole)
    assert [r for result in results for r in result.refusals] == whole.refusals
    assert sum(result.blank for result in results) == whole.blank


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    result = decoded(raw)
    assert len(result.batch) + len(result.refusals) + result.blank <= raw.count(b"\n") + raw.count(b",") + 1


def test_most_lines_take_the_way_by_columns() -> None:
    lines = [f"m,a={n % 7} f={n},g={n}i {T + n}" for n in range(50)]
    lines[10], lines[20] = f"m f=t {T}", "garbage"
    taken = plain_rows(lines, False, BatchSeries(KnownSeries(100, 1 << 20)).places)
    assert np.unique(taken.lines).tolist() == [n for n in range(50) if n not in (10, 20)]
    lines[30] = f"m f=1e999 {T}"
    taken = plain_rows(lines, False, BatchSeries(KnownSeries(100, 1 << 20)).places)
    assert np.unique(taken.lines).tolist() == [n for n in range(50) if n not in (10, 20, 30)]


def test_parts_are_about_as_large_as_asked() -> None:
    body = b"".join(b"m,a=%d f=%d 1\n" % (n, n) for n in range(10_000)) + b'm f="' + b"\n" * 5_000 + b'" 1\nm f=1 1'
    pieces = list(parts(body, 4_096))
    assert b"".join(piece for piece, _ in pieces) == body
    assert sorted(len(piece) for piece, _ in pieces)[-2] <= 4_096 < max(len(piece) for piece, _ in pieces)
    assert [first for _, first in pieces][:2] == [1, pieces[0][0].count(b"\n") + 1]


@pytest.mark.parametrize(
    "unit", [b'm f="\n', b'="', b'm f="\\"\n', b"\\", b'm a="b="', b"m,", b"\n", b'"', b"a\\,", b"m f=1,"]
)
def test_hostile_bodies_cost_neither_time_nor_memory(unit: bytes) -> None:
    body = unit * (60_000 // len(unit))
    tracemalloc.start()
    results = [decoded(piece, first_line=first) for piece, first in parts(body, 20_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(len(result.batch) + len(result.refusals) + result.blank for result in results) > 0
    assert peak < 20_000_000


def plainest(body: str) -> Rows | None:
    series = BatchSeries(KnownSeries(100, 1 << 20))
    return sure_rows(body.encode("utf-8", "surrogateescape"), series.entries)


HEADS = st.sampled_from(["m", "m,a=1", "m,plant=p,line=l,machine=é", "m,a=b=c", "m,", ",a=1", "m,a=", "m,a=1,a=2"])
DIGITS = st.from_regex(r"-?[0-9]{0,17}\.?[0-9]{0,17}(?:[eE][+-]?[0-9]{1,3})?[iu]?", fullmatch=True)
PLAINEST = st.builds(
    "{} {} {}".format,
    HEADS,
    st.lists(st.builds("{}={}".format, st.sampled_from(["f", "value", "é", ""]), DIGITS | VALUES),
             min_size=1, max_size=3).map(",".join),
    st.sampled_from([T, T + 1, T, "0", "9223372036854775807", "9223372036854775808", "99999999999999999999"]),
)  # fmt: skip
"""Bodies that are nearly taken as a whole, or just so."""


@settings(max_examples=600, deadline=None)
@given(st.lists(PLAINEST, min_size=1, max_size=4).map("\n".join) | BODIES, st.sampled_from(["", "\n", "\r\n", "\n\n"]))
def test_all_three_paths_say_the_same(body: str, end: str) -> None:
    raw = (body + end).encode("utf-8", "surrogateescape")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_protocol, "BY_COLUMNS", 0)
        results = [decoded(raw)]
        patch.setattr(line_protocol, "sure_rows", lambda body, places: None)
        results.append(decoded(raw))
        patch.setattr(line_protocol, "plain_rows", lambda lines, clean, places: plain_rows([], clean, places))
        strict = decoded(raw)
    for result in results:
        assert rows(result) == rows(strict)
        assert (result.refusals, result.blank) == (strict.refusals, strict.blank)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=3))
def test_by_columns_a_number_is_the_nearest_double(number: object) -> None:
    taken = plainest(f"m f={number} {T}")
    assert taken is not None
    assert taken.values.tolist() == [float(str(number))]


def test_which_bodies_are_taken_by_columns() -> None:
    for body in (
        f"m,a=1 f=1.5 {T}",
        f"m,a=1 f=1.5,g=-2i,h=3u {T}\nn value=0.1234567890123456789 {T}\n",
        f"m f=1e3 {T}\r\nm f=.5 {T}\r\n",
    ):
        taken = plainest(body)
        assert taken is not None, body
        assert len(taken.lines) == body.count("=") - body.count("a="), body
    for body in (
        "", "m f=1", f"m f=t {T}", f'm f="x" {T}', f"m  f=1 {T}", f"m f=1 {T}\n# {T} x", f"m f=nan {T}", f"m f=1_0 {T}",
        f"m f=1e999 {T}", "m f=1 -5", f"m f=1 {T}\nm f=1 5", f"m f=1 {T}\n\nm f=1 {T}", f"m =1 {T}", f"m f=1,=2 {T}",
        f"m f=1,g {T}", f"m f=1=2 {T}", f"m,a f=1 {T}", f"m,a=\udcff f=1 {T}", f"m f=1.5i {T}", f"m f=1.2.3 {T}",
        f"m f=- {T}", f"m f=. {T}", f"m f=i {T}", f"m f=1-2 {T}",
    ):  # fmt: skip
        assert plainest(body) is None, body


def test_a_long_body_of_the_plainest_lines_needs_no_other_path() -> None:
    lines = [f"m,a={n % 7} f={n}.5,g={n}i {T + n * 1_000}" for n in range(500)]
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(line_protocol, "plain_rows")
        result = decoded("\n".join(lines))
    assert rows(result)[:3] == [("m,a=0 f", NOW, 0.5), ("m,a=0 g", NOW, 0.0), ("m,a=1 f", NOW + 1, 1.5)]
    assert len(result.batch) == 1_000
