"""Slack over HTTP: the same listeners as in Socket Mode, called in a worker thread, never on the event loop."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from slack_bolt import App, BoltRequest

from handlers.web.guard import RawBody


def router(app: App) -> APIRouter:
    routes = APIRouter(tags=["slack"])

    @routes.post("/slack/events", summary="Events, commands and presses, signed by Slack")
    def events(request: Request, body: RawBody) -> Response:
        # Bolt verifies the signature over the raw body.
        headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
        answer = app.dispatch(
            BoltRequest(body=body.decode("utf-8", "replace"), query=str(request.url.query), headers=headers)
        )
        response = Response(answer.body, answer.status)
        for name, value in answer.first_headers().items():
            response.headers[name] = value
        return response

    return routes
