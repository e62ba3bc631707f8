"""CSV files: what their cells become, what is refused, and what is no CSV at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.addresses import Address
from app.domain.batch import joined
from app.domain.limits import Limits
from app.errors import BadInput
from app.sources.csv_file import CsvFormat, Part, read

LIMITS = Limits(0, 2_000_000_000_000_000)
UTC_FORMAT = CsvFormat(ZoneInfo("UTC"), "p", "l", "m")
DATA = Path(__file__).resolve().parent / "../../../shared/data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings (../shared/data) are not on this machine")

Reading = tuple[str, int, float | str]


def form(zone: str = "UTC", **more: object) -> CsvFormat:
    return CsvFormat(ZoneInfo(zone), "p", "l", "m", **more)  # type: ignore[arg-type]


def parts(folder: Path, text: str | bytes, format: CsvFormat = UTC_FORMAT, rows: int = 20_000) -> list[Part]:
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read(path, format, LIMITS, rows))


def readings(found: list[Part]) -> list[Reading]:
    batch = joined([part.decoded.batch for part in found])
    metrics = [key.source.split(",")[0] for key in batch.keys]
    columns = zip(batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), batch.text.tolist(), strict=True)
    return [(metrics[s], t, v if label < 0 else batch.texts[label]) for s, t, v, label in columns]


def values(found: list[Part]) -> list[float | str]:
    return [value for _, _, value in readings(found)]


def refused(found: list[Part]) -> list[tuple[str, bytes]]:
    return [(refusal.place, refusal.payload) for part in found for refusal in part.decoded.refusals]


def moments(found: list[Part]) -> list[str]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [(epoch + timedelta(microseconds=t)).strftime("%m-%d %H:%M") for _, t, _ in readings(found)]


def test_columns_become_metrics_of_the_machine(tmp_path: Path) -> None:
    format = form(metrics={"b": ("pressure", "bar")}, ignore=frozenset({"c"}))
    (part,) = parts(tmp_path, "Time,a,b,c\n2026-01-31 12:00:00.5,1,2,3\n2026-01-31T12:00:01,-4e1,+5,x\n", format)
    assert [key.address for key in part.decoded.batch.keys] == [
        Address("p", "l", "m", "a"),
        Address("p", "l", "m", "pressure"),
    ]
    assert {(key.named, key.discrete) for key in part.decoded.batch.keys} == {(True, False)}
    t = 1_769_860_800_500_000
    assert readings([part]) == [
        ("a", t, 1.0),
        ("a", t + 500_000, -40.0),
        ("pressure", t, 2.0),
        ("pressure", t + 500_000, 5.0),
    ]
    assert part.decoded.batch.statuses.tolist() == [0, 0, 0, 0]
    assert (part.rows, part.bytes_read, part.decoded.refusals) == (2, (tmp_path / "file.csv").stat().st_size, [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("asked", [True, False])
def test_delimiters_are_asked_for_or_found(tmp_path: Path, delimiter: str, asked: bool) -> None:
    text = "time,a,b\n1,2,3\n4,5,6\n".replace(",", delimiter)
    found = parts(tmp_path, text, form(delimiter=delimiter if asked else None))
    assert values(found) == [2.0, 5.0, 3.0, 6.0]


def test_the_word_tab_is_a_delimiter(tmp_path: Path) -> None:
    assert values(parts(tmp_path, "time\ta\n1\t2\n", form(delimiter="tab"))) == [2.0]


def test_mixed_line_ends_a_byte_order_mark_quotes_and_blank_rows(tmp_path: Path) -> None:
    found = parts(tmp_path, '\ufeff\r\n"time","a, b"\r\n1,"2"\n\n2,\u00203 \r3,4\r\n,\n"4","5"')
    assert values(found) == [2.0, 3.0, 4.0, 5.0]
    assert found[0].decoded.batch.keys[0].address == Address("p", "l", "m", "a, b")
    assert (found[0].decoded.blank, refused(found)) == (2, [])


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    found = parts(tmp_path, "time;a;b\n1;1,5;x\n2;-0,25;y\n3;2.5;z\n4;1.234,5;z\n5;3e-1;z\n")
    assert values(found) == [1.5, -0.25, 2.5, 0.3, "x", "y", "z", "z", "z"]
    assert refused(found) == [("row 5", b"4;1.234,5;z")]
    assert refused(parts(tmp_path, 'time,a\n1,2\n3,"1,5"\n')) == [("row 3", b'3,"1,5"')]


def test_cells_that_are_empty_or_no_number(tmp_path: Path) -> None:
    found = parts(tmp_path, "time,a\n1,\n2,1\n3,NaN\n4,-inf\n5,\n6,Infinity\n7,2\n")
    batch = found[0].decoded.batch
    assert batch.times.tolist() == [2_000_000, 3_000_000, 4_000_000, 6_000_000, 7_000_000]
    assert np.isnan(batch.values).tolist() == [False, True, True, True, False]
    assert batch.statuses.tolist() == [0, 0x809B0000, 0x809B0000, 0x809B0000, 0]
    assert refused(found) == []


@pytest.mark.parametrize(
    "cell", ["run", "1_000", "٣", "null", "true", "[2", "2]", "{}", "0x10", "1,5", "--1", "1e", "NULL"]
)
def test_a_text_in_a_column_of_numbers_costs_its_cell(tmp_path: Path, cell: str) -> None:
    found = parts(tmp_path, f'time,a,b\n1,1,1\n2,"{cell}",2\n3,3,3\n')
    assert values(found) == [1.0, 3.0, 1.0, 2.0, 3.0]
    assert [place for place, _ in refused(found)] == ["row 3"]
    assert "'a' holds numbers" in found[0].decoded.refusals[0].reason


def test_the_first_cell_decides_that_a_column_holds_texts(tmp_path: Path) -> None:
    found = parts(tmp_path, "time,a,b\n1,,1\n2,nan,1\n3,run,1\n4,2,1\n5,true,1\n6,run,1\n", rows=4)
    assert [part.rows for part in found] == [4, 2]
    assert values(found)[1:3] == ["run", "2"]
    keys = {key for part in found for key in part.decoded.batch.keys}
    assert sorted((key.source[0], key.discrete) for key in keys) == [("a", True), ("b", False)]
    assert [value for name, _, value in readings(found) if name == "a"][3:] == ["true", "run"]
    assert refused(found) == []


def test_bad_rows_are_refused_by_the_line_on_which_they_start(tmp_path: Path) -> None:
    text = 'time,a\n1,"\n2"\nx,1\n,5\n2,3,4\n2\n3,4,,\n-5,1\n99999999999,1\n4,2e150\n5,6\n'
    found = parts(tmp_path, text, rows=3)
    assert values(found) == [2.0, 4.0, 6.0]
    assert refused(found) == [
        ("row 4", b"x,1"), ("row 5", b",5"), ("row 6", b"2,3,4"), ("row 7", b"2"), ("row 9", b"-5,1"),
        ("row 10", b"99999999999,1"), ("row 11", b"4,2e150"),
    ]  # fmt: skip
    reasons = [refusal.reason for part in found for refusal in part.decoded.refusals]
    words = ["first time", "no time", "3 cells", "1 cells", "earliest", "ahead", "1e+150"]
    assert all(word in reason for word, reason in zip(words, reasons, strict=True)), reasons


@pytest.mark.parametrize(
    ("cells", "microseconds"),
    [
        (["1769860800", "1769860801.5"], [1_769_860_800_000_000, 1_769_860_801_500_000]),
        (["1769860800.1234567"], [1_769_860_800_123_456]),
        (["1769860800123", "5"], [1_769_860_800_123_000, 5_000]),
        (["1769860800123456.9"], [1_769_860_800_123_456]),
        (["1769860800123456789"], [1_769_860_800_123_456]),
        (["2026-01-31T12:00:00Z"], [1_769_860_800_000_000]),
        (["2026-01-31T12:00:00+05:30", "2026-01-31 12:00:00"], [1_769_841_000_000_000, 1_769_860_800_000_000]),
        (["2026-01-31T12:00:00.123456789-01:00"], [1_769_864_400_123_456]),
        (["2026-01-31"], [1_769_817_600_000_000]),
    ],
)
def test_times(tmp_path: Path, cells: list[str], microseconds: list[int]) -> None:
    found = parts(tmp_path, "a,time\n" + "".join(f"1,{cell}\n" for cell in cells))
    assert found[0].decoded.batch.times.tolist() == microseconds


@pytest.mark.parametrize("cell", ["31.01.2026", "yesterday", "2026-13-01", "2026-01-31 25:00:00", "12", "1e9", "٣"])
def test_what_is_no_time_costs_its_row(tmp_path: Path, cell: str) -> None:
    found = parts(tmp_path, f"time,a,b\n2026-01-31 12:00:00,1,2\n{cell},1,2\n")
    assert (len(values(found)), refused(found)) == (2, [("row 3", f"{cell},1,2".encode())])


def test_a_doubled_hour_is_told_apart_by_stepping_back(tmp_path: Path) -> None:
    text = "time,a\n" + "".join(
        f"2025-10-26 {clock},1\n"
        for clock in ("01:30", "02:00", "02:30", "02:30", "02:59", "02:00", "02:30", "02:59:59", "03:00", "02:30")
    )
    hours = ["23:30", "00:00", "00:30", "00:30", "00:59", "01:00", "01:30", "01:59", "02:00", "00:30"]
    for rows in (2, 100):
        found = parts(tmp_path, text, form("Europe/Berlin"), rows)
        assert [moment[-5:] for moment in moments(found)] == hours


def test_a_skipped_hour_moves_to_the_first_instant_after_it(tmp_path: Path) -> None:
    clocks = ("01:59", "02:00", "02:30", "03:00", "03:01")
    text = "time,a\n" + "".join(f"2025-03-30 {clock},1\n" for clock in clocks)
    assert moments(parts(tmp_path, text, form("Europe/Berlin"))) == [
        "03-30 00:59", "03-30 01:00", "03-30 01:00", "03-30 01:00", "03-30 01:01",
    ]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 1_900_000_000).map(float) | st.floats(1e6, 1.9e9), min_size=1, max_size=5),
    st.sampled_from(
        ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca", "Australia/Lord_Howe"]
    ),
)
def test_local_times_come_back_as_the_instants_that_they_were(tmp_path: Path, seconds: list[float], zone: str) -> None:
    when = [datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone)) for second in seconds]
    when = [moment for moment in when if not moment.fold] or [datetime(2000, 1, 1, tzinfo=ZoneInfo(zone))]
    one_by_one = [parts(tmp_path, f"time,a\n{m.replace(tzinfo=None)},1\n", form(zone)) for m in when]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert [readings(found)[0][1] for found in one_by_one] == [(m - epoch) // timedelta(microseconds=1) for m in when]


@pytest.mark.parametrize(
    ("content", "format", "words"),
    [
        ("", UTC_FORMAT, "is empty"),
        ("\n \n", UTC_FORMAT, "is empty"),
        ("\ufeff", UTC_FORMAT, "is empty"),
        (",,\n", UTC_FORMAT, "is empty"),
        ("time,a\n", UTC_FORMAT, "no rows"),
        ("time,a\n\n", form(), "no rows"),
        ("when,a\n1,2\n", UTC_FORMAT, "'when', 'a'"),
        ("time,a\n1,2\n", form(time="when"), "'time', 'a'"),
        ("time,a\n1,2\n", form(metrics={"b": ("x", None)}), "no column 'b', which --metric"),
        ("time,a\n1,2\n", form(ignore=frozenset({"b"})), "no column 'b', which --ignore"),
        ("time,a\n1,2\n", form(ignore=frozenset({"a"})), "no column with values"),
        ("time,a\n1,2\n", form(metrics={"time": ("x", None)}), "is its time"),
        ("time,a,a\n1,2,3\n", UTC_FORMAT, "two columns for the metric 'a'"),
        ("time,a,b\n1,2,3\n", form(metrics={"b": ("a", None)}), "two columns for the metric 'a'"),
        ("time;a;b\n1;2;3\n", form(delimiter=","), "separated by ';'"),
        ("time\ta\n1\t2\n", form(delimiter=","), "separated by tab"),
        ("time,a\n1,2\n", form(delimiter="tab"), "separated by ','"),
        ("time,a\n1,2\n", form(delimiter="::"), "not one character"),
        ("time\n1\n", UTC_FORMAT, "no column with values"),
        ("time," + "x" * 2_000 + "\n1,2\n", UTC_FORMAT, "longer than"),
        ("time,a\n1,2\n".encode("utf-16"), UTC_FORMAT, "UTF-8"),
        (b"time,a\n1,\xff\n", UTC_FORMAT, "UTF-8"),
        (b"time,a\xff\n1,1\n", UTC_FORMAT, "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", UTC_FORMAT, "NUL"),
        ("time,a\n1," + "x" * 140_000 + "\n", UTC_FORMAT, "field larger"),
        ("x" * (1 << 20), UTC_FORMAT, "no CSV file"),
        ("time,a\n1,2\n", CsvFormat(ZoneInfo("UTC"), "p q", "l", "m"), "'p q' is no code"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, content: str | bytes, format: CsvFormat, words: str
) -> None:
    with pytest.raises(BadInput) as caught:
        parts(tmp_path, content, format)
    assert words in caught.value.message
    assert "\n" not in str(caught.value)
    assert len(caught.value.message) < 300


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.csv", "no file"), (tmp_path, "is a folder")):
        with pytest.raises(BadInput, match=words):
            list(read(path, UTC_FORMAT, LIMITS))


def test_a_long_file_comes_in_parts_with_its_progress(tmp_path: Path) -> None:
    text = "time,a\n" + "".join(f"{1_700_000_000 + n},{n / 4}\n" for n in range(45_000))
    found = parts(tmp_path, text)
    assert [part.rows for part in found] == [20_000, 20_000, 5_000]
    assert values(found) == [n / 4 for n in range(45_000)]
    progress = [part.bytes_read for part in found]
    assert 0 < progress[0] < progress[1] < progress[2] == len(text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('1.,;"\n\r\té -e[]n2', max_size=40), st.sampled_from(",;"))
def test_any_file_is_read_or_refused(tmp_path: Path, text: str, delimiter: str) -> None:
    found = parts(tmp_path, f"time{delimiter}a\n1{delimiter}2\n{text}", rows=2)
    assert len(readings(found)) >= 1
    assert all(refusal.reason and refusal.place for part in found for refusal in part.decoded.refusals)


@with_data
def test_the_valve_recordings() -> None:
    format = form("Europe/Moscow", ignore=frozenset({"anomaly", "changepoint"}))
    (part,) = read(DATA / "skab" / "valve1-0.csv", format, LIMITS)
    batch = part.decoded.batch
    assert (part.rows, len(batch.keys), len(batch), part.decoded.refusals) == (1_147, 8, 9_176, [])
    assert readings([part])[0] == ("Accelerometer1RMS", 1_583_738_073_000_000, 0.0265878)
    assert batch.keys[7].address == Address("p", "l", "m", "Volume Flow RateRMS")


@with_data
def test_the_machine_temperature_recording() -> None:
    found = list(read(DATA / "nab" / "machine_temperature_system_failure.csv", form("America/Los_Angeles"), LIMITS))
    assert sum(part.rows for part in found) == len(readings(found)) == 22_695
    assert readings(found)[0] == ("value", 1_386_047_700_000_000, 73.96732207)
    assert refused(found) == []
