"""The workspace over HTTP: Web API, response URLs, files, the door for sockets, and the switchboard of faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from sandbox.slack import files
from sandbox.slack.api import Answer, exposed
from sandbox.slack.model import Json, SlackError
from sandbox.slack.socket import ABORT
from sandbox.slack.workspace import Workspace

GONE = frozenset({"used_url", "expired_url", "invalid_url"})


def routes(workspace: Workspace) -> list[BaseRoute]:
    web = Web(workspace)
    return [
        Route("/api/{method}", web.api, methods=["GET", "POST"]),
        Route("/respond/{token}", web.respond, methods=["POST"]),
        Route("/upload/{id}", web.upload, methods=["POST", "PUT"]),
        Route("/files/{id}/{name:path}", web.download),
        Route("/faults", web.faults, methods=["GET", "POST", "DELETE"]),
        WebSocketRoute("/link", web.link),
        WebSocketRoute("/link/", web.link),
    ]


class HungUp(Response):
    """The answer that never comes: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ABORT]()
        while (await receive())["type"] != "http.disconnect":
            pass


class Web:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._requests = 0

    async def api(self, request: Request) -> Response:
        body = await request.body()
        if self._refuses(request):
            return HungUp()
        try:
            args = await arguments(request, body)
        except SlackError as error:
            return JSONResponse({"ok": False, "error": error.code})
        token = bearer(request) or str(args.get("token") or "")
        args.pop("token", None)
        method = request.path_params["method"]
        return self._sent(await run_in_threadpool(self.workspace.answer_call, method, args, token))

    async def respond(self, request: Request) -> Response:
        body, token = await request.body(), request.path_params["token"]
        if self._refuses(request):
            return HungUp()
        return self._sent(await self._exposed("response_url", lambda: self._respond(token, body)))

    def _respond(self, token: str, body: bytes) -> Answer:
        try:
            said = json.loads(body)
            self.workspace.respond(token, said if isinstance(said, dict) else {})
        except ValueError:
            return Answer("invalid_payload", 400, media_type="text/plain")
        except SlackError as error:
            return Answer(error.code, 404 if error.code in GONE else 400, media_type="text/plain")
        return Answer("ok", media_type="text/plain")

    async def upload(self, request: Request) -> Response:
        content, id = await content_of(request), request.path_params["id"]
        if self._refuses(request):
            return HungUp()
        return self._sent(await self._exposed("files.upload", lambda: self._upload(id, content)))

    def _upload(self, id: str, content: bytes) -> Answer:
        try:
            self.workspace.upload(id, content)
        except SlackError as error:
            return Answer(error.code, 404, media_type="text/plain")
        return Answer(f"OK - {len(content)}", media_type="text/plain")

    async def download(self, request: Request) -> Response:
        """Open to everybody on this machine: the page shows files without a token."""
        if self._refuses(request):
            return HungUp()
        file = self.workspace.files.get(request.path_params["id"])
        if file is None or not file.uploaded:
            return Response("file_not_found", 404)
        safe = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}
        return Response(file.content, media_type=files.mimetype(file), headers=safe)

    async def link(self, websocket: WebSocket) -> None:
        workspace = self.workspace
        fault = workspace.faults.take("link")
        if workspace.faults.is_cut or (fault and fault.kind.startswith(("drop", "hang"))):
            websocket.scope[ABORT]()
            return
        with workspace.lock:
            admitted = workspace.tickets.admit(websocket.query_params.get("ticket", ""))
        if fault or not admitted:
            await websocket.close()  # before it was accepted: the handshake ends with 403
            return
        await workspace.sockets.serve(websocket)

    async def faults(self, request: Request) -> Response:
        """GET what is wrong now; POST {"method", "kind", "times", …} or a switch; DELETE makes everything work."""
        faults = self.workspace.faults
        try:
            if request.method == "DELETE":
                await run_in_threadpool(faults.clear)
            elif request.method == "POST":
                await run_in_threadpool(switch, self.workspace, await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(faults.as_json())

    # ------------------------------------------------------------

    def _refuses(self, request: Request) -> bool:
        """Whether Slack is gone. On the way it learns its own address, if nobody told it."""
        self.workspace.url = self.workspace.url or str(request.base_url).rstrip("/")
        return self.workspace.faults.is_cut

    async def _exposed(self, name: str, work: Callable[[], Answer]) -> Answer:
        return await run_in_threadpool(exposed, self.workspace, name, lambda blind: work())

    def _sent(self, answer: Answer) -> Response:
        if answer.dropped or self.workspace.faults.is_cut:
            return HungUp()
        self._requests += 1
        headers = {"x-slack-req-id": f"{self._requests:032x}", **(answer.headers or {})}
        response = Response(answer.body.encode(), answer.status, headers)
        response.headers["content-type"] = answer.media_type
        return response


def switch(workspace: Workspace, asked: Json) -> None:
    """{"cut"}, {"duplicate_events"}, {"hold_events"}, {"rates"}: true or false; anything else is a fault."""
    if not isinstance(asked, dict):
        raise ValueError("send a JSON object")
    switches: Mapping[str, Callable[[bool], Any]] = {
        "cut": workspace.faults.cut,
        "hold_events": workspace.faults.hold_events,
        "duplicate_events": lambda on: setattr(workspace.faults, "duplicate_events", on),
        "rates": lambda on: setattr(workspace.rates, "enforced", on),
    }
    rest = {key: value for key, value in asked.items() if key not in switches}
    for key in asked.keys() & switches.keys():
        switches[key](bool(asked[key]))
    if rest:
        workspace.faults.add(**rest)


async def arguments(request: Request, body: bytes) -> Json:
    """Query, form and JSON together, as Slack takes them."""
    found: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json") and body:
        try:
            given = json.loads(body)
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        return found | given
    if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        form = await request.form()
        found |= {key: value for key, value in form.items() if isinstance(value, str)}
    return found


async def content_of(request: Request) -> bytes:
    """The uploaded bytes: the body itself, or a form's file."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
    return await request.body()


def bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
