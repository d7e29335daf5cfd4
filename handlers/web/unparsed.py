"""What senders posted and nobody understood: to look at, and to take in after a fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bot.errors import Refused
from bot.model import Unparsed
from handlers import hearing
from handlers.intake import Source
from handlers.web.guard import demand
from handlers.world import World

NAME = "WATCHKEEPER_API_TOKEN"
BRIEF = ("id", "source", "reason", "count", "truncated")


class Said(BaseModel):
    ok: bool
    text: str


def router(world: World, token: str, sources: Mapping[str, Source]) -> APIRouter:
    def allowed(request: Request) -> None:
        demand(request, token, NAME)

    routes = APIRouter(dependencies=[Depends(allowed)])

    @routes.get("/api/unparsed", summary="Deliveries that were not understood")
    def all_() -> JSONResponse:
        return JSONResponse([line(kept) for kept in world.read(lambda tx: tx.all_unparsed())])

    @routes.get("/api/unparsed/{id}", summary="One of them, with its headers and its body")
    def one(id: str) -> JSONResponse:
        kept = found(world, id)
        text = f"{kept.source}: {kept.reason}\n" + "".join(f"{name}: {value}\n" for name, value in kept.headers.items())
        body = kept.body.decode("utf-8", "replace")
        return JSONResponse(line(kept) | {"text": f"{text}\n{body}", "headers": dict(kept.headers), "body": body})

    @routes.post("/api/unparsed/{id}/replay", summary="Take it in as when it came")
    def replay(id: str) -> Said:
        try:
            count = hearing.replay(world, sources, found(world, id).id)
        except Refused as refusal:
            return Said(ok=False, text=refusal.why)
        return Said(ok=True, text=f"{id} is taken in now: {count} facts.")

    return routes


def found(world: World, id: str) -> Unparsed:
    try:
        return hearing.find(world, id)
    except Refused as refusal:
        raise HTTPException(404, refusal.why) from None


def line(kept: Unparsed) -> dict[str, Any]:
    return {name: getattr(kept, name) for name in BRIEF} | {
        "last_at": kept.last_at.isoformat(),
        "bytes": len(kept.body),
    }
