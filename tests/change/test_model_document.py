"""What a model file may say, and how its faults are told."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.change.model_document import read_document
from app.change.model_export import document_text
from app.domain.model import MetricKind
from app.domain.plant_model import Fields, Noun, PlantModel, changes
from app.errors import ModelInvalid
from tests.change.told import fault_of


def _fault(text: str) -> ModelInvalid:
    return fault_of(text, "plant.yaml")


def _metric(line: str) -> str:
    return f"metrics:\n  - name: temperature\n    {line}\n"


def _machine(line: str) -> str:
    above = "plants:\n  - code: p\n    lines:\n      - code: l\n        machines:\n          - code: m\n"
    return f"{above}            {line}\n"


def _attribute(text: str) -> str:
    return f"plants:\n  - code: p\n    attributes: {{a: {text}}}\n"


def test_values_are_read_as_they_are_meant() -> None:
    model = read_document(
        "plants:\n"
        "  - code: 007\n"
        "    production_day_starts: 06:00\n"
        "    time_zone: America/Detroit\n"
        "    attributes: {a: 1, b: 1.5, c: 'true', d: true, e: null, f: [x, {g: no}], h: 1_000, i: 0x10}\n"
        "metrics:\n"
        "  - {name: yes, kind: STATE, interval: PT0.5S, gap: null, modulus: 65536, labels: {0: off, '-1': on}}\n",
        "plant.yaml",
    ).model
    assert model.of(Noun.PLANT) == {
        ("007",): {
            "production_day_starts": time(6),
            "time_zone": "America/Detroit",
            "attributes": {
                "a": 1, "b": 1.5, "c": "true", "d": True, "e": None, "f": ["x", {"g": "no"}], "h": "1_000", "i": "0x10",
            },
        }
    }  # fmt: skip
    assert model.of(Noun.METRIC) == {
        ("yes",): {
            "kind": MetricKind.STATE,
            "interval": timedelta(seconds=0.5),
            "gap": None,
            "modulus": 65536.0,
            "labels": {0: "off", -1: "on"},
        }
    }


def test_json_is_a_model_file_too() -> None:
    model = read_document(
        '{"metrics": [{"name": "status", "labels": {"0": "idle"}, "modulus": 8}]}', "plant.json"
    ).model
    assert model.of(Noun.METRIC) == {("status",): {"labels": {0: "idle"}, "modulus": 8.0}}


@pytest.mark.parametrize(
    ("text", "place", "sentence", "hint"),
    [
        ("", "1:1", "The file is empty.", "plants"),
        ("# nothing\n", "1:1", "The file is empty.", "plants"),
        ("plants: [\n", "2:1", "This is not YAML", "indent"),
        ("plants:\n\t- code: a\n", "2:1", "This is not YAML", "spaces"),
        ("a: 'b\n", "2:1", "This is not YAML", "quotes"),
        ("- plants\n", "1:1", "The model is not a mapping.", "plants"),
        ("plants:\n  code: a\n", "2:3", "`plants` is a mapping, where a list is expected.", "`- `"),
        ("plants: a\n", "1:9", "`plants` is the text 'a', where a list is expected.", "`- `"),
        ("plants:\n  - a\n", "2:5", "A plant is not a mapping.", "code"),
        ("plants:\n  -\n", "2:4", "A plant is not a mapping.", "code"),
        ("plant: []\n", "1:1", "The model has no key 'plant'.", "Did you mean `plants`?"),
        ("shifts: []\n", "1:1", "The model has no key 'shifts'.", "machine_types"),
        ("plants: []\nplants: []\n", "2:1", "The key `plants` is there twice.", "Remove"),
        ("plants:\n  - name: x\n", "2:5", "A plant has no `code`.", "code"),
        ("plants:\n  - code:\n", "2:10", "`code` is empty.", "letters"),
        ("plants:\n  - code: Plant 1\n", "2:11", "`code` is 'Plant 1'; a code is", "Plant-1"),
        (f"plants:\n  - code: {'x' * 65}\n", "2:11", "`code` is", "xxx"),
        ("plants:\n  - code: a\n  - code: a\n", "3:11", "The plant 'a' is there already, in line 2.", "another name"),
        ("plants:\n  - code: a\n    time_zone: Europe/Berln\n", "3:16", "no time zone", "Europe/Berlin"),
        ("plants:\n  - code: a\n    time_zone: ../etc/passwd\n", "3:16", "no time zone", ""),
        ("plants:\n  - code: a\n    time_zone: America\n", "3:16", "no time zone", ""),
        ("plants:\n  - code: a\n    production_day_starts: 24:00\n", "3:28", "'24:00'", "06:00"),
        ("plants:\n  - code: a\n    production_day_starts: 360\n", "3:28", "'360'", "06:00"),
        ("plants:\n  - code: a\n    time_zon: UTC\n", "3:5", "A plant has no key 'time_zon'.", "`time_zone`"),
        (f"plants:\n  - code: a\n    name: {'x' * 201}\n", "3:11", "`name` has 201 characters.", "200"),
        ('plants:\n  - code: a\n    name: "a\\0b"\n', "3:11", "`name` holds a NUL character.", "Remove"),
        ("plants:\n  - code: a\n    name: {a: b}\n", "3:11", "`name` is a mapping, where one value", "colon"),
        ("plants:\n  - code: a\n    name: a\x00b\n", "3:12", "cannot hold the character", "UTF-8"),
        ("plants:\n  - code: a\n    name: \udc80\n", "3:11", "cannot hold the character", "UTF-8"),
        (_machine("type: [robot]"), "7:19", "`type` is a list, where one value", "colon"),
        (_machine("transit: -PT1S"), "7:22", "below zero", "PT30S"),
        (_machine("trasit: PT1S"), "7:13", "A machine has no key 'trasit'.", "`transit`"),
        (_machine("transit: 45"), "7:22", "not an ISO 8601 duration", "PT30S"),
        (_metric("kind: gauge"), "3:11", "not GAUGE, COUNTER or STATE", "Did you mean GAUGE?"),
        (_metric("interval: PT0S"), "3:15", "not above zero", "PT30S"),
        (_metric("interval: -PT1S"), "3:15", "not above zero", "PT30S"),
        (_metric("interval: PT0.0000001S"), "3:15", "not above zero", "PT30S"),
        (_metric("gap: P1M"), "3:10", "months and years", "P30D"),
        (_metric("gap: P999999999999999999999D"), "3:10", "not an ISO 8601 duration", "PT30S"),
        (_metric("gap: PT\u0661S"), "3:10", "not an ISO 8601 duration", "PT30S"),
        (_metric("gap: P999999D"), "3:10", "longer than a century", "P30D"),
        (_metric("modulus: 0"), "3:14", "not above zero", "greater"),
        (_metric("modulus: -256"), "3:14", "not above zero", "greater"),
        (_metric("modulus: .inf"), "3:14", "not a number", "65536"),
        (_metric("modulus: 1e999"), "3:14", "too large", ""),
        (_metric("modulus: 1_000"), "3:14", "not a number", "65536"),
        (_metric("dip_tolerance: -0.5"), "3:20", "below zero", "greater"),
        (_metric("dip_tolerance: nan"), "3:20", "not a number", ""),
        (_metric("labels: [idle]"), "3:13", "`labels` is a list, where a mapping", "key: value"),
        (_metric("labels: {one: idle}"), "3:14", "the code 'one'", "{0: idle"),
        (_metric("labels: {1.0: idle}"), "3:14", "the code '1.0'", "{0: idle"),
        (_metric("labels: {2147483648: idle}"), "3:14", "the code '2147483648'", "{0: idle"),
        (_metric("labels: {0: ''}"), "3:17", "`labels` is empty.", "text"),
        (_metric(f"labels: {{0: {'x' * 1001}}}"), "3:17", "1,001 characters", "1,000"),
        (_metric(f"labels: {{0: {'€' * 834}}}"), "3:17", "2,502 bytes", "2,500"),
        (f"metrics:\n  - name: {'€' * 834}\n", "2:11", "`name` has 2,502 bytes", "2,500"),
        (_metric('labels: {0: "a\\0"}'), "3:17", "NUL", "Remove"),
        (_metric("labels: {0: idle, 0: run}"), "3:23", "The code 0 is there twice.", "Remove"),
        (_metric("labels: {0: idle, 1: idle}"), "3:26", "'idle' stands for 0 already", "another text"),
        ("machine_types:\n  - {name: a, metrics: [b, b]}\n", "2:28", "The metric 'b' is in this list", "Remove"),
        ("metrics:\n  - name: a\n  - name: a\n", "3:11", "The metric 'a' is there already, in line 2.", ""),
        (_attribute("2009-01-01"), "3:21", "has the date 2009-01-01", '"2009-01-01"'),
        (_attribute(".nan"), "3:21", "has the number .nan", "quotes"),
        (_attribute("1e999"), "3:21", "too large", "quotes"),
        (_attribute("9223372036854775808"), "3:21", "too large", "quotes"),
        (_attribute("1" * 6000), "3:21", "too large", "quotes"),
        (_attribute("{1: b}"), "3:22", "has a key that is not text", "quotes"),
        (_attribute("{[b]: c}"), "3:22", "has a key that is not text", "quotes"),
        (_attribute("{b: c, b: d}"), "3:28", "has the key 'b' twice", "Remove"),
        (_attribute('"\\0"'), "3:21", "NUL", "Remove"),
        ("plants: &a []\nmetrics: *a\n", "1:9", "&a is an anchor", "write out"),
        ("plants: *a\n", "1:9", "*a is an alias", "Write out"),
        ("plants: !!python/object:os.system []\n", "1:9", "is a tag", "Remove"),
        ("plants: []\n---\nplants: []\n", "2:1", "A second document starts here.", "---"),
        ("plants: " + "[" * 100_000, "1:48", "nest more than 40 deep", "flatter"),
        ("#" * 5_000_001, "1:1", "larger than 5,000,000 bytes", "Split"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_what_mends_it(text: str, place: str, sentence: str, hint: str) -> None:
    error = _fault(text)
    assert error.message.startswith(f"plant.yaml:{place}: ")
    assert sentence in error.message
    assert error.hint is not None
    assert hint in error.hint
    assert "\n" not in str(error)


def test_several_faults_are_told_in_the_order_of_their_places() -> None:
    error = _fault("metrics:\n  - name: a\n    kind: B\n    gap: C\nplants:\n  - cod: d\n")
    places = [line.split(" ")[0] for line in error.message.split("\n")]
    assert places == ["plant.yaml:3:11:", "plant.yaml:4:10:", "plant.yaml:6:5:", "plant.yaml:6:5:"]
    assert "Nothing was changed" in str(error.hint)


def test_at_most_twenty_faults_are_told_and_the_others_counted() -> None:
    error = _fault("metrics:\n" + "".join(f"  - {{name: m{number}, kind: X}}\n" for number in range(57)))
    lines = error.message.split("\n")
    assert [lines[0].split(" ")[0], lines[-1].split(" ")[0]] == ["plant.yaml:2:22:", "plant.yaml:21:23:"]
    assert len(lines) == 20
    assert "the first 20 of 57 faults" in str(error.hint)


def test_a_file_of_faults_is_given_up_early() -> None:
    error = _fault("plants:\n" + "".join(f"  - {{code: p{n}, time_zone: Europe/Berln}}\n" for n in range(9_000)))
    assert len(error.message.split("\n")) == 20
    assert "the first 20 of 200 or more faults" in str(error.hint)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read_document("\ufeffplants:\n  - code: a\n", "f").model.of(Noun.PLANT) == {("a",): {}}


_CODES = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30) | (
    st.sampled_from(
        ["null", "~", "yes", "1e5", "-0.5", "06:00", "2009-01-01", "<<", "=", ".nan", "0x1F", "- a", "a: b", "#"]
    )
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(-1e15, 1e15) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_SILENCES = st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=900))
_ATTRIBUTES = st.dictionaries(_TEXTS, _JSON, max_size=3)


@st.composite
def _models(draw: st.DrawFn) -> PlantModel:
    metrics: dict[tuple[str, ...], Fields] = {
        (name,): {
            "display_name": draw(_TEXTS),
            "description": draw(st.none() | _TEXTS),
            "unit": draw(st.none() | _TEXTS),
            "kind": draw(st.sampled_from(MetricKind)),
            "interval": draw(_SILENCES),
            "gap": draw(_SILENCES),
            "dip_tolerance": draw(st.floats(0, 1e300)),
            "modulus": draw(st.none() | st.floats(1e-300, 1e300)),
            "labels": dict(enumerate(draw(st.lists(_TEXTS, max_size=3, unique=True)), -1)),
        }
        for name in draw(st.lists(_TEXTS, max_size=2, unique=True))
    }
    types: dict[tuple[str, ...], Fields] = {
        (name,): {"metrics": frozenset(key[0] for key in metrics)} for name in draw(st.sets(_TEXTS, max_size=2))
    }
    plants: dict[tuple[str, ...], Fields] = {}
    lines: dict[tuple[str, ...], Fields] = {}
    machines: dict[tuple[str, ...], Fields] = {}
    for plant in draw(st.lists(_CODES, max_size=2, unique=True)):
        plants[plant,] = {
            "name": draw(_TEXTS),
            "time_zone": draw(st.sampled_from(["UTC", "Asia/Kolkata"])),
            "production_day_starts": time(draw(st.integers(0, 23)), draw(st.integers(0, 59))),
            "attributes": draw(_ATTRIBUTES),
        }
        for line in draw(st.lists(_CODES, max_size=2, unique=True)):
            codes = tuple(draw(st.lists(_CODES, max_size=2, unique=True)))
            lines[plant, line] = {"name": draw(_TEXTS), "attributes": draw(_ATTRIBUTES), "machines": codes}
            for code in codes:
                machines[plant, line, code] = {
                    "name": draw(_TEXTS),
                    "type": draw(st.sampled_from([None, *(key[0] for key in types)])),
                    "transit": draw(st.timedeltas(timedelta(), timedelta(days=9))),
                    "attributes": draw(_ATTRIBUTES),
                }
    return PlantModel(
        {Noun.METRIC: metrics, Noun.MACHINE_TYPE: types, Noun.PLANT: plants, Noun.LINE: lines, Noun.MACHINE: machines}
    )


@given(_models())
def test_what_is_written_out_is_read_back_the_same(stored: PlantModel) -> None:
    text = document_text(stored)
    read = read_document(text, "export.yaml").model
    assert changes(stored, read, "UTC") == []
    rebuilt = PlantModel({noun: {} for noun in Noun})
    restored = {(change.noun, change.path): change.after for change in changes(rebuilt, read, "Europe/Berlin")}
    assert restored == {(noun, path): fields for noun in Noun for path, fields in stored.of(noun).items()}
    assert list(read.of(Noun.LINE)) == list(stored.of(Noun.LINE))
