"""The door where controllers and pipelines ask before they move: open is 200, closed is 403 with the reason.

Nothing but a kept decision answers 2xx at the gate `rollback`: an error of any kind is an error status, and Flagger
rolls back on nothing else than 2xx.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field, ValidationError

from bot.commands import nearest
from bot.gates import TOLD, Kind, Tick
from bot.model import PRODUCTION, Gate
from handlers import gates
from handlers.intake.fields import why as why_invalid
from handlers.intake.signatures import matches
from handlers.web.guard import RawBody, bearer, demand, sign
from handlers.world import World

NAME = "WATCHKEEPER_HOOK_TOKEN"
PLAIN = r"^[\w.:+/@=-]*$"  # what a checksum or a version is made of: it comes back in lines that people press

Word = Annotated[str, Field(max_length=200, pattern=PLAIN)]


class Asked(BaseModel):
    """What Flagger posts. Its `metadata` is the operator's own and means nothing here."""

    name: str = Field(default="", max_length=253)
    namespace: str = Field(default="", max_length=253)
    phase: Word = ""
    checksum: Word = ""


class Answer(BaseModel):
    open: bool
    service: str
    environment: str
    gate: str
    checksum: str
    why: str


OPEN: dict[int | str, dict[str, Any]] = {
    200: {"model": Answer, "description": "Open"},
    403: {"model": Answer, "description": "Closed, and why"},
}


def place_of(service: str, environment: str) -> str:
    """The part of the address that says whose gate it is: "checkout", or "checkout/staging"."""
    return service if environment == PRODUCTION else f"{service}/{environment}"


def pass_of(place: str, key: str) -> str:
    """What a URL carries for callers that can send no header, as Flagger's webhooks; one for each place."""
    return sign(f"gates of {place}", key)


def router(world: World, tokens: Sequence[str]) -> APIRouter:
    """`tokens`: each opens every gate as a bearer; the first makes the passes in URLs."""
    routes = APIRouter(tags=["gates"])

    def known(
        service: str, gate: str, request: Request, environment: str = "", key: Annotated[str, Query(alias="pass")] = ""
    ) -> None:
        """Before the body is read. Who may not ask does not learn which services there are."""
        shown = bool(tokens) and matches(key, pass_of(place_of(service, environment or PRODUCTION), tokens[0]))
        if not shown and not any(matches(bearer(request), token) for token in tokens):
            demand(request, tokens[0] if tokens else "", f"{NAME}, or ?pass= as `/rollout gates` shows it")
        if service not in world.policy.services:
            raise HTTPException(404, unknown("service", service, list(world.policy.services)))
        places = [there.environment for there in world.policy.services[service].everywhere]
        if environment and environment not in places:
            raise HTTPException(404, unknown("environment", environment, places))
        if gate not in list(Kind):
            raise HTTPException(404, unknown("gate", gate, list(Kind)))

    def ask(service: str, environment: str, tick: Tick) -> Gate:
        """Without an environment it is where the service's name alone says that it is."""
        named = world.policy.services[service]
        return gates.ask(world, named.at(environment or named.environment), tick)

    door = [Depends(known)]

    @routes.post("/gates/{service}/{gate}", summary="May it go on? As Flagger asks", responses=OPEN, dependencies=door)
    @routes.post(
        "/gates/{service}/{environment}/{gate}", summary="The same, elsewhere", responses=OPEN, dependencies=door
    )
    def post(service: str, gate: str, request: Request, body: RawBody, environment: str = "") -> Response:
        try:
            asked = Asked.model_validate_json(body) if body.strip() else Asked()
        except ValidationError as error:
            if gate in TOLD:  # nothing was asked, so nothing is closed; and a controller logs every other answer
                return PlainTextResponse(f"{gate} was not understood: {why_invalid(error)}. Nothing was stored.\n")
            raise HTTPException(400, f"Closed: {why_invalid(error)}. Nothing was stored.") from None
        return say(ask(service, environment, Tick(gate=Kind(gate), **asked.model_dump())), request, text=True)

    @routes.get(
        "/gates/{service}/{gate}", summary="May it go on? For pipelines and metrics", responses=OPEN, dependencies=door
    )
    @routes.get(
        "/gates/{service}/{environment}/{gate}", summary="The same, elsewhere", responses=OPEN, dependencies=door
    )
    def get(
        service: str, gate: str, request: Request, checksum: str = "", metric: bool = False, environment: str = ""
    ) -> Response:
        if len(checksum) > 200 or not re.fullmatch(PLAIN, checksum):
            raise HTTPException(400, "Closed: checksum has characters that no checksum or version has.")
        told = ask(service, environment, Tick(gate=Kind(gate), checksum=checksum))
        return say(told, request, metric=metric and told.gate != Kind.ROLLBACK)

    return routes


def say(gate: Gate, request: Request, *, text: bool = False, metric: bool = False) -> Response:
    """JSON or one line, as the caller likes it; `text` is for callers that do not say. `metric`: closed is no error."""
    status = 200 if gate.open or metric else 403
    accepts = request.headers.get("accept", "")
    if "json" not in accepts and (text or (accepts.startswith(("*/*", "text/plain")) and not metric)):
        word = "open" if gate.open else "closed"
        return PlainTextResponse(f"{gate.gate} of {gate.called} is {word}: {gate.why}\n", status)
    fields = {name: getattr(gate, name) for name in Answer.model_fields}
    return JSONResponse(fields, status)


def unknown(what: str, word: str, known: Sequence[str]) -> str:
    close = nearest(word, list(known))
    hint = f"Did you mean {close}?" if close else f"Known: {', '.join(sorted(known)) or 'none'}."
    return f"There is no {what} {word[:60]!r} here. {hint} Closed."
