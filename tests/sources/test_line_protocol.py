"""Line protocol: what every kind of line becomes, and that both ways of reading it agree."""

import pytest

from app.domain.addresses import Address
from app.domain.batch import Decoded
from app.domain.limits import Limits
from app.errors import BadInput
from app.sources.line_protocol import LineProtocol

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


def refusal(body: bytes | str) -> str:
    result = decoded(body)
    assert len(result.batch) == 0
    assert [r.place for r in result.refusals] == ["line 1"]
    return result.refusals[0].reason


def test_a_plain_line_becomes_a_reading_of_its_machine() -> None:
    result = decoded(f"temperature,plant=p,line=l1,machine=m17 value=21.53 {T}")
    assert rows(result) == [("temperature,line=l1,machine=m17,plant=p value", NOW, 21.53)]
    key = result.batch.keys[0]
    assert (key.address, key.discrete, key.named) == (Address("p", "l1", "m17", "temperature"), False, False)
    assert result.batch.statuses.tolist() == [0]


def test_fields_other_than_value_name_their_metric() -> None:
    result = decoded(f"cpu,plant=p,line=l,machine=m user=1,system=2i {T}")
    assert [key.address.metric for key in result.batch.keys if key.address] == ["cpu.user", "cpu.system"]
    assert [row[2] for row in rows(result)] == [1.0, 2.0]


def test_tags_in_another_order_are_the_same_series() -> None:
    result = decoded(f"m,a=1,b=2 value=1 {T}\nm,b=2,a=1 value=2 {T}\nm,b=2,a=1 value=2 {T} \n")
    assert len(result.batch.keys) == 1
    assert result.batch.series.tolist() == [0, 0, 0]


def test_bad_codes_are_kept_as_unmapped_series() -> None:
    result = decoded(f"m,plant=p\\ q,line=l,machine=m value=1 {T}\nm,plant=p value=1 {T}\n")
    assert [key.address for key in result.batch.keys] == [None, None]
    assert all(key.unmapped_reason for key in result.batch.keys)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1.0), ("1.5", 1.5), ("-1.5", -1.5), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("-2.5E-1", -0.25),
        ("007", 7.0), ("5i", 5.0), ("-5i", -5.0), ("007i", 7.0), ("5u", 5.0),
        ("9223372036854775807i", 2.0**63), ("-9223372036854775808i", -(2.0**63)), ("18446744073709551615u", 2.0**64),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("t", "true"), ("T", "true"), ("true", "true"), ("True", "true"), ("TRUE", "true"),
        ("f", "false"), ("F", "false"), ("false", "false"), ("False", "false"), ("FALSE", "false"),
        ('"run"', "run"), ('""', ""), (r'"say \"hi\" \\ there"', 'say "hi" \\ there'), (r'"a\nb\,"', r"a\nb\,"),
        ('"a, b=c d"', "a, b=c d"), ('"two\nlines"', "two\nlines"), ('"x\r\ny"', "x\r\ny"), ('"größe"', "größe"),
    ],
)  # fmt: skip
def test_values_that_are_accepted(written: str, value: float | str) -> None:
    assert values(f"m f={written} {T}") == [value]
    assert values(f"m a=1,f={written},z=2 {T}\nm f=3 {T}") == [1.0, value, 2.0, 3.0]


@pytest.mark.parametrize(
    "written",
    [
        "", "1_000", "nan", "NaN", "inf", "-inf", "Infinity", "٣", "1٣", "+1", "0x10", "1e999", "-1e999", "1e", "e1",
        "-", ".", "i", "1.5i", "1e2i", "9223372036854775808i", "-9223372036854775809i", "-1u", "18446744073709551616u",
        "truei", "null", "nulli", "[1", "1]", "[1]", "{}", "tru", "yes", '"open', '"a"b', 'a"b"', "'a'", "1,", ",",
        "1=2", "\t1", "1\t2",
    ],
)  # fmt: skip
def test_values_that_are_refused(written: str) -> None:
    line = f"m f={written} {T}"
    result = decoded(f"m f=1 {T}\n{line}\nm f=2 {T}\nm f=3 {T}")
    assert [row[2] for row in rows(result)] == [1.0, 2.0, 3.0]
    assert [(r.place, r.payload) for r in result.refusals] == [("line 2", line.encode())]
    assert len(result.refusals[0].reason) > 10


def test_nested_brackets_do_not_pass_as_numbers() -> None:
    result = decoded(f"m f=[1 {T}\nm f=2] {T}\nm f=[[1i {T}\nm f=]]i {T}\nm f=4 {T}")
    assert [row[2] for row in rows(result)] == [4.0]
    assert len(result.refusals) == 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m", "no fields"),
        ("m,a=b", "no fields"),
        ("complete garbage", "name=value"),
        (",a=b f=1", "measurement has no name"),
        ("m,a f=1", "key=value"),
        ("m,a=b=c f=1", "key=value"),
        ("m,=b f=1", "key=value"),
        ("m, f=1", "key=value"),
        ("m,a= f=1", "has no value"),
        ("m,a=1,a=2 f=1", "occurs twice"),
        ("m =1", "field has no name"),
        ("m f=1,=2", "field has no name"),
        ("m f", "name=value"),
        ("m f=1 yesterday", "whole number"),
        ("m f=1 1.5", "whole number"),
        ("m f=1 1_0", "whole number"),
        ("m f=1 ٣", "whole number"),
        ("m f=1 1 2", "whole number"),
        ("m f=1 9223372036854775808", "64 bits"),
        ("m f=1 -9223372036854775809", "64 bits"),
        ("m f=1 99999999999999999999999", "64 bits"),
        ("m f\x00=1 1", "NUL"),
        ('m f="a\x00" 1', "NUL"),
        (f'm f="{"x" * 1001}" 1', "1,000 characters"),
        (f"m,a={'x' * 1000} f=1 1", "longer than 1000"),
        (f"m f=1.1e150 {T}", "larger than 1e+150"),
        (f"m f=1,g=1.1e150 {T}", "larger than 1e+150"),
        ("m f=1,g=2 -1", "earliest"),
        (f"m f=1 {(NOW + 86_400_000_000) * 1000}", "ahead"),
        ("m f=1 9223372036854775807", "ahead"),
    ],
)
def test_lines_that_are_refused_with_their_reason(line: str, reason: str) -> None:
    assert reason in refusal(line)


def test_invalid_utf8_costs_only_its_line() -> None:
    result = decoded(b"m,a=\xc3\xbc f=1 1\nm,a=\xff f=2 1\nm f=3 1\n")
    assert [row[2] for row in rows(result)] == [1.0, 3.0]
    assert [(r.place, r.payload) for r in result.refusals] == [("line 2", b"m,a=\xff f=2 1")]
    assert "UTF-8" in result.refusals[0].reason


def test_a_line_is_refused_whole_and_once() -> None:
    result = decoded(f"m a=1,b=nope,c=nope {T}\nm a=2e150,b=2,c=2e150 {T}\nm a=3 {T}")
    assert [row[2] for row in rows(result)] == [3.0]
    assert [r.place for r in result.refusals] == ["line 1", "line 2"]


def test_names_escape_their_separators_and_keep_quotes() -> None:
    result = decoded(f'my\\ m\\,x,a\\=b=c\\ d,q=5"\\,\\= f\\ g\\=h=1 {T}\nm,C:\\dir=\\x f=1 {T}')
    assert [row[0] for row in rows(result)] == ['my\\ m\\,x,a\\=b=c\\ d,q=5"\\,\\= f\\ g\\=h', "m,C:\\dir=\\x f"]
    assert decoded(f'm,a=say"hi f=1 {T}\nm,b="x f=2 {T}').batch.keys[1].source == 'm,b="x f'


def test_line_ends_comments_blank_lines_and_a_byte_order_mark() -> None:
    result = decoded(f'\ufeff# x="\r\n\r\nm f=1 {T}\r\n  \n#\n m  f=2  {T} \nm f=3\t\n'.encode())
    assert [row[1:] for row in rows(result)] == [(NOW, 1.0), (NOW, 2.0), (NOW, 3.0)]
    assert (result.blank, result.refusals) == (4, [])
    plain = decoded(f"\ufeffm f=1 {T}\r\nm f=2 {T}\r\n")
    assert [row[0] for row in rows(plain)] == ["m f", "m f"]
    assert decoded("\ufeffm f=1 1", first_line=9).batch.keys[0].source == "\ufeffm f"


@pytest.mark.parametrize(
    ("precision", "written", "time"),
    [
        ("ns", 1_999, 1), ("n", 1_000, 1), ("", 1_000, 1), ("us", 7, 7), ("u", 7, 7), ("ms", 7, 7_000),
        ("s", 7, 7_000_000), ("m", 2, 120_000_000), ("h", 2, 7_200_000_000), ("ns", -1, -1), ("ns", -1_000, -1),
        ("ns", -1_001, -2), ("s", -2, -2_000_000),
    ],
)  # fmt: skip
def test_times_are_floored_to_microseconds(precision: str, written: int, time: int) -> None:
    limits = Limits(-(10**12), 10**12)
    for line in (f"m f=1 {written}", f'm f="a" {written}'):
        assert decoded(line, precision, limits).batch.times.tolist() == [time]


def test_times_whose_conversion_overflows_are_refused() -> None:
    result = decoded('m f=1 9223372036854775807\nm f="a" -9223372036854775808\nm f=1 1\n', "h")
    assert result.batch.times.tolist() == [3_600_000_000]
    assert ["ahead" in r.reason for r in result.refusals] == [True, False]


def test_unknown_precision_is_refused_with_a_hint() -> None:
    with pytest.raises(BadInput) as caught:
        decoded("m f=1 1", "fortnights")
    assert "ns, us, ms or s" in (caught.value.hint or "")


def test_rows_keep_the_order_of_arrival_on_both_paths() -> None:
    body = f'm f=1 {T}\nm f=t {T}\nm f=2 {T}\nm f="x",g=1 {T}\nm g=3\nm f=4 {T}\n'
    assert [row[2] for row in rows(decoded(body))] == [1.0, "true", 2.0, "x", 1.0, 3.0, 4.0]


def test_an_unclosed_text_costs_only_its_own_line() -> None:
    result = decoded(f'm f="open {T}\nm f=1 {T}\nm f="y" {T}\nm f="end {T}\nm f=2 {T}\n')
    assert [row[2] for row in rows(result)] == [1.0, "y", 2.0]
    assert [r.place for r in result.refusals] == ["line 1", "line 4"]


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    result = decoded(f'm f="a\nb\nc" {T}\nbad\nm f=1 {T}\nbad', first_line=11)
    assert [(r.place, r.payload) for r in result.refusals] == [("line 14", b"bad"), ("line 16", b"bad")]


def test_numbers_and_texts_of_one_field_have_keys_that_tell_them_apart() -> None:
    result = decoded(f"m f=1 {T}\nm f=t {T}\n")
    assert [(key.source, key.discrete) for key in result.batch.keys] == [("m f", False), ("m f", True)]
