"""Label and field selectors, as they stand in the query of a list or watch."""

from __future__ import annotations

import re
from typing import Any

from sandbox.kube.store import Object

SET = re.compile(r"^(\S+) (in|notin) \(([^)]*)\)$")
COMMA = re.compile(r",(?![^(]*\))")  # not the commas inside `in (a, b)`


def matches(obj: Object, labels: str, fields: str) -> bool:
    held = obj["metadata"].get("labels") or {}
    return all(_label(held, term) for term in _terms(labels)) and all(_field(obj, term) for term in _terms(fields))


def _terms(selector: str) -> list[str]:
    return [term.strip() for term in COMMA.split(selector) if term.strip()]


def _label(held: dict[str, str], term: str) -> bool:
    if found := SET.match(term):
        key, operator, values = found.groups()
        return (held.get(key) in [v.strip() for v in values.split(",")]) == (operator == "in")
    if "!=" in term:
        key, value = term.split("!=", 1)
        return held.get(key.strip()) != value.strip()
    if "=" in term:
        key, value = re.split("==?", term, maxsplit=1)
        return held.get(key.strip()) == value.strip()
    return term[1:] not in held if term.startswith("!") else term in held


def _field(obj: Object, term: str) -> bool:
    path, operator, value = re.split("(!=|==?)", term, maxsplit=1)
    node: Any = obj
    for step in path.split("."):
        node = node.get(step, {}) if isinstance(node, dict) else {}
    return (str(node or "") == value) == (operator != "!=")
