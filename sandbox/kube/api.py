"""The Kubernetes API over HTTP: paths, verbs, patches, watches, and Status bodies in the API server's words."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.kube import patch
from sandbox.kube.faults import STREAM, Fault, Faults
from sandbox.kube.requests import (
    METHODS,
    Ask,
    Call,
    Failure,
    conflict,
    discovery,
    forbidden,
    invalid,
    not_found,
    status,
    understand,
)
from sandbox.kube.store import STATUS, Gone, Kind, Missing, Moved, Object, Store
from sandbox.slack.socket import ABORT

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
WATCH_SECONDS, BOOKMARK_SECONDS, LOOK_SECONDS = 1800.0, 60.0, 1.0
TYPES: dict[str, dict[str, type]] = {  # the fields of the custom resources whose type a patch most likely gets wrong
    "Rollout": {
        "spec.paused": bool,
        "spec.replicas": int,
        "status.abort": bool,
        "status.controllerPause": bool,
        "status.currentStepIndex": int,
        "status.observedGeneration": str,
        "status.pauseConditions": list,
        "status.promoteFull": bool,
    },
    "Canary": {
        "spec.skipAnalysis": bool,
        "spec.suspend": bool,
        "status.canaryWeight": int,
        "status.failedChecks": int,
        "status.phase": str,
    },
}
TYPE_NAMES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", float: "number"}


class Writer(Protocol):
    def __call__(self, kind: Kind, obj: Object, manager: str, subresource: str, dry_run: bool) -> Object: ...


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        if isinstance(self.body, str):
            kind = "text/html" if self.body.startswith("<") else "text/plain"
            return Response(self.body, self.status, dict(self.headers), media_type=kind)
        return JSONResponse(self.body, self.status, dict(self.headers))


class KubeApi:
    """Serves a store. `catch_up` is called before every read, `write` is the way in for every write."""

    def __init__(
        self,
        store: Store,
        faults: Faults,
        catch_up: Callable[[], None],
        write: Writer,
        before_call: Callable[[str], None],
    ) -> None:
        self.store, self.faults, self.catch_up, self.write, self.before_call = (
            store,
            faults,
            catch_up,
            write,
            before_call,
        )
        self.calls: deque[Call] = deque(maxlen=10_000)
        self.denied: set[tuple[str, str]] = set()
        self._closed = False

    def deny(self, verb: str, resource: str) -> None:
        """From now on the caller may not do this: `deny("patch", "rollouts/status")`."""
        self.denied.add((verb, resource))

    def allow(self, verb: str, resource: str) -> None:
        self.denied.discard((verb, resource))

    def disturb(self, status: int | str, times: int = 1, resource: str = "*") -> None:
        """Do this to the next open watches, at once: see `Fault` for what there is."""
        self.faults.add(STREAM, status, times, resource)
        self.store.ring()

    def close(self) -> None:
        """End every watch."""
        self._closed = True
        self.store.ring()

    def routes(self, prefix: str) -> list[BaseRoute]:
        return [Route(prefix + "/{path:path}", self.endpoint, methods=list(METHODS))]

    async def endpoint(self, request: Request) -> Response:
        path, body = request.path_params["path"].strip("/"), await request.body()
        answer = await run_in_threadpool(self.answer, request.method, path, request.query_params, request.headers, body)
        if isinstance(answer, Answer):
            return answer.response()
        return StreamingResponse(self.watch(request, answer), media_type="application/json")

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer | Ask:
        """The answer to a request; a watch is given back as it was understood."""
        try:
            if found := discovery(path):
                return Answer(200, found)
            if path == "apis/authorization.k8s.io/v1/selfsubjectaccessreviews" and method == "POST":
                return Answer(201, self.review(parse_json(body)))
            ask = understand(method, path, query, headers, body)
            return self.attempt(ask)
        except Failure as failure:
            headers = {"Retry-After": "1"} if failure.code == 429 else {}
            return Answer(failure.code, status(failure.code, str(failure), failure.details), headers)

    def attempt(self, ask: Ask) -> Answer | Ask:
        self.before_call(ask.verb)
        self._log(ask)
        if (ask.verb, ask.resource) in self.denied:
            raise forbidden(ask)
        fault = self.faults.take(ask.verb, ask.resource)
        if fault is None:
            return self.perform(ask)
        if fault.status == "dropped":
            return self.perform(replace(ask, verb="get"))
        if fault.status == "timeout_after":
            self.perform(ask)
        return self.fail(ask, fault)

    def fail(self, ask: Ask, fault: Fault) -> Answer:
        if fault.status == "html":
            return Answer(502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
        if fault.status == "hang":
            self.faults.hang(fault.seconds)
        code = fault.status if isinstance(fault.status, int) else 504
        match code:
            case 401:
                raise Failure(code, "Unauthorized")
            case 403:
                raise forbidden(ask)
            case 404:
                raise not_found(ask)
            case 410:
                raise Failure(code, f"too old resource version: {ask.query.get('resourceVersion')}")
            case 409:
                raise conflict(
                    ask, "the object has been modified; please apply your changes to the latest version and try again"
                )
            case 429:
                raise Failure(code, "The server is currently unable to handle the request", {"retryAfterSeconds": 1})
            case 504:
                raise Failure(
                    code, "Timeout: request did not complete within requested timeout - context deadline exceeded"
                )
            case _:
                raise Failure(code, "Internal error occurred: etcdserver: leader changed")

    def perform(self, ask: Ask) -> Answer | Ask:
        self.catch_up()
        match ask.verb:
            case "watch":
                return ask
            case "list":
                return Answer(200, self.list(ask))
            case "get":
                return Answer(200, self.get(ask))
            case "patch":
                return Answer(200, self.patch(ask))
            case "update":
                return Answer(200, self.update(ask))
        raise Failure(405, "the server does not allow this method on the requested resource")

    # --- reads

    def get(self, ask: Ask) -> Object:
        try:
            return self.store.get(ask.kind, ask.namespace, ask.name)
        except Missing:
            raise not_found(ask) from None

    def list(self, ask: Ask) -> Object:
        with self.store.lock:
            version = str(self.store.version)
            items = [o for o in self.store.all(ask.kind, ask.namespace) if ask.selects(o)]
        if not ask.kind.custom:
            items = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in items]
        meta = {"resourceVersion": version, "continue": ""}
        return {"kind": f"{ask.kind.kind}List", "apiVersion": ask.kind.api_version, "metadata": meta, "items": items}

    async def watch(self, request: Request, ask: Ask) -> AsyncIterator[str]:
        """Changes as lines of JSON, until the asked-for timeout, the end of the client or of the server."""
        loop, bell = asyncio.get_running_loop(), asyncio.Event()
        unlisten = self.store.listen(partial(loop.call_soon_threadsafe, bell.set))
        until = loop.time() + float(ask.query.get("timeoutSeconds") or WATCH_SECONDS)
        bookmarked, after = loop.time(), ask.query.get("resourceVersion") or "0"
        try:
            if after == "0":
                listed = self.list(ask)
                after = listed["metadata"]["resourceVersion"]
                for item in listed["items"]:
                    yield line("ADDED", {"kind": ask.kind.kind, "apiVersion": ask.kind.api_version} | item)
            while not self._closed and loop.time() < until and not await request.is_disconnected():
                bell.clear()
                await run_in_threadpool(self.catch_up)
                reached = self.store.version  # of all kinds; what comes after it is found at the next look
                for change in self.store.changes(ask.kind, ask.namespace, int(after)):
                    reached = max(reached, change.at)
                    if ask.selects(change.object):
                        yield line(change.type, change.object)
                after = str(reached)
                upset = await run_in_threadpool(self.upset, ask, after)
                if upset == "end":
                    break
                if upset == "cut":
                    yield line("MODIFIED", {"kind": ask.kind.kind})[:20]
                    request.scope[ABORT]()
                    return
                due = upset == "bookmark" or loop.time() > bookmarked + BOOKMARK_SECONDS
                if due and ask.query.get("allowWatchBookmarks") == "true":
                    bookmarked = loop.time()
                    yield self.bookmark(ask, after)
                await wait(bell, min(LOOK_SECONDS, max(0.0, until - loop.time())))
            if ask.query.get("allowWatchBookmarks") == "true":
                yield self.bookmark(ask, after)
        except Gone as gone:
            yield line("ERROR", status(410, str(gone)))
        finally:
            unlisten()

    def upset(self, ask: Ask, after: str) -> int | str:
        """What a fault does to this open watch now, or ""."""
        fault = self.faults.take(STREAM, ask.resource)
        if fault and fault.status == 410:
            raise Gone(f"too old resource version: {after} ({self.store.version})")
        if fault and fault.status == "silent":
            self.faults.hang(fault.seconds)
        return fault.status if fault else ""

    def bookmark(self, ask: Ask, after: str) -> str:
        meta = {"resourceVersion": after, "creationTimestamp": None}
        return line("BOOKMARK", {"kind": ask.kind.kind, "apiVersion": ask.kind.api_version, "metadata": meta})

    # --- writes

    def patch(self, ask: Ask) -> Object:
        kind_of_patch = ask.headers.get("content-type", "").split(";")[0]
        accepted = [JSON_PATCH, MERGE] + ([] if ask.kind.custom else [STRATEGIC])
        if kind_of_patch not in accepted:
            types = ", ".join(accepted)
            raise Failure(
                415, f"the body of the request was in an unknown format - accepted media types include: {types}"
            )
        body = parse_json(ask.body)
        with self.store.lock:
            held = self.get(ask)
            try:
                wanted = apply_patch(kind_of_patch, held, body)
            except patch.BadPatch as bad:
                raise Failure(400, f"error decoding patch: {bad}") from None
            except patch.Unapplied as unapplied:
                text = "the server rejected our request due to an error in our request"
                raise Failure(422, text, {"causes": [{"message": str(unapplied)}]}) from None
            return self.put(ask, wanted)

    def update(self, ask: Ask) -> Object:
        wanted = parse_json(ask.body)
        meta = wanted.get("metadata") or {} if isinstance(wanted, dict) else {}
        if not meta.get("resourceVersion"):
            raise invalid(ask, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update")
        with self.store.lock:
            self.get(ask)
            return self.put(ask, wanted)

    def put(self, ask: Ask, wanted: Object) -> Object:
        meta = wanted.setdefault("metadata", {})
        if meta.get("name", ask.name) != ask.name:
            raise Failure(
                400, f"the name of the object ({meta['name']}) does not match the name on the URL ({ask.name})"
            )
        meta |= {"name": ask.name, "namespace": ask.namespace}
        check_types(ask, wanted)
        try:
            return self.write(ask.kind, wanted, ask.manager, ask.subresource, ask.dry_run)
        except Moved as moved:
            raise conflict(ask, str(moved)) from None

    def review(self, asked: Object) -> Object:
        """SelfSubjectAccessReview: may the caller do this?"""
        about = (asked.get("spec") or {}).get("resourceAttributes") or {}
        resource = "/".join(p for p in (about.get("resource", ""), about.get("subresource", "")) if p)
        allowed = (about.get("verb", ""), resource) not in self.denied
        reason = "" if allowed else "RBAC: denied"
        head = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
        return head | {"spec": asked.get("spec"), "status": {"allowed": allowed, "reason": reason}}

    def _log(self, ask: Ask) -> None:
        body = parse_json(ask.body) if ask.verb in ("patch", "update", "create") and ask.body else None
        now = self.store.now()
        self.calls.append(Call(ask.verb, ask.resource, ask.namespace, ask.name, body, ask.manager, now))


def line(type: str, obj: Object) -> str:
    return json.dumps({"type": type, "object": obj}) + "\n"


async def wait(bell: asyncio.Event, seconds: float) -> None:
    """Until somebody rings, or for so long."""
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return


def parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Failure(400, f"error decoding patch: {error}") from None


def apply_patch(kind_of_patch: str, held: Object, body: Any) -> Object:
    """The object after the patch. A patch does not say which version it is for unless it names one."""
    base = held | {"metadata": {k: v for k, v in held["metadata"].items() if k != "resourceVersion"}}
    if kind_of_patch == JSON_PATCH:
        return dict(patch.json_patch(held if tests_version(body) else base, body))
    if not isinstance(body, dict):
        raise patch.BadPatch("json: cannot unmarshal array into Go value of type map[string]interface {}")
    return dict((patch.strategic if kind_of_patch == STRATEGIC else patch.merge)(base, body))


def tests_version(operations: Any) -> bool:
    return isinstance(operations, list) and any(
        isinstance(o, dict) and o.get("path") == "/metadata/resourceVersion" for o in operations
    )


def check_types(ask: Ask, wanted: Object) -> None:
    for path, type in TYPES.get(ask.kind.kind, {}).items():
        part, name = path.split(".")
        if part != (STATUS if ask.subresource == STATUS else "spec"):
            continue
        value = (wanted.get(part) or {}).get(name)
        if value is not None and (not isinstance(value, type) or (type is int and isinstance(value, bool))):
            given = TYPE_NAMES.get(value.__class__, "object")
            raise invalid(
                ask, f'{path}: Invalid value: "{given}": {path} in body must be of type {TYPE_NAMES[type]}: "{given}"'
            )
