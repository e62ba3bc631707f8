"""The keys that each kind of entry in a model file may have, and how each is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.change import model_values as values
from app.change.model_attributes import attributes
from app.change.model_values import Reader
from app.domain.addresses import LONGEST_SOURCE
from app.domain.formulas import LONGEST as LONGEST_FORMULA
from app.domain.limits import LARGEST_TEXT, LONGEST_TEXT
from app.domain.plant_model import Noun

_LONGEST_NAME = 200
_LONGEST_DESCRIPTION = 10_000

metric_name: Reader[str] = values.text(LONGEST_SOURCE, largest=LARGEST_TEXT)
"""Ingest makes it from measurement and field, so it may be as long as a source."""

label_text: Reader[str] = values.text(LONGEST_TEXT, largest=LARGEST_TEXT)


@dataclass(frozen=True, slots=True)
class EntryKind:
    """One kind of entry: the key that names it, what else it may say, and the key of what it holds."""

    noun: Noun
    key: str
    name: Reader[str]
    readers: Mapping[str, Reader[object]]
    below: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *self.readers, *([self.below] if self.below else []))


def entry_kinds() -> dict[str, EntryKind]:
    """By the key of the list that holds them."""
    name = values.text(_LONGEST_NAME)
    silence = values.or_nothing(values.duration(zero=False))
    named: dict[str, Reader[object]] = {"name": name, "attributes": attributes}
    plant: dict[str, Reader[object]] = {
        "time_zone": values.time_zone(),
        "production_day_starts": values.time_of_day,
    }
    machine: dict[str, Reader[object]] = {
        "type": values.or_nothing(name),
        "transit": values.duration(zero=True),
    }
    metric: dict[str, Reader[object]] = {
        "display_name": metric_name,
        "description": values.or_nothing(values.text(_LONGEST_DESCRIPTION)),
        "unit": values.or_nothing(name),
        "kind": values.kind,
        "interval": silence,
        "gap": silence,
        "dip_tolerance": values.number(zero=True),
        "modulus": values.or_nothing(values.number(zero=False)),
    }
    kpi: dict[str, Reader[object]] = {
        "display_name": name,
        "description": values.or_nothing(values.text(_LONGEST_DESCRIPTION)),
        "formula": values.text(LONGEST_FORMULA),
        "unit": values.or_nothing(name),
    }
    derived = kpi | {"every": values.step}
    return {
        "plants": EntryKind(Noun.PLANT, "code", values.code, named | plant, "lines"),
        "lines": EntryKind(Noun.LINE, "code", values.code, named, "machines"),
        "machines": EntryKind(Noun.MACHINE, "code", values.code, named | machine),
        "machine_types": EntryKind(Noun.MACHINE_TYPE, "name", name, {}, "metrics"),
        "metrics": EntryKind(Noun.METRIC, "name", metric_name, metric, "labels"),
        "kpis": EntryKind(Noun.KPI, "name", name, kpi),
        "derived": EntryKind(Noun.DERIVED, "name", name, derived),
    }
