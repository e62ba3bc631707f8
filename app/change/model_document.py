"""The model file as a document: what it says of each thing, with the place where it says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from app.change import model_values as values
from app.change.faults import Faults, Place, shown
from app.change.model_keys import EntryKind, entry_kinds, label_text, metric_name
from app.change.model_values import Reader, Wrong
from app.change.yaml_nodes import Node, Pairs, Scalar, read_yaml
from app.domain.model_conflicts import closest
from app.domain.plant_model import Fields, Noun, Path, PlantModel

T = TypeVar("T")

_LISTS = ("plants", "machine_types", "metrics", "kpis", "derived")

_Spot = tuple[Noun, Path, str, object]
_Written = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where it says so."""

    model: PlantModel
    places: Mapping[_Spot, Place]

    def place(self, noun: Noun, path: Path, key: str, item: object) -> Place:
        """Where an item of a field is written, else the field, else the thing itself."""
        spots: list[_Spot] = [(noun, path, key, item), (noun, path, key, None), (noun, path, "", None)]
        return next((self.places[spot] for spot in spots if spot in self.places), Place(1, 1))


def read_document(text: str, name: str) -> Document:
    """ModelInvalid, with every fault that the file has by itself, where no store could take it."""
    faults = Faults(name)
    reading = _Reading(faults)
    written = reading.keyed(read_yaml(text, name), "The model", _LISTS)
    for key, node in written.items():
        reading.entries(key, node, ())
    faults.settle()
    return Document(PlantModel(reading.things), reading.places)


@dataclass(frozen=True, slots=True)
class _Reading:
    faults: Faults
    kinds: Mapping[str, EntryKind] = field(default_factory=entry_kinds)
    things: dict[Noun, dict[Path, Fields]] = field(default_factory=lambda: {noun: {} for noun in Noun})
    places: dict[_Spot, Place] = field(default_factory=dict)

    def entries(self, list_key: str, node: Node, above: Path) -> tuple[str, ...]:
        """Reads the members of a list of things, and returns their names in order."""
        kind = self.kinds[list_key]
        names: dict[str, Place] = {}
        for entry in self._value(list_key, node, values.items) or ():
            written = self.keyed(entry, f"A {kind.noun.value}", kind.keys)
            if not isinstance(entry, Pairs):
                continue
            name, place = self._name(kind, entry, written)
            path = (*above, name or "?")
            fields = self._fields(kind, path, written)
            if name in names:
                sentence = f"The {kind.noun.value} {shown(name)} is there already, in line {names[name].line}."
                self.faults.add(place, sentence, "Make the two one, or give this one another name.")
            elif name:
                names[name] = self.places[kind.noun, path, "", None] = place
                self.things[kind.noun][path] = fields
        return tuple(names)

    def keyed(self, node: Node, what: str, keys: Sequence[str]) -> _Written:
        """The values of a mapping by key; keys that are not known, or there twice, are faults."""
        if not isinstance(node, Pairs):
            self.faults.add(node.place, f"{what} is not a mapping.", f"Write `{keys[0]}: ...` here.")
            return {}
        written: dict[str, Node] = {}
        for key, value in node.nodes:
            if not isinstance(key, Scalar) or key.text not in keys:
                text = shown(key.text) if isinstance(key, Scalar) else "a list or mapping"
                meant = closest(key.text, keys) if isinstance(key, Scalar) else None
                remedy = f"Did you mean `{meant}`?" if meant else f"The keys here are {', '.join(keys)}."
                self.faults.add(key.place, f"{what} has no key {text}.", remedy)
            elif key.text in written:
                self.faults.add(key.place, f"The key `{key.text}` is there twice.", "Remove one of them.")
            else:
                written[key.text] = value
        return written

    def _name(self, kind: EntryKind, entry: Pairs, written: _Written) -> tuple[str, Place]:
        """What names an entry, or nothing where that is a fault."""
        if kind.key not in written:
            self.faults.add(entry.place, f"A {kind.noun.value} has no `{kind.key}`.", f"Write `{kind.key}: ...`.")
            return "", entry.place
        node = written[kind.key]
        return self._value(kind.key, node, kind.name) or "", node.place

    def _fields(self, kind: EntryKind, path: Path, written: _Written) -> dict[str, object]:
        fields: dict[str, object] = {}
        for key, read in kind.readers.items():
            if key in written:
                self.places[kind.noun, path, key, None] = written[key].place
                fields[key] = self._value(key, written[key], read)
        if kind.below is None or kind.below not in written:
            return fields
        node = written[kind.below]
        match kind.noun:
            case Noun.METRIC:
                fields["labels"] = self._labels(path, node)
            case Noun.MACHINE_TYPE:
                fields["metrics"] = self._metrics(path, node)
            case Noun.LINE:
                fields["machines"] = self.entries(kind.below, node, path)
            case _:
                self.entries(kind.below, node, path)
        return fields

    def _metrics(self, path: Path, node: Node) -> frozenset[str]:
        found: set[str] = set()
        for item in self._value("metrics", node, values.items) or ():
            name = self._value("metrics", item, metric_name)
            if name in found:
                self.faults.add(item.place, f"The metric {shown(name)} is in this list already.", "Remove one of them.")
            elif name:
                found.add(name)
                self.places[Noun.MACHINE_TYPE, path, "metrics", name] = item.place
        return frozenset(found)

    def _labels(self, path: Path, node: Node) -> dict[int, str]:
        codes: dict[str, int] = {}
        labels: dict[int, str] = {}
        for key, value in self._value("labels", node, values.pairs) or ():
            code = self._value("labels", key, values.label_code)
            text = self._value("labels", value, label_text)
            if code is None or text is None:
                continue
            if code in labels:
                self.faults.add(key.place, f"The code {code} is there twice.", "Remove one of them.")
            elif text in codes:
                sentence = f"The label {shown(text)} stands for {codes[text]} already."
                self.faults.add(value.place, sentence, "Write another text.")
            labels[code], codes[text] = text, code
            self.places[Noun.METRIC, path, "labels", code] = value.place
        return labels

    def _value(self, key: str, node: Node, read: Reader[T]) -> T | None:
        """What a node says; None, and a fault, where it cannot be read."""
        try:
            return read(node)
        except Wrong as wrong:
            self.faults.add(wrong.place, f"`{key}` {wrong.sentence}", wrong.remedy)
            return None
