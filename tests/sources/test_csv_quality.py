"""The quality column of a CSV file, and the booleans that programs write."""

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.domain.quality import BAD_NO_DATA
from app.errors import BadInput
from app.sources.csv_file import CsvFormat, read
from tests.sources.test_csv_file import LIMITS, parts, readings, refused, values

QUALITY = CsvFormat(ZoneInfo("UTC"), "p", "l", "m", quality="q")


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("", 0), ("0", 0), ("Good", 0), ("GOOD", 0), (" uncertain ", 0x40000000), ("Bad", 0x80000000),
        ("192", 192), ("0x408F0000", 0x408F0000), ("0X80310000", 0x80310000), ("2150694912", 0x80310000),
        ("4294967295", 0xFFFFFFFF), ("0xFFFFFFFF", 0xFFFFFFFF),
    ],
)  # fmt: skip
def test_codes_and_words_are_statuses(tmp_path: Path, cell: str, status: int) -> None:
    found = parts(tmp_path, f"time,q,a\n1,{cell},5\n", QUALITY)
    assert (readings(found), found[0].decoded.batch.statuses.tolist()) == ([("a", 1_000_000, 5.0)], [status])


@pytest.mark.parametrize("cell", ["4294967296", "0x1FFFFFFFF", "-1", "1.0", "0x", "fine", "٣", "9" * 40])
def test_what_is_no_status_costs_its_row(tmp_path: Path, cell: str) -> None:
    found = parts(tmp_path, f"time,q,a\n1,0,5\n2,{cell},6\n", QUALITY)
    assert (values(found), refused(found)) == ([5.0], [("row 3", f"2,{cell},6".encode())])
    assert found[0].decoded.refusals[0].reason == f"{cell!r} is no OPC UA status"


def test_the_time_of_a_row_is_looked_at_first(tmp_path: Path) -> None:
    [part] = parts(tmp_path, "time,q,a\n1,0,5\nx,fine,6\n", QUALITY)
    assert (part.timeless, [refusal.reason[:3] for refusal in part.decoded.refusals]) == (1, ["'x'"])


def test_a_row_without_any_value_is_a_bad_reading_only_where_it_says_so(tmp_path: Path) -> None:
    text = (
        "time,a,b,q\n1,1,x,bad\n2,,,0x808C0000\n3,,y,bad\n4,,,uncertain\n5,,,\n6,nan,,0x40900000\n7,nan,,bad\n8,3,z,\n"
    )
    for rows in (2, 100):
        batches = [part.decoded.batch for part in parts(tmp_path, text, QUALITY, rows)]
        told = [
            (batch.keys[series].source[0], time // 1_000_000, batch.texts[text] if text >= 0 else value, status)
            for batch in batches
            for series, time, value, text, status in zip(
                *(column.tolist() for column in (batch.series, batch.times, batch.values, batch.text, batch.statuses)),
                strict=True,
            )
        ]
        told = [(*each[:2], None if each[2] != each[2] else each[2], each[3]) for each in told]
        assert sorted(told, key=lambda each: each[:2]) == [
            ("a", 1, 1.0, 0x80000000), ("a", 2, None, 0x808C0000), ("a", 6, None, BAD_NO_DATA),
            ("a", 7, None, 0x80000000), ("a", 8, 3.0, 0),
            ("b", 1, "x", 0x80000000), ("b", 2, None, 0x808C0000), ("b", 3, "y", 0x80000000), ("b", 8, "z", 0),
        ]  # fmt: skip


def test_of_two_rows_of_one_time_the_later_is_behind(tmp_path: Path) -> None:
    for text, last in (("1,,bad\n1,5,\n", 5.0), ("1,5,\n1,,bad\n", None)):
        [part] = parts(tmp_path, "time,a,q\n" + text, QUALITY)
        value = part.decoded.batch.values[-1]
        assert (None if np.isnan(value) else value) == last


def test_without_values_and_refused_cells_are_told_apart(tmp_path: Path) -> None:
    found = parts(tmp_path, "time,a,q\n1,1,\n2,x,bad\n3,2e151,bad\n", QUALITY)
    assert (values(found), [place for place, _ in refused(found)]) == ([1.0], ["row 3", "row 4"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"quality": "Q"}, "no column 'Q', which --quality names; it has 'time', 'a', 'q'"),
        ({"quality": "time"}, "'time' of"),
        ({"quality": "q", "metrics": {"q": ("x", None)}}, "is its quality, and cannot be time or metric as well"),
        ({"quality": "q", "ignore": frozenset("a")}, "no column with values"),
    ],
)
def test_a_column_that_cannot_be_the_quality_is_said(tmp_path: Path, more: dict[str, object], words: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text("time,a,q\n1,2,3\n")
    with pytest.raises(BadInput) as caught:
        list(read(path, CsvFormat(ZoneInfo("UTC"), "p", "l", "m", **more), LIMITS))  # type: ignore[arg-type]
    assert words in caught.value.message


def test_booleans_have_one_label_each_however_they_are_written(tmp_path: Path) -> None:
    found = parts(tmp_path, "time,a,b\n1,True,x\n2,FALSE,True\n3,false,tRUE\n4,TRUE,T\n")
    assert values(found) == ["true", "false", "false", "true", "x", "true", "tRUE", "T"]
