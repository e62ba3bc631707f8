"""The plant model as a document says it, and the changes that bring a stored model to it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import Enum
from typing import Any

import isodate

from app.domain.model import MetricKind

Path = tuple[str, ...]
"""Codes from the plant down, or the one name of a metric, be it derived or not, a KPI or a machine type."""

Fields = Mapping[str, Any]
"""What is said of one thing, by name. In a document, a name that is absent is left as it is in the store.

Fields that only ever grow: `attributes` and `labels` (mappings), `metrics` of a machine type (a frozenset), and
`machines` of a line (a tuple, in order of material flow).
"""


USUAL_STEP = timedelta(minutes=1)
"""How far apart derived readings are, where nobody says otherwise."""


class Noun(Enum):
    """What a model consists of, in the order in which one needs the other."""

    METRIC = "metric"
    KPI = "KPI"
    DERIVED = "derived metric"
    MACHINE_TYPE = "machine type"
    PLANT = "plant"
    LINE = "line"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class PlantModel:
    """Everything by noun and path; a stored model has every field of everything."""

    things: Mapping[Noun, Mapping[Path, Fields]] = field(default_factory=dict)

    def of(self, noun: Noun) -> Mapping[Path, Fields]:
        return self.things.get(noun, {})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is created, where there is no `before`, or changed; both have every field."""

    noun: Noun
    path: Path
    before: Fields | None
    after: Fields

    @property
    def name(self) -> str:
        return f"{self.noun.value} {'/'.join(map(shown, self.path))}"

    @property
    def sentences(self) -> list[str]:
        if self.before is None:
            return [f"created {self.name}"]
        told = (part for key in self.after for part in _differences(key, self.before[key], self.after[key]))
        return [f"changed {self.name}: {part}" for part in told]


def changes(stored: PlantModel, wanted: PlantModel, time_zone: str) -> list[Change]:
    """What must change so that the stored model says what the wanted one does; new plants are in `time_zone`."""
    found = []
    for noun in Noun:
        known = stored.of(noun)
        for path, said in wanted.of(noun).items():
            before = known.get(path)
            base = defaults(noun, path, time_zone) if before is None else before
            after = {key: _grown(base[key], said[key]) if key in said else base[key] for key in base}
            if before is None or not same(before, after):
                found.append(Change(noun, path, before, after))
    return found


def defaults(noun: Noun, path: Path, time_zone: str = "UTC") -> Fields:
    """The fields of a thing of which nothing but its name is said."""
    name = path[-1]
    match noun:
        case Noun.PLANT:
            return {"name": name, "time_zone": time_zone, "production_day_starts": time(), "attributes": {}}
        case Noun.LINE:
            return {"name": name, "attributes": {}, "machines": ()}
        case Noun.MACHINE:
            return {"name": name, "type": None, "transit": timedelta(), "attributes": {}}
        case Noun.MACHINE_TYPE:
            return {"metrics": frozenset()}
        case Noun.KPI:
            return {"display_name": name, "description": None, "formula": "", "unit": None}
        case Noun.DERIVED:
            return {"display_name": name, "description": None, "formula": "", "every": USUAL_STEP, "unit": None}
        case Noun.METRIC:
            nothing = dict.fromkeys(("description", "unit"))
            limits = {"interval": None, "gap": None, "dip_tolerance": 0.0, "modulus": None}
            return {"display_name": name, **nothing, "kind": MetricKind.GAUGE, **limits, "labels": {}}


def same(old: object, new: object) -> bool:
    """Whether two values are equal where true is not 1."""
    match old, new:
        case dict(), dict():
            return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
        case list(), list():
            return len(old) == len(new) and all(map(same, old, new))
    return isinstance(old, bool) == isinstance(new, bool) and old == new


def number(value: float) -> str:
    """As short as it can be written: 65536, not 65536.0."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def shown(value: object) -> str:
    """A value as a sentence has it: on one line."""
    match value:
        case None:
            return "none"
        case Enum():
            return str(value.value)
        case float():
            return number(value)
        case time():
            return value.isoformat("minutes")
        case timedelta():
            return str(isodate.duration_isoformat(value))
    text = str(value)
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


def _grown(old: Any, new: Any) -> Any:
    match new:
        case dict():
            return {**old, **new}
        case frozenset():
            return old | new
        case tuple():
            named = set(new)
            return new + tuple(code for code in old if code not in named)
    return new


def _differences(key: str, old: Any, new: Any) -> Iterator[str]:
    if same(old, new):
        return
    match key:
        case "attributes":
            for name in _changed(old, new):
                yield f"attribute {name} {_json(old, name)} -> {_json(new, name)}"
        case "labels":
            for code in _changed(old, new):
                yield f"label {code} {shown(old.get(code))} -> {shown(new[code])}"
        case "metrics":
            yield f"added {', '.join(shown(name) for name in sorted(new - old))}"
        case "machines":
            known = set(old)
            kept = tuple(code for code in new if code in known)
            if kept != old:
                yield f"order of machines {', '.join(old)} -> {', '.join(kept)}"
        case _:
            yield f"{key} {shown(old)} -> {shown(new)}"


def _changed(old: Mapping[Any, object], new: Mapping[Any, object]) -> Iterable[Any]:
    return (key for key in new if key not in old or not same(old[key], new[key]))


def _json(attributes: Mapping[str, object], name: str) -> str:
    return json.dumps(attributes[name], ensure_ascii=False) if name in attributes else "none"
