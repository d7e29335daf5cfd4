"""Socket Mode: the app connects, payloads go out as envelopes, acknowledgements come back on any of its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta

from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.clock import Clock
from sandbox.slack.events import Ack, Courier, Delivery, Result
from sandbox.slack.model import APP_ID, Json

MOST_SOCKETS = 10
LIFETIME, WARNING = timedelta(hours=1), timedelta(seconds=10)
PENDING_KEPT = 10_000
ABORT = "sandbox.abort"  # in an ASGI scope: closes the connection without a word


class Socket:
    """One open connection. As a transport it sends an envelope and promises the acknowledgement."""

    def __init__(self, websocket: WebSocket, pending: Callable[[str], Future[Result]], opened: datetime) -> None:
        self.websocket, self.pending, self.opened = websocket, pending, opened
        self.warned = False
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Json | None] = asyncio.Queue()

    def __call__(self, delivery: Delivery) -> Future[Result]:
        future = self.pending(delivery.id)
        self.send(envelope(delivery))
        return future

    def send(self, frame: Json) -> None:
        self._put(frame)

    def finish(self) -> None:
        """Close in good order once all that was sent has gone out."""
        self._put(None)

    def _put(self, frame: Json | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped: there is nobody to tell
            self._loop.call_soon_threadsafe(self._frames.put_nowait, frame)

    def drop(self) -> None:
        """Gone, without a closing frame."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.websocket.scope[ABORT])

    async def write(self) -> None:
        while (frame := await self._frames.get()) is not None:
            await self.websocket.send_text(json.dumps(frame))
        await self.websocket.close()


class Sockets:
    """All open connections of the app."""

    def __init__(self, clock: Clock, courier: Courier, changed: Callable[[], None]) -> None:
        self.clock, self.courier, self.changed = clock, courier, changed
        self.open: list[Socket] = []
        self._pending: dict[str, Future[Result]] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.open)

    async def serve(self, websocket: WebSocket) -> None:
        """Everything from the handshake's end to the last frame."""
        await websocket.accept()
        socket = Socket(websocket, self._expect, self.clock.now())
        with self._lock:
            self.open.append(socket)
            count = len(self.open)
        socket.send(hello(count))
        if count > MOST_SOCKETS:
            self._part(socket, "too_many_websockets")
        self.courier.connect(socket)
        self.changed()
        writer = asyncio.create_task(socket.write())
        reader = asyncio.create_task(self._read(websocket))
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.courier.disconnect(socket)
            with self._lock:
                self.open.remove(socket)
            self.changed()
            for task in (writer, reader):
                task.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _read(self, websocket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self.acknowledge(await websocket.receive_text())

    def acknowledge(self, frame: str) -> None:
        """Takes an acknowledgement; what is unknown, late or no JSON is ignored, as Slack does."""
        try:
            said = json.loads(frame)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        with self._lock:
            future = self._pending.pop(str(said.get("envelope_id")), None)
        if future:
            payload = said.get("payload") or {}
            future.set_result(Ack(payload if isinstance(payload, dict) else {"text": str(payload)}))

    def _expect(self, id: str) -> Future[Result]:
        with self._lock:
            if len(self._pending) >= PENDING_KEPT:
                self._pending.pop(next(iter(self._pending)))
            self._pending[id] = Future()
            return self._pending[id]

    # ------------------------------------------------------------ ending

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask the app to connect anew: warning, refresh_requested, link_disabled or too_many_websockets.

        After a warning the socket stays open; otherwise Slack closes it.
        """
        for socket in list(self.open):
            self._part(socket, reason)

    def _part(self, socket: Socket, reason: str) -> None:
        socket.warned = True
        socket.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
        if reason != "warning":
            socket.finish()

    def drop(self) -> None:
        """Every connection breaks."""
        for socket in list(self.open):
            socket.drop()

    def run_due(self) -> None:
        """Sockets live for an hour, and are told ten seconds before."""
        now = self.clock.now()
        for socket in list(self.open):
            age = now - socket.opened
            if age >= LIFETIME:
                self._part(socket, "refresh_requested")
            elif age >= LIFETIME - WARNING and not socket.warned:
                self._part(socket, "warning")


def hello(count: int) -> Json:
    debug = {"host": "sandbox", "build_number": 1, "approximate_connection_time": int(LIFETIME.total_seconds())}
    return {"type": "hello", "num_connections": count, "connection_info": {"app_id": APP_ID}, "debug_info": debug}


def envelope(delivery: Delivery) -> Json:
    frame: Json = {
        "envelope_id": delivery.id,
        "payload": delivery.payload,
        "type": delivery.kind,
        "accepts_response_payload": delivery.accepts_response,
    }
    if delivery.kind == "events_api":
        frame |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
    return frame
