"""What a change of the plant model must not contradict: names that exist nowhere, labels that mean something else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from app.domain.plant_model import Change, Noun, Path, PlantModel, number, shown

Learnt = Mapping[str, Mapping[int, frozenset[str]]]
"""The texts that the series of a metric have given a code on their own, by metric and code."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is wrong about a field, and what mends it; `item` tells which one of several, such as a label's code."""

    noun: Noun
    path: Path
    field: str
    item: object
    sentence: str
    remedy: str


def conflicts(stored: PlantModel, changes: Sequence[Change], learnt: Learnt) -> Iterator[Conflict]:
    """Everything in the changes that cannot be."""
    names = {
        noun: [path[0] for path in chain(stored.of(noun), (change.path for change in changes if change.noun is noun))]
        for noun in (Noun.METRIC, Noun.DERIVED, Noun.MACHINE_TYPE)
    }
    names[Noun.METRIC] += names.pop(Noun.DERIVED)
    known = {noun: set(found) for noun, found in names.items()}
    for change in changes:
        match change.noun:
            case Noun.MACHINE:
                wanted = change.after["type"]
                if wanted is not None and wanted not in known[Noun.MACHINE_TYPE]:
                    yield _unknown(change, "type", wanted, Noun.MACHINE_TYPE, names[Noun.MACHINE_TYPE])
            case Noun.MACHINE_TYPE:
                for metric in sorted(change.after["metrics"] - known[Noun.METRIC]):
                    yield _unknown(change, "metrics", metric, Noun.METRIC, names[Noun.METRIC])
            case Noun.METRIC:
                yield from _beyond_modulus(change)
                yield from _ambiguous_labels(change)
                yield from _learnt_otherwise(change, learnt.get(change.path[0], {}))


def closest(text: str, known: Iterable[str]) -> str | None:
    """What was probably meant."""
    found = get_close_matches(text[:64], list(known), 1)
    return found[0] if found else None


def _unknown(change: Change, field: str, name: str, noun: Noun, known: Iterable[str]) -> Conflict:
    meant = closest(name, known)
    keys = {Noun.METRIC: "metrics", Noun.MACHINE_TYPE: "machine_types"}
    remedy = f"Did you mean {meant!r}?" if meant else f"Define it under `{keys[noun]}`."
    sentence = f"The {noun.value} {name!r} is defined neither in the file nor in the store."
    return Conflict(change.noun, change.path, field, name, sentence, remedy)


def _beyond_modulus(change: Change) -> Iterator[Conflict]:
    tolerance, modulus = change.after["dip_tolerance"], change.after["modulus"]
    if modulus is None or tolerance <= modulus:
        return
    before = change.before["dip_tolerance"] if change.before else 0.0
    field = "modulus" if tolerance == before else "dip_tolerance"
    sentence = (
        f"The dip tolerance {number(tolerance)} of {shown(change.path[0])} is above its modulus {number(modulus)}."
    )
    yield Conflict(change.noun, change.path, field, None, sentence, "Write a smaller tolerance or a greater modulus.")


def _ambiguous_labels(change: Change) -> Iterator[Conflict]:
    before, after = change.before["labels"] if change.before else {}, change.after["labels"]
    codes: dict[str, list[int]] = {}
    for code, text in after.items():
        codes.setdefault(text, []).append(code)
    for code, text in after.items():
        others = [other for other in codes[text] if other != code]
        if others and before.get(code) != text:
            sentence = f"The label {text!r} of {shown(change.path[0])} stands for {others[0]} already."
            remedy = f"Write another text here, or give {others[0]} another text as well."
            yield Conflict(change.noun, change.path, "labels", code, sentence, remedy)


def _learnt_otherwise(change: Change, learnt: Mapping[int, frozenset[str]]) -> Iterator[Conflict]:
    before, after = change.before["labels"] if change.before else {}, change.after["labels"]
    used = set(learnt) | set(after)
    for code, text in after.items():
        others = learnt.get(code, frozenset()) - {text}
        if not others or before.get(code) == text:
            continue
        known = min(others)
        sentence = (
            f"The code {code} stands for {known!r} in readings of {shown(change.path[0])} that arrived as text;"
            f" as {text!r} they would be misread."
        )
        remedy = f"Write {code}: {shown(known)}, or give {text!r} a free code such as {_free(used)}."
        yield Conflict(change.noun, change.path, "labels", code, sentence, remedy)


def _free(used: set[int]) -> int:
    return next(code for code in range(len(used) + 1) if code not in used)
