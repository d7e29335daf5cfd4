"""The FastAPI application: routes together, failures as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from slack_bolt import App
from starlette.exceptions import HTTPException

from handlers.intake import Source, pagerduty_events
from handlers.web import enqueue, errors, gates, hooks, incidents, pages, slack, status, unparsed
from handlers.web.signin import Entrance
from handlers.world import World
from storage.store import Busy, Conflict

# The framework would look for OpenTelemetry at each request, and write addresses, which hold tokens, into its spans.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def build(
    world: World,
    sources: Mapping[str, Source],
    api_token: str,
    *,
    ready: Callable[[], str],
    heard: Callable[[], str] = lambda: "",
    gate_tokens: Sequence[str] = (),
    entrance: Entrance | None = None,
) -> FastAPI:
    """`ready` answers why nothing can be taken in, `heard` why Slack is not heard; both "" when all is well.

    `entrance`: how people get to the internal pages; without one there are none.
    """
    door = hooks.Door(world, sources)
    app = FastAPI(
        title="Watchkeeper",
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
        routes=hooks.straight(door),
        telemetry=SILENT,
    )
    routers = [hooks.router(door)]
    for source in sources.values():
        if source.stands_in:
            own = enqueue.router if source.sender is pagerduty_events.SENDER else hooks.alertmanager_api
            routers.append(own(world, source))
    routers += [gates.router(world, gate_tokens), pages.router(world, api_token, ready, heard)]
    if entrance is not None:
        routers.append(incidents.router(world, entrance))
    routers += [status.router(world), unparsed.router(world, api_token, sources)]
    for router in routers:  # `include_router` would make each route anew, at the first request
        app.router.routes.extend(router.routes)
    for away in (Busy, Conflict):  # the second: after many lost races
        app.add_exception_handler(away, errors.busy)
    app.add_exception_handler(RequestValidationError, errors.unclear)
    app.add_exception_handler(HTTPException, errors.told)
    for code in (404, 405):
        app.add_exception_handler(code, errors.nowhere)
    app.add_exception_handler(Exception, errors.bug)
    return app


def listen_to_slack(app: FastAPI, bolt: App) -> None:
    """HTTP mode only: in Socket Mode Slack sends nothing here."""
    app.router.routes.extend(slack.router(bolt).routes)
