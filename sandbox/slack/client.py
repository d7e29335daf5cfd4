"""The page's HTTP: its files, what a person sees, what a person does, and a socket with word of every change."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.slack.desk import Desk
from sandbox.slack.model import SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace
    from sandbox.world import Sandbox

PAGE = Path(__file__).with_name("page")
ASSET = re.compile(r"[a-z]+\.(js|css|svg)")
SHOWN_AT_FIRST = 200  # messages
SETTLE = 0.04  # seconds in which changes share one notice
Args = Mapping[str, Any]
Work = Callable[[str, Args], Any]


def routes(world: Sandbox) -> list[BaseRoute]:
    """/, /client, and the permalinks under /archives."""
    client, feed = Client(world.workspace), Feed(world.workspace)
    return [
        Route("/", lambda request: page("index.html")),
        Route("/client/page/{name}", lambda request: page(request.path_params["name"])),
        Route("/archives/{channel}", archive),
        Route("/archives/{channel}/p{ts:int}", permalink),
        WebSocketRoute("/client/events", feed.endpoint),
        *(Route(f"/client/{name}", client.seeing(work)) for name, work in client.sights.items()),
        *(Route(f"/client/{name}", client.doing(work), methods=["POST"]) for name, work in client.deeds.items()),
    ]


def page(name: str) -> Response:
    if name != "index.html" and not (ASSET.fullmatch(name) and (PAGE / name).is_file()):
        return JSONResponse({"error": f"there is no {name}"}, 404)
    return FileResponse(PAGE / name, headers={"cache-control": "no-cache"})


def archive(request: Request) -> Response:
    """The page, at that channel."""
    return RedirectResponse(f"/#/{quote(request.path_params['channel'])}")


def permalink(request: Request) -> Response:
    """The page, at that message: #person/channel/thread/message, where the person is whoever acted last."""
    channel, ts = request.path_params["channel"], request.path_params["ts"]
    thread = request.query_params.get("thread_ts", "")
    return RedirectResponse(f"/#/{quote(channel)}/{quote(thread)}/{ts // 1_000_000}.{ts % 1_000_000:06d}")


class Client:
    """Each sight and deed is a small function of who acts and the arguments."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.desk = workspace, Desk(workspace)
        desk, space = self.desk, workspace
        self.sights: dict[str, Work] = {
            "state": lambda me, a: desk.overview(me),
            "channel": lambda me, a: desk.channel(
                me, a["channel"], int(a.get("limit", SHOWN_AT_FIRST)), a.get("reach", "")
            ),
            "thread": lambda me, a: desk.thread(me, a["channel"], a["ts"]),
            "home": lambda me, a: {"view": space.home.get(me)},
            "file": lambda me, a: desk.file(a["file"]),
        }
        self.deeds: dict[str, Work] = {
            "read": lambda me, a: desk.mark_read(me, a["channel"], a["ts"]),
            "post": lambda me, a: {"ts": space.post(me, a["channel"], a["text"], a.get("thread") or None)["ts"]},
            "edit": lambda me, a: space.edit(me, a["channel"], a["ts"], a["text"]),
            "delete": lambda me, a: space.delete(me, a["channel"], a["ts"]),
            "react": lambda me, a: space.react(me, a["channel"], a["ts"], a["name"]),
            "unreact": lambda me, a: space.unreact(me, a["channel"], a["ts"], a["name"]),
            "pin": lambda me, a: space.pin(me, a["channel"], a["ts"]),
            "unpin": lambda me, a: space.unpin(me, a["channel"], a["ts"]),
            "join": lambda me, a: space.join(me, a["channel"]),
            "leave": lambda me, a: space.leave(me, a["channel"]),
            "direct": lambda me, a: {"channel": space.direct(me, a["with"]).id},
            "command": lambda me, a: {"shown": space.command(me, a["channel"], a["text"])},
            "press": self.press,
            "submit": lambda me, a: {"errors": space.submit(me, a["view_id"], a.get("values"))},
            "close_view": lambda me, a: space.close_view(me, a["view_id"]),
            "shortcut": self.shortcut,
            "open_home": lambda me, a: space.open_home(me),
        }

    def press(self, me: str, a: Args) -> None:
        self.workspace.press(
            me,
            a.get("channel", ""),
            a.get("ts", ""),
            a["action_id"],
            a.get("value"),
            view_id=a.get("view_id", ""),
            block_id=a.get("block_id", ""),
            values=a.get("values"),
        )

    def shortcut(self, me: str, a: Args) -> None:
        message = (a["channel"], a["ts"]) if a.get("ts") else None
        self.workspace.shortcut(me, a["callback_id"], message)

    def seeing(self, work: Work) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            # Answered under the lock: the messages are not copied, and must not change while they become JSON.
            with self.workspace.lock:
                return self._answer(work, request.query_params)

        return endpoint

    def doing(self, work: Work) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, work, await request.json())

        return endpoint

    def _answer(self, work: Work, args: Args) -> Response:
        if self.workspace.faults.is_cut:
            return JSONResponse({"error": "Slack cannot be reached."}, 503)
        try:
            return JSONResponse(work(self.desk.person(str(args.get("user", ""))), args) or {})
        except SlackError as error:
            return JSONResponse({"error": str(error), "code": error.code}, 400)
        except KeyError as missing:
            return JSONResponse({"error": f"{missing.args[0]} is missing"}, 400)


class Feed:
    """Tells every open page that something changed; the page then reads what it shows."""

    def __init__(self, workspace: Workspace) -> None:
        self._pages: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        workspace.subscribe(lambda notice: self.tell())
        workspace.faults.on_cut.append(self.tell)

    def tell(self) -> None:
        """From any thread."""
        for changed, loop in list(self._pages.items()):
            with contextlib.suppress(RuntimeError):  # that page's server has just been closed
                loop.call_soon_threadsafe(changed.set)

    async def endpoint(self, socket: WebSocket) -> None:
        await socket.accept()
        changed = asyncio.Event()
        self._pages[changed] = asyncio.get_running_loop()
        telling = asyncio.create_task(keep_telling(socket, changed))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            del self._pages[changed]
            telling.cancel()


async def keep_telling(socket: WebSocket, changed: asyncio.Event) -> None:
    """A notice carries its number only; the first one says that the line is open."""
    number = 0
    while True:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the page is gone; the task ends with its socket
            await socket.send_json({"notice": number})
        await changed.wait()
        await asyncio.sleep(SETTLE)
        changed.clear()
        number += 1
