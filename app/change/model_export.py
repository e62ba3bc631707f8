"""Writes a stored model as the YAML document that says the same: names first, defaults left out."""

from collections.abc import Mapping
from datetime import time, timedelta
from enum import Enum

import isodate
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from app.change.faults import Place
from app.change.model_attributes import plain_value
from app.change.model_values import Wrong
from app.change.yaml_nodes import Scalar
from app.domain.plant_model import Noun, Path, PlantModel, defaults, number

_TAG = "tag:yaml.org,2002:"
_INLINE = ("attributes", "labels")
_NOUNS = (Noun.PLANT, Noun.LINE, Noun.MACHINE, Noun.MACHINE_TYPE, Noun.METRIC, Noun.KPI, Noun.DERIVED)

_NAMED = {"machine_types": Noun.MACHINE_TYPE, "metrics": Noun.METRIC, "kpis": Noun.KPI, "derived": Noun.DERIVED}

Entry = dict[str, object]


class _Dumper(yaml.SafeDumper):
    """Indents the members of a list below its key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def document_text(model: PlantModel) -> str:
    """The whole model; applied to the store that it came from, it changes nothing."""
    lines: dict[Path, list[Entry]] = {}
    for path in model.of(Noun.LINE):
        machines = model.of(Noun.LINE)[path]["machines"]
        entry = {"code": path[-1]} | _said(model, Noun.LINE, path)
        if machines:
            entry["machines"] = [{"code": code} | _said(model, Noun.MACHINE, (*path, code)) for code in machines]
        lines.setdefault(path[:1], []).append(entry)
    plants = [
        {"code": path[0]} | _said(model, Noun.PLANT, path) | ({"lines": lines[path]} if path in lines else {})
        for path in model.of(Noun.PLANT)
    ]
    named = {
        key: [{"name": path[0]} | _said(model, noun, path) for path in model.of(noun)] for key, noun in _NAMED.items()
    }
    parts = {"plants": plants, **named}
    document = {key: entries for key, entries in parts.items() if entries} or {"plants": []}
    return str(yaml.serialize(_node(document), Dumper=_Dumper, allow_unicode=True, width=120))


def contents_of(model: PlantModel) -> str:
    """What a document of the whole model holds, in numbers: 1 plant, 3 lines and so on."""
    counts = [(len(model.of(noun)), noun.value) for noun in _NOUNS if noun is not Noun.DERIVED or model.of(noun)]
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts)


def _said(model: PlantModel, noun: Noun, path: Path) -> Entry:
    """What of a thing is not as it would be if it were left out; the time zone always, for its default is a setting."""
    usual = defaults(noun, path)
    fields = model.of(noun)[path]
    return {
        key: fields[key] for key in usual if key != "machines" and (key == "time_zone" or fields[key] != usual[key])
    }


def _node(value: object, *, inline: bool = False) -> Node:
    match value:
        case Mapping():
            pairs = [(_node(key), _node(each, inline=inline or key in _INLINE)) for key, each in value.items()]
            return MappingNode(_TAG + "map", pairs, flow_style=inline or not pairs)
        case list() | frozenset():
            members = sorted(value) if isinstance(value, frozenset) else value
            flat = not any(isinstance(member, Mapping) for member in members)
            return SequenceNode(
                _TAG + "seq", [_node(each, inline=inline) for each in members], flow_style=inline or flat
            )
        case None:
            return ScalarNode(_TAG + "null", "null")
        case bool():
            return ScalarNode(_TAG + "bool", "true" if value else "false")
        case int():
            return ScalarNode(_TAG + "int", str(value))
        case float():
            return _number(value)
        case Enum():
            return ScalarNode(_TAG + "str", str(value.value))
        case time():
            return ScalarNode(_TAG + "str", value.isoformat("minutes"), style='"')
        case timedelta():
            return ScalarNode(_TAG + "str", isodate.duration_isoformat(value))
    return _text(str(value))


def _text(text: str) -> Node:
    """Quoted where it would be read as something else, by this program or by another."""
    try:
        plain = plain_value(Scalar(Place(1, 1), text, False)) == text
    except Wrong:
        plain = False
    safe = plain and text.isprintable() and not text[:1].isdigit()
    return ScalarNode(_TAG + "str", text, style=None if safe else '"')


def _number(value: float) -> Node:
    text = number(value)
    if "e" not in text and "." not in text:
        return ScalarNode(_TAG + "int", text)
    # YAML 1.1 knows a number with an exponent by its point.
    return ScalarNode(_TAG + "float", text if "." in text else text.replace("e", ".0e"))
