"""What is asked of the API server: the paths that it knows, and the words in which it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.kube.selectors import matches
from sandbox.kube.store import KINDS, MAIN, STATUS, Kind, Object

USER = "system:serviceaccount:watch:keeper"
VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.2",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-11-01T00:00:00Z",
    "goVersion": "go1.24.9",
    "compiler": "gc",
    "platform": "linux/amd64",
}
METHODS = {"GET": "get", "PUT": "update", "PATCH": "patch", "POST": "create", "DELETE": "delete"}
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True)
class Call:
    """One call as it came in. `resource` has the subresource after a slash."""

    verb: str
    resource: str
    namespace: str
    name: str
    body: Any
    manager: str
    at: datetime


@dataclass(frozen=True)
class Ask:
    """A request, understood."""

    verb: str
    kind: Kind
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def resource(self) -> str:
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    @property
    def manager(self) -> str:
        """Who owns what this call writes; by default the first word of its User-Agent."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "unknown").split("/")[0]

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    def selects(self, obj: Object) -> bool:
        fields = f"metadata.name={self.name}" if self.name else self.query.get("fieldSelector", "")
        return matches(obj, self.query.get("labelSelector", ""), fields)


class Failure(Exception):
    """The API server says no; `args` are the code, the message and more of the Status object."""

    def __init__(self, code: int, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code, self.details = code, details or {}


def status(code: int, message: str, details: Object | None = None) -> Object:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, "Unknown"),
        "code": code,
    }
    return body | ({"details": details} if details else {})


# --- paths


def understand(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Ask:
    parts = path.split("/")
    if parts[0] == "api":
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 2:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise unknown_path()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", "", ""][: max(3, len(rest))]
    kind = next((k for k in KINDS if (k.group, k.version, k.plural) == (group, version, plural)), None)
    if kind is None or subresource not in (MAIN, STATUS) or any(more):
        raise unknown_path()
    verb = METHODS[method]
    if verb == "get" and (not name or query.get("watch") in ("true", "1")):
        verb = "watch" if query.get("watch") in ("true", "1") else "list"
    if verb in ("patch", "update") and not name:
        raise Failure(405, "the server does not allow this method on the requested resource")
    return Ask(verb, kind, namespace, name, subresource, query, headers, body)


def discovery(path: str) -> Object | str | None:
    """What the API serves, in the form that clients without aggregated discovery read."""
    groups = {k.group: k.version for k in KINDS if k.group} | {"authorization.k8s.io": "v1"}
    match path.split("/"):
        case ["version"]:
            return dict(VERSION)
        case ["healthz" | "livez" | "readyz"]:
            return "ok"
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [api_group(*g) for g in groups.items()]}
        case ["apis", group] if group in groups:
            return {"kind": "APIGroup", "apiVersion": "v1"} | api_group(group, groups[group])
        case ["api", "v1"]:
            return resource_list("", "v1")
        case ["apis", group, version] if groups.get(group) == version:
            return resource_list(group, version)
    return None


def api_group(group: str, version: str) -> Object:
    this = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [this], "preferredVersion": this}


def resource_list(group: str, version: str) -> Object:
    resources = [
        {
            "name": kind.plural + suffix,
            "singularName": kind.kind.lower(),
            "namespaced": True,
            "kind": kind.kind,
            "verbs": ["get", "patch", "update"] + ([] if suffix else ["list", "watch"]),
        }
        for kind in KINDS
        if (kind.group, kind.version) == (group, version)
        for suffix in ("", "/status")
    ]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


# --- refusals


def unknown_path() -> Failure:
    return Failure(404, "the server could not find the requested resource")


def about(ask: Ask) -> Object:
    return {"name": ask.name, "group": ask.kind.group, "kind": ask.kind.plural}


def not_found(ask: Ask) -> Failure:
    return Failure(404, f'{ask.kind.resource} "{ask.name}" not found', about(ask))


def conflict(ask: Ask, why: str) -> Failure:
    return Failure(409, f'Operation cannot be fulfilled on {ask.kind.resource} "{ask.name}": {why}', about(ask))


def invalid(ask: Ask, why: str) -> Failure:
    named = f"{ask.kind.kind}.{ask.kind.group}" if ask.kind.group else ask.kind.kind
    return Failure(422, f'{named} "{ask.name}" is invalid: {why}', about(ask) | {"kind": ask.kind.kind})


def forbidden(ask: Ask) -> Failure:
    name = f' "{ask.name}"' if ask.name else ""
    where = f' in the namespace "{ask.namespace}"' if ask.namespace else " at the cluster scope"
    text = f'{ask.kind.resource}{name} is forbidden: User "{USER}" cannot {ask.verb} resource "{ask.resource}"'
    return Failure(403, f'{text} in API group "{ask.kind.group}"{where}', about(ask))
