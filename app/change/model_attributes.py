"""Attributes in a model file: whatever JSON can hold, told apart by how it is written."""

import math
import re

from app.change.faults import shown
from app.change.model_values import NUMBER, Wrong, pairs, scalar, storable
from app.change.yaml_nodes import Items, Node, Pairs, Scalar

_LARGEST = 2**63 - 1  # beyond, an integer no longer fits what answers are encoded with
_CONSTANTS: dict[str, object] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?\Z")


def attributes(node: Node) -> dict[str, object]:
    """A mapping of texts to JSON values; nothing written is an empty one."""
    found: dict[str, object] = {}
    for key_node, value in pairs(node):
        if not isinstance(key_node, Scalar) or not isinstance(plain_value(key_node), str):
            raise Wrong(key_node.place, "has a key that is not text.", "Put the key in quotes.")
        key = storable(key_node.place, scalar(key_node).text)
        if key in found:
            raise Wrong(key_node.place, f"has the key {shown(key)} twice.", "Remove one of them.")
        found[key] = _value(value)
    return found


def plain_value(node: Scalar) -> object:
    """What a scalar stands for: JSON's null, booleans and numbers where they are not quoted, else its text."""
    if node.quoted:
        return storable(node.place, node.text)
    if node.null:
        return None
    if node.text in _CONSTANTS:
        return _CONSTANTS[node.text]
    if _NOT_FINITE.match(node.text):
        raise Wrong(
            node.place, f"has the number {node.text}, which JSON cannot hold.", "Remove it, or put it in quotes."
        )
    if _DATE.match(node.text):
        raise Wrong(
            node.place, f"has the date {node.text}, which JSON cannot hold.", f'Put it in quotes: "{node.text}".'
        )
    if not (found := NUMBER.match(node.text)):
        return storable(node.place, node.text)
    real = float(node.text)
    value = real if found[2] or found[3] or math.isinf(real) else int(node.text)
    if abs(value) > _LARGEST:
        raise Wrong(node.place, f"has the number {shown(node.text)}, which is too large.", "Put it in quotes.")
    return value


def _value(node: Node) -> object:
    match node:
        case Pairs():
            return attributes(node)
        case Items():
            return [_value(item) for item in node.nodes]
        case Scalar():
            return plain_value(node)
