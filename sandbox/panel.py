"""The control panel, JSON under /panel: how the shop does, and levers that cause trouble."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.kube.replicas import is_ready
from sandbox.prometheus import build_of, metrics_text
from sandbox.shop import release
from sandbox.statuspage import StatusPage

if TYPE_CHECKING:
    from sandbox.world import Sandbox

Json = dict[str, Any]
POINTS, EVERY = 40, 3.0  # of a sparkline: how many, and how many seconds apart
STORM_LIMIT = 20_000


def routes(world: Sandbox) -> list[BaseRoute]:
    """/panel, /shop, /cluster, /prometheus, /statuspage, /bucket, /managed-page, /partner, /pagerduty and /calendar."""
    panel = Panel(world)
    posts: dict[str, Callable[[Json], Any]] = {
        "ship": panel.ship,
        "break-content": panel.break_content,
        "vendor": panel.vendor,
        "storm": panel.storm,
        "slack": panel.slack,
        "webhook": panel.webhook,
        "story": panel.story,
    }
    return [
        Route("/panel/state", lambda request: JSONResponse(panel.state())),
        *(Route(f"/panel/{name}", lever(work), methods=["POST"]) for name, work in posts.items()),
        Route("/shop/metrics", lambda request: PlainTextResponse(metrics_text(world.shop, world.clock.now()))),
        Route("/shop/{service}", panel.page),
        Route("/servers/{address}/version", panel.version),
        *world.cluster.api.routes("/cluster"),
        *world.prometheus.routes("/prometheus"),
        *StatusPage(world.shop).routes("/statuspage"),
        *world.bucket.routes("/bucket"),
        *world.page.routes("/managed-page"),
        *world.partner.routes("/partner"),
        *world.pagerduty.routes("/pagerduty"),
        *world.calendar.routes("/calendar"),
        *world.phone.routes("/phone"),
    ]


def lever(work: Callable[[Json], Any]) -> Callable[[Request], Any]:
    """An endpoint that does `work` with the JSON it is sent; 400 and one sentence where that is wrong."""

    async def endpoint(request: Request) -> Response:
        try:
            args = await request.json()
            if not isinstance(args, dict):
                raise ValueError("send a JSON object")
            return JSONResponse({"ok": True, "result": await run_in_threadpool(work, args)})
        except KeyError as missing:
            return JSONResponse({"error": f"{missing.args[0]} is missing"}, 400)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


class Panel:
    def __init__(self, world: Sandbox) -> None:
        self.world, self.shop = world, world.shop
        self._visits = itertools.count()

    def state(self) -> Json:
        story = self.world.stories.current
        conditions = self.shop.conditions
        return {
            "now": self.world.clock.now().isoformat(),
            "services": [self.service(name) for name in list(self.shop.services)],
            "faults": {
                "broken_content": any(self.shop.broken_share(name) for name in list(self.shop.services)),
                "vendor_down": conditions.vendor_down,
                "slack_cut": self.world.workspace.faults.is_cut,
            },
            "alerts": [dict(a.labels) | dict(a.annotations) for a in self.shop.alertmanager.firing[:50]],
            "webhook": self.shop.hooks.url,
            "stories": [{"name": s.name, "title": s.title, "about": s.about} for s in self.world.stories.all()],
            "story": story.state_as_json() if story else None,
        }

    def service(self, name: str) -> Json:
        workload = self.world.cluster.workload(name)
        history = self.shop.history(name, POINTS, EVERY)
        return {
            "name": name,
            "kind": workload.kind,
            "strategy": workload.strategy,
            "phase": workload.phase,
            "message": workload.message,
            "stable": workload.stable,
            "current": workload.current,
            "step": workload.step,
            "steps": len(workload.steps),
            "versions": [
                {
                    "version": s.version,
                    "track": s.track,
                    "weight": round(s.weight),
                    "bad": not release(s.version).good,
                }
                for s in workload.shares
                if s.weight
            ],
            "error_rate": history[-1].error_ratio,
            "p95": history[-1].p95,
            "orders": history[-1].orders_per_minute,
            "history": {
                "errors": [m.error_ratio for m in history],
                "p95": [m.p95 for m in history],
                "orders": [m.orders_per_minute for m in history],
            },
            "next": self.shop.next_versions(name),
            "broken_content": self.shop.broken_share(name) > 0,
        }

    def ship(self, args: Json) -> str:
        return self.shop.ship(str(args["service"]), str(args["version"]), str(args.get("actor", "ci"))).version

    def break_content(self, args: Json) -> None:
        self.shop.break_content(str(args.get("service", "storefront")), switch(args, "broken"))

    def vendor(self, args: Json) -> None:
        self.shop.vendor(switch(args, "down"))

    def slack(self, args: Json) -> None:
        self.world.workspace.faults.cut(switch(args, "cut"))

    def storm(self, args: Json) -> None:
        count = args["count"]
        if not isinstance(count, int) or not 0 <= count <= STORM_LIMIT:
            raise ValueError(f"count is a number from 0 to {STORM_LIMIT}")
        self.shop.storm(count)

    def webhook(self, args: Json) -> None:
        self.shop.connect(str(args["url"]), str(args.get("token", "")))

    def story(self, args: Json) -> None:
        """`speed` 1 is the normal pace, 2 twice as fast, 0 as fast as the bot allows."""
        speed = args.get("speed", 1)
        if not isinstance(speed, int | float) or speed < 0:
            raise ValueError("speed is a number, 0 or more")
        self.world.stories.start(str(args["name"]), pace=1 / speed if speed else 0.0)

    def version(self, request: Request) -> Response:
        """What the server with this address says of itself, asked past every balancer."""
        wanted = request.path_params["address"]
        found = [
            p for s in list(self.shop.services) for p in self.world.cluster.pods(s) if p["status"]["podIP"] == wanted
        ]
        if not found or not is_ready(found[0]):
            return PlainTextResponse("connection refused", 502)
        return JSONResponse(build_of(self.world.cluster.replicas.runs(found[0])))

    def page(self, request: Request) -> Response:
        service = request.path_params["service"]
        if service not in self.shop.services:
            return HTMLResponse("<h1>404 Not Found</h1>", 404)
        status, html, share = self.shop.page(service, next(self._visits))
        return HTMLResponse(html, status, {"X-Version": share.version, "X-Track": share.track})


def switch(args: Json, name: str) -> bool:
    if not isinstance(args[name], bool):
        raise ValueError(f"{name} is true or false")
    return bool(args[name])
