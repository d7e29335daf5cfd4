"""What senders post: authenticated, understood, stored, and only then accepted."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import Counter

from bot.commands import nearest
from bot.model import Alert, Change
from handlers import alerts, changes
from handlers.intake import SENDERS, kind, shown
from handlers.intake.fields import Malformed
from handlers.together import Together
from handlers.web.guard import RawBody, Tokens, demand
from handlers.world import World

RECEIVED = Counter("watchkeeper_hook_facts_total", "Alerts and changes accepted", ["sender", "kind"])
REFUSED = Counter("watchkeeper_hook_refused_total", "Deliveries that could not be understood", ["sender"])


def router(world: World, tokens: Tokens) -> APIRouter:
    routes = APIRouter()
    take_alerts = Together(partial(alerts.receive, world))

    def known(sender: str, request: Request) -> None:
        """Before the body is read."""
        if sender not in tokens:
            raise HTTPException(404, unknown(sender, list(tokens)))
        demand(request, tokens[sender], "WATCHKEEPER_HOOK_TOKEN or the sender's own token")

    @routes.post(
        "/hooks/{sender}",
        status_code=202,
        summary="Alerts and changes from a sender",
        dependencies=[Depends(known)],
    )
    def hook(sender: str, body: RawBody, dry_run: bool = False) -> Response:
        try:
            facts = SENDERS[sender](body, world.now())
        except Malformed as error:
            REFUSED.labels(sender).inc()
            raise HTTPException(400, f"Nothing was stored: {error}.") from None
        if dry_run:
            return JSONResponse([shown(fact) for fact in facts])
        # Changes first: an alert of the same delivery may have been caused by one.
        if news := [fact for fact in facts if isinstance(fact, Change)]:
            changes.receive(world, news)
        if fired := [fact for fact in facts if isinstance(fact, Alert)]:
            take_alerts(fired)
        for fact in facts:
            RECEIVED.labels(sender, kind(fact)).inc()
        return JSONResponse({"accepted": len(facts)}, 202)

    return routes


def unknown(sender: str, known: list[str]) -> str:
    close = nearest(sender, known)
    hint = f"Did you mean /hooks/{close}?" if close else f"Known: {', '.join(sorted(known))}."
    return f"There is no sender {sender[:60]!r} here. {hint} Nothing was stored."
