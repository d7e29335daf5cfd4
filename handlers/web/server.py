"""The FastAPI application: routes together, failures as sentences."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from slack_bolt import App
from starlette.exceptions import HTTPException
from starlette.routing import Match

from handlers.intake import Source, pagerduty_events
from handlers.web import enqueue, gates, hooks, incidents, pages, slack, status, unparsed
from handlers.web.signin import Entrance
from handlers.world import World
from storage.store import Busy, Conflict

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
# The framework would look for OpenTelemetry at each request, and write addresses, which hold tokens, into its spans.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}

log = structlog.get_logger(__name__)


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
    app.include_router(hooks.router(door), tags=["hooks"])
    for source in sources.values():
        if source.stands_in:
            own = enqueue.router if source.sender is pagerduty_events.SENDER else hooks.alertmanager_api
            app.include_router(own(world, source), tags=["hooks"])
    app.include_router(gates.router(world, gate_tokens), tags=["gates"])
    app.include_router(pages.router(world, api_token, ready, heard))
    if entrance is not None:
        app.include_router(incidents.router(world, entrance), tags=["incidents"])
    app.include_router(status.router(world), tags=["status page"])
    app.include_router(unparsed.router(world, api_token, sources))
    for away in (Busy, Conflict):  # the second: after many lost races
        app.add_exception_handler(away, _busy)
    app.add_exception_handler(RequestValidationError, _unclear)
    for code in (404, 405):
        app.add_exception_handler(code, _nowhere)
    app.add_exception_handler(Exception, _bug)
    return app


def listen_to_slack(app: FastAPI, bolt: App) -> None:
    """HTTP mode only: in Socket Mode Slack sends nothing here."""
    app.include_router(slack.router(bolt), tags=["slack"])


def _unclear(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI tells as a list is one sentence, too."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"detail": f"Nothing was stored: {first['loc'][-1]}: {str(first['msg']).lower()}."}, 422)


def _nowhere(request: Request, error: Exception) -> JSONResponse:
    """An address or a method that is not there; what a route itself says of a 404 stays as it is."""
    assert isinstance(error, HTTPException)
    said = error.detail
    if said in ("Not Found", "Method Not Allowed"):
        path, takes = request.url.path[:60], _methods(request)
        what = f"{path} takes {' and '.join(takes)} only" if takes else f"There is nothing at {path}"
        said = f"{what}; see /docs. Nothing was stored."
        return JSONResponse({"detail": said}, error.status_code, headers={"Allow": ", ".join(takes)} if takes else None)
    return JSONResponse({"detail": said}, error.status_code, headers=error.headers)


def _methods(request: Request) -> list[str]:
    """What the address takes, by all of its routes: the framework names that of the first one only."""
    asked = [(method, dict(request.scope) | {"method": method}) for method in METHODS]
    return [m for m, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)]


def _busy(request: Request, error: Exception) -> JSONResponse:
    """503 makes every sender try again; nothing is lost."""
    log.warning("could not store a delivery", path=request.url.path, error=str(error))
    words = "Nothing was stored: the database does not answer. The log says more; try again."
    return JSONResponse({"detail": words}, 503, headers={"Retry-After": "5"})


def _bug(request: Request, error: Exception) -> JSONResponse:
    reference = secrets.token_hex(4)
    log.error("request failed", path=request.url.path, reference=reference, exc_info=error)
    return JSONResponse({"detail": f"That is a bug in Watchkeeper. Reference {reference}; it is in the log."}, 500)
