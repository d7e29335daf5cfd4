"""The three kinds of patch: RFC 7386 merge, RFC 6902 JSON patch, and strategic merge as far as named lists go."""

from __future__ import annotations

import copy
from typing import Any

Json = Any


class BadPatch(Exception):
    """The patch itself is not well-formed."""


class Unapplied(Exception):
    """The patch is well-formed, but the object is not what it expects."""


def merge(target: Json, patch: Json) -> Json:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Json, patch: Json) -> Json:
    """Like merge, but the members of a list that have a name are merged by it."""
    if isinstance(patch, list) and isinstance(target, list) and patch and all(_named(item) for item in patch):
        return _merge_named(target, patch)
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = strategic(result.get(key), value)
    return result


def _named(item: Json) -> bool:
    return isinstance(item, dict) and "name" in item


def _merge_named(target: list[Json], patch: list[Json]) -> list[Json]:
    wanted = {item["name"]: item for item in patch}
    merged = [strategic(item, wanted.pop(item["name"])) if item.get("name") in wanted else item for item in target]
    return merged + [copy.deepcopy(item) for item in wanted.values()]


def json_patch(target: Json, operations: Json) -> Json:
    if not isinstance(operations, list) or not all(isinstance(o, dict) for o in operations):
        raise BadPatch("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result = copy.deepcopy(target)
    for operation in operations:
        result = _apply(result, operation)
    return result


def _apply(doc: Json, operation: dict[str, Json]) -> Json:
    op, path = operation.get("op"), operation.get("path")
    if not isinstance(path, str):
        raise BadPatch("missing path in JSON patch operation")
    match op:
        case "add" | "replace":
            return _set(doc, path, operation.get("value"), must_exist=op == "replace")
        case "remove":
            _remove(doc, path)
        case "test":
            if _get(doc, path, missing=None) != operation.get("value"):
                raise Unapplied(f"testing value {path} failed: test failed")
        case "copy" | "move":
            value = copy.deepcopy(_get(doc, str(operation.get("from"))))
            if op == "move":
                _remove(doc, str(operation.get("from")))
            return _set(doc, path, value, must_exist=False)
        case _:
            raise BadPatch(f"Unexpected kind: {op}")
    return doc


_REQUIRED = object()


def _get(doc: Json, path: str, missing: Json = _REQUIRED) -> Json:
    node = doc
    for step in _steps(path):
        try:
            node = node[int(step)] if isinstance(node, list) else node[step]
        except (KeyError, IndexError, ValueError, TypeError):
            if missing is not _REQUIRED:
                return missing
            raise Unapplied(f"error in from for path: '{path}': missing value") from None
    return node


def _set(doc: Json, path: str, value: Json, must_exist: bool) -> Json:
    steps = _steps(path)
    if not steps:
        return copy.deepcopy(value)
    parent, last = _parent(doc, path, steps)
    if isinstance(parent, list):
        index = len(parent) if last == "-" else _index(last, path, len(parent) if must_exist else len(parent) + 1)
        parent[index : index + must_exist] = [copy.deepcopy(value)]
    elif must_exist and last not in parent:
        raise Unapplied(f"replace operation does not apply: doc is missing key: {path}: missing value")
    else:
        parent[last] = copy.deepcopy(value)
    return doc


def _remove(doc: Json, path: str) -> None:
    steps = _steps(path)
    if not steps:
        raise Unapplied("remove operation does not apply: doc is missing path")
    parent, last = _parent(doc, path, steps)
    if isinstance(parent, list):
        del parent[_index(last, path, len(parent))]
    elif parent.pop(last, _REQUIRED) is _REQUIRED:
        raise Unapplied(f"remove operation does not apply: doc is missing key: {path}: missing value")


def _parent(doc: Json, path: str, steps: list[str]) -> tuple[Json, str]:
    above = "".join(f"/{s.replace('~', '~0').replace('/', '~1')}" for s in steps[:-1])
    parent = _get(doc, above, missing=None)
    if not isinstance(parent, dict | list):
        raise Unapplied(f"operation does not apply: doc is missing path: {path}: missing value")
    return parent, steps[-1]


def _index(step: str, path: str, length: int) -> int:
    if not step.isdigit() or int(step) >= length:
        raise Unapplied(f"Unable to access invalid index: {path}")
    return int(step)


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise BadPatch(f"JSON pointer must start with a slash: {path}")
    return [s.replace("~1", "/").replace("~0", "~") for s in path.split("/")[1:]]
