"""CSV that any reader reads back, and that no spreadsheet runs."""

import csv
import io
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.http.csv_rows import CsvRows, cell
from app.read.export import Page
from app.read.selection import Origin

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(-(10**15), 16 * 10**15), st.floats(allow_infinity=False),
            st.integers(0, 2**32 - 1), st.integers(0, 3),
        ),
        min_size=1, max_size=30,
    ),
)  # fmt: skip
def test_csv_can_be_read_back_whatever_is_in_it(names: list[tuple[str, str]], drawn: list[Any]) -> None:
    origins = [Origin(None, *each, None) for each in names]
    texts = [None, "plain", 'a,"b"\r\nc', "=SUM(A1)"]
    series, times, values, statuses, labels = (list(each) for each in zip(*drawn, strict=True))
    series = [each % len(names) for each in series]
    page = Page(
        np.array(series, np.int32), np.array(times), np.array(values), np.array(statuses, np.uint32),
        np.array(labels, np.int32) if any(labels) else None, texts if any(labels) else (None,),
    )  # fmt: skip
    read = list(csv.reader(io.StringIO(CsvRows(origins).rows(page).decode(), newline=""), strict=True))
    assert len(read) == len(drawn)
    for row, place, time, value, status, label in zip(read, series, times, values, statuses, labels, strict=True):
        assert row[0] == f"{np.datetime64(time, 'us')}Z"
        assert [each.removeprefix("'") if each != "'" else each for each in row[2:4]] == [
            each.removeprefix("'") if each != "'" else each for each in names[place]
        ]
        assert row[5] == "" if np.isnan(value) else float(row[5]) == value
        assert (int(row[6]), row[7].removeprefix("'")) == (status, texts[label] or "")


def test_no_text_is_a_formula_to_a_spreadsheet() -> None:
    for text in ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "=1,2"):
        (read,) = next(iter([csv.reader(io.StringIO(cell(text).decode(), newline=""))]))
        assert read == [f"'{text}"]
    assert [cell(text) for text in ("a-b", "a=b", "", None, "7")] == [b"a-b", b"a=b", b"", b"", b"7"]
