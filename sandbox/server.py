"""Serves the sandbox on one port of this machine: Slack, its page, the cluster, the metrics and the control panel."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sandbox.panel import routes as panel_routes
from sandbox.slack.client import routes as client_routes
from sandbox.slack.socket import ABORT
from sandbox.slack.web import routes as slack_routes
from sandbox.slack.workspace import Workspace

if TYPE_CHECKING:
    from sandbox.world import Sandbox

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SLACK_TICK, SHOP_TICK = 0.25, 1.0  # seconds
START_SECONDS, STOP_SECONDS = 10.0, 10.0
LAST_WORDS = 1.0  # seconds that requests have to end in when the server stops


def application(world: Sandbox) -> Starlette:
    """Everything. While it is served, timers run out by themselves, if the world's clock runs."""
    routes = [*slack_routes(world.workspace), *panel_routes(world), *client_routes(world)]
    chores = (Ticker(SLACK_TICK, world.workspace.run_due), Ticker(SHOP_TICK, world.shop.tick))
    return _made(routes, world.workspace, chores if world.clock.runs else ())


def slack_app(workspace: Workspace) -> Starlette:
    """The workspace alone, as an app sees it."""
    chores = (Ticker(SLACK_TICK, workspace.run_due),) if workspace.clock.runs else ()
    return _made(slack_routes(workspace), workspace, chores)


def _made(routes: Sequence[BaseRoute], workspace: Workspace, chores: Sequence[Ticker]) -> Starlette:
    made = Starlette(routes=routes)
    made.state.workspace, made.state.chores = workspace, chores
    return made


@dataclass
class Served:
    url: str
    server: Server
    thread: threading.Thread
    chores: Sequence[Ticker] = ()
    release: Callable[[], None] = lambda: None  # lets calls go on that a fault made to hang

    def close(self) -> None:
        for chore in self.chores:
            chore.stop()
        self.release()
        self.server.stop()
        self.thread.join(STOP_SECONDS)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def serve(app: Starlette, port: int = 0) -> Served:
    """Serve on a thread, on this port or a free one. Returns when requests are answered. Raises OSError."""
    listener = socket.create_server((HOST, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    workspace: Workspace = app.state.workspace
    workspace.url = url  # what it hands out, such as response URLs, leads back here
    server = Server(app)
    thread = threading.Thread(target=server.run, args=([listener],), name=f"sandbox {url}", daemon=True)
    thread.start()
    if not server.ready.wait(START_SECONDS):
        raise OSError(f"the sandbox did not start on {url}")
    for chore in app.state.chores:
        chore.start()
    return Served(url, server, thread, app.state.chores, workspace.faults.release)


class Server(uvicorn.Server):
    """Starts and stops without the pauses that a server for the world makes."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """From any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over.set)

    async def main_loop(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self.ready.set()
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=LAST_WORDS)


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 that an application can end in the middle, as a broken network does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = abortable(self.app, lambda: self.transport.abort())


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = abortable(self.app, lambda: self.transport.abort())


def abortable(app: ASGIApp, abort: Callable[[], None]) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ABORT] = abort
        await app(scope, receive, send)

    return run


@dataclass
class Ticker:
    """Does some work every so often until it is stopped."""

    every: float
    work: Callable[[], object]
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sandbox ticker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.wait(self.every):
            try:
                self.work()
            except Exception:  # it is due again at the next tick, whatever was wrong with this one
                log.exception("the sandbox could not do what was due")
