"""Units: conversions are those of UCUM, and what is unknown, impossible or hostile is refused at once."""

import time

import numpy as np
import pytest

from app.domain.model import Metric, MetricId, MetricKind, Series, SeriesId
from app.domain.ucum import LONGEST_CODE, prepare
from app.domain.units import UNCHANGED, Conversion, Shown, between, conversion, is_known, remedy, settled
from app.errors import BadInput

CONVERSIONS = [
    ("Cel", "[degF]", 1.8, 32.0),
    ("[degF]", "Cel", 5 / 9, -160 / 9),
    ("K", "Cel", 1.0, -273.15),
    ("[degRe]", "Cel", 1.25, 0.0),
    ("[degR]", "K", 5 / 9, 0.0),
    ("mCel", "Cel", 0.001, 0.0),
    ("(Cel){inlet}", "K", 1.0, 273.15),
    ("10.Cel", "K", 10.0, 273.15),
    ("Cel/min", "K/h", 60.0, 0.0),
    ("Cel/min", "[degF]/min", 1.8, 0.0),
    ("W/(m2.K)", "W/m2/Cel", 1.0, 0.0),
    ("bar", "mbar", 1_000.0, 0.0),
    ("[psi]", "bar", 0.0689475729316836, 0.0),
    ("m[H2O]", "kPa", 9.80665, 0.0),
    ("[in_i'Hg]", "kPa", 3.3863788, 0.0),
    ("/min", "{parts}/h", 60.0, 0.0),
    ("{rev}/min", "/s", 1 / 60, 0.0),
    ("Hz", "/min", 60.0, 0.0),
    ("m3/h", "L/min", 50 / 3, 0.0),
    ("[cft_i]/min", "m3/h", 1.69901079552, 0.0),
    ("[gal_us]/min", "l/min", 3.785411784, 0.0),
    ("kW.h", "MJ", 3.6, 0.0),
    ("[Btu_IT]/h", "W", 0.2930710701722222, 0.0),
    ("%", "1", 0.01, 0.0),
    ("{parts}", "%", 100.0, 0.0),
    ("um/m", "[ppm]", 1.0, 0.0),
    ("mm/s", "[in_i]/s", 1 / 25.4, 0.0),
    ("um", "mm", 0.001, 0.0),
    ("[lbf_av].[ft_i]", "N.m", 1.3558179483314003, 0.0),
    ("uS/cm", "S/m", 0.0001, 0.0),
    ("V.A", "kW", 0.001, 0.0),
    ("dB", "B", 0.1, 0.0),
    ("dB/km", "dB/m", 0.001, 0.0),
    ("'", "deg", 1 / 60, 0.0),
    ("10*6/L", "/mL", 1_000.0, 0.0),
    ("dar", "m2", 10.0, 0.0),
    ("Pa", "10.hPa", 0.001, 0.0),
    ("t", "kg", 1_000.0, 0.0),
    ("a", "h", 8_766.0, 0.0),
]
KNOWN = "A V mA kV Ohm uF cd mol g cm L/min m/s2 rad deg 1 h min 10* 10^3 [pH] [IU] B[W] dB[V] kg/m3 Bq lx Wb T [g]"
UNKNOWN = ["bananas", "rpm", "°C", "psi", "kWh", "Nm", "", " ", "m ", "m\n", "\x00", "m{ }", "m//s", "(m", "1e3", "-1",
           "m0", "mm^2", "%RH", "ä", "💥"]  # fmt: skip
IMPOSSIBLE = [("Cel", "bar"), ("Cel", "K/min"), ("dB", "1"), ("[pH]", "mol/L"), ("B[W]", "W"), ("[IU]", "mg"),
              ("deg", "%"), ("m", "m2"), ("Hz", "rad/s"), ("10*99.10*99", "1"), ("m", "10*-99.10*-99.m")]  # fmt: skip
HOSTILE = ["10*999999999", "m999999999", "9" * 63, "(" * 64, "(" * 31 + "m" + ")" * 31, "/" * 64, "m." * 31 + "m",
           "m" * 64, "{" * 64, "10*99." * 10 + "m", "9+99." * 12 + "m", "(" * 100_000, "m." * 1_000_000,
           "m{" + "a" * 10_000_000 + "}"]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "scale", "offset"), CONVERSIONS)
def test_conversions_are_those_of_ucum_there_and_back(source: str, target: str, scale: float, offset: float) -> None:
    assert conversion(source, target) == pytest.approx(Conversion(scale, offset), rel=1e-14)
    back = conversion(target, source)
    assert conversion(source, target).back(back.back(12.5)) == pytest.approx(12.5)
    assert back.value(conversion(source, target).value(12.5)) == pytest.approx(12.5)


def test_what_is_equal_is_not_touched_whether_it_is_known_or_not() -> None:
    assert conversion("Cel", "Cel") == conversion("bananas", "bananas") == between("l/min", "L/min") == UNCHANGED
    values = np.array([1.5, np.nan])
    assert UNCHANGED.values(values) is values
    assert conversion("Cel", "[degF]").value(100) == 212
    assert conversion("[degF]", "Cel").value(-40) == pytest.approx(-40)


def test_codes_of_ucum_are_known_and_others_are_not() -> None:
    assert [code for code in KNOWN.split() if not is_known(code)] == []
    assert [code for code in UNKNOWN if is_known(code)] == []
    for code in UNKNOWN:
        with pytest.raises(BadInput, match="is not known") as caught:
            conversion("Cel", code)
        assert caught.value.hint == remedy(code)
    assert remedy("RPM") == "Did you mean {rev}/min?"
    assert remedy("bananas").startswith("Write a UCUM code such as Cel")


def test_every_suggestion_is_a_ucum_code() -> None:
    meant = {remedy(code) for code in ("°C", "degF", "psi", "rpm", "kWh", "Nm", "ft", "µm", "m³/h", "cfm", "gpm", "VA")}
    assert all(is_known(sentence.removeprefix("Did you mean ").removesuffix("?")) for sentence in meant)


@pytest.mark.parametrize(("source", "target"), IMPOSSIBLE)
def test_what_measures_something_else_is_refused(source: str, target: str) -> None:
    assert is_known(source)
    assert is_known(target)
    with pytest.raises(BadInput, match="cannot be told in"):
        conversion(source, target)
    assert settled(source, target) == Shown(source)


@pytest.mark.alone
def test_hostile_codes_are_answered_at_once_and_cut_in_sentences() -> None:
    prepare()
    for code in HOSTILE:
        begun = time.perf_counter()
        with pytest.raises(BadInput) as caught:
            conversion("Cel", code)
        assert time.perf_counter() - begun < 0.1, code[:20]
        assert len(caught.value.message) < 2 * LONGEST_CODE + 60
        assert settled("Cel", code) == Shown("Cel")


def test_readings_in_an_unknown_unit_are_named_as_the_trouble() -> None:
    with pytest.raises(BadInput, match="The readings are in 'bananas', which is no UCUM code") as caught:
        conversion("bananas", "Cel")
    assert caught.value.hint == "Leave unit out, or mend the unit in the model file."


def test_differences_know_no_offset_and_a_negative_scale_turns() -> None:
    warmer, turned = conversion("Cel", "[degF]"), Conversion(-2.0, 10.0)
    assert warmer.differences(np.array([10.0, np.nan])).tolist() == [18, pytest.approx(np.nan, nan_ok=True)]
    assert turned.values(np.array([1.0, 3.0])).tolist() == [8, 4]
    assert turned.differences(np.array([2.0])).tolist() == [-4]
    assert (turned.turns, warmer.turns, turned.value(None), turned.back(None)) == (True, False, None, None)
    assert turned.back(4.0) == 3


def series(unit: str | None, metric: str | None, kind: MetricKind = MetricKind.GAUGE) -> Series:
    known = Metric(MetricId(1), "x", "x", metric, kind, None, None, 0, None, None)
    return Series(SeriesId(1), "s", known, None, None, None, unit)


def test_the_metrics_unit_is_shown_where_the_sources_converts_to_it() -> None:
    cases = [
        ("K", "Cel", "Cel", Conversion(1.0, -273.15)),
        (None, "Cel", "Cel", UNCHANGED),
        ("K", None, "K", UNCHANGED),
        (None, None, None, UNCHANGED),
        ("bar", "Cel", "bar", UNCHANGED),
        ("bananas", "Cel", "bananas", UNCHANGED),
        ("Cel", "bananas", "Cel", UNCHANGED),
        (None, "bananas", "bananas", UNCHANGED),
        ("", "Cel", "Cel", UNCHANGED),
    ]
    for unit, metric, shown, expected in cases:
        found = series(unit, metric).shown
        assert found.unit == shown, (unit, metric)
        assert found.conversion == pytest.approx(expected), (unit, metric)
        assert series(unit, metric).shown_in(None) == found


def test_another_unit_is_told_from_the_sources() -> None:
    assert series("K", "Cel").shown_in("[degF]") == Shown("[degF]", conversion("K", "[degF]"))
    assert series(None, "Cel").shown_in("K") == Shown("K", conversion("Cel", "K"))
    assert series(None, "bananas").shown_in("bananas") == Shown("bananas")
    assert series("bananas", None).shown_in("bananas") == Shown("bananas")
    with pytest.raises(BadInput, match="Nobody has said in which unit"):
        series(None, None).shown_in("K")
    with pytest.raises(BadInput, match="'bananas' is not known"):
        series("K", "bananas").shown_in("bananas")


def test_codes_of_a_state_have_no_other_unit() -> None:
    state = series("K", "Cel", MetricKind.STATE)
    assert state.shown == Shown("K")
    assert series(None, "1", MetricKind.STATE).shown == Shown("1")
    with pytest.raises(BadInput, match="codes, which have no unit"):
        state.shown_in("K")
