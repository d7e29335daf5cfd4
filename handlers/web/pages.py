"""What people and machines may fetch or send beside Slack: health, metrics, drafts, typed commands, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from pydantic import BaseModel, Field, ValidationError

from bot.cards.plain import as_text, strip
from bot.commands import COMMANDS, Ask, incident_id
from bot.decision import Card, Modal
from bot.errors import NotYet, ProviderError, Refused
from handlers import commands, gates, outages, outbox
from handlers.intake.fields import why as why_invalid
from handlers.intake.signatures import matches
from handlers.web.guard import RawBody, demand, sign
from handlers.world import World
from storage.store import Busy

SLACK = Gauge("watchkeeper_slack_connected", "1 while Slack is heard")
SLACK_UP = Gauge("watchkeeper_slack_up", "1 while Slack answers our calls")
UNPARSED = Gauge("watchkeeper_unparsed", "Deliveries that were not understood and wait for a replay")
SEALED = Gauge("watchkeeper_ledger_entries_sealed", "Entries that the newest checkpoint of the ledger covers")
DEAD = Gauge("watchkeeper_dead_letters", "Effects that were given up and wait for a person")


class Line(BaseModel):
    """`as` is the Slack id of whom to act as, `channel` that of where it is typed."""

    line: str
    by: str = Field("api", alias="as")
    channel: str = ""


EXAMPLE = '{"line": "/incident list", "as": "U0DANA"}'
TYPED = {"requestBody": {"required": True, "content": {"application/json": {"schema": Line.model_json_schema()}}}}


class Said(BaseModel):
    ok: bool
    text: str


class Shown(Said):
    """`blocks` is what Slack would show of it: Block Kit."""

    blocks: list[dict[str, Any]] = []


NAME = "WATCHKEEPER_API_TOKEN"


def router(world: World, token: str, ready: Callable[[], str], heard: Callable[[], str]) -> APIRouter:
    """`ready` answers why nothing can be taken in, `heard` why Slack is not heard; both "" when all is well."""
    routes = APIRouter()

    def allowed(request: Request) -> None:
        demand(request, token, NAME)

    api = [Depends(allowed)]  # before the body is read

    @routes.get("/healthz", summary="The process lives (no token needed)")
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @routes.get("/readyz", summary="It can take in what is sent; with Slack away it still can (no token needed)")
    def readyz() -> PlainTextResponse:
        why, deaf = ready(), heard()
        SLACK.set(0 if deaf else 1)
        return PlainTextResponse(f"{why or (f'ready, but {deaf}' if deaf else 'ready')}\n", 503 if why else 200)

    @routes.get("/metrics", summary="For Prometheus (no token needed; figures only)")
    def metrics() -> Response:
        DEAD.set(len(world.store.dead()))
        UNPARSED.set(world.read(lambda tx: tx.count_unparsed()))
        SEALED.set(world.read(lambda tx: tx.ledger.sealed()))
        SLACK.set(0 if heard() else 1)
        SLACK_UP.set(0 if world.read(outages.is_away) else 1)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/incidents/{id}/postmortem.md", summary="The latest draft, as Markdown")
    def postmortem(id: str, request: Request, key: Annotated[str, Query(alias="pass")] = "") -> Response:
        if not (token and matches(key, sign(incident_id(id) or id, token))):
            demand(request, token, NAME)
        draft = world.read(lambda tx: tx.postmortem(incident_id(id) or id))
        if draft is None:
            raise HTTPException(404, f"There is no draft for {id[:40]}. It is written when the incident is resolved.")
        name = f'attachment; filename="{draft.incident}-postmortem.md"'
        return Response(draft.markdown, media_type="text/markdown", headers={"content-disposition": name})

    @routes.post("/api/commands", summary="Type a slash command without Slack", dependencies=api, openapi_extra=TYPED)
    def type_(body: RawBody) -> Shown:
        try:
            line = Line.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400, f"Nothing was done: {why_invalid(error)}. Send {EXAMPLE}.") from None
        return say(world, line)

    @routes.get("/api/gates/{service}", summary="The URLs of a service's gates, which are keys", dependencies=api)
    @routes.get("/api/gates/{service}/{environment}", summary="The same, elsewhere", dependencies=api)
    def gate_urls(service: str, environment: str = "") -> JSONResponse:
        found = gates.find(world, service, environment)
        if found is None:
            name = " ".join(filter(None, [service, environment]))
            raise HTTPException(404, f"There is no service {name[:60]!r} in the configuration.")
        return JSONResponse([{"gate": gate, "url": url} for gate, url in gates.urls(world, found).items()])

    @routes.get("/api/dead-letters", summary="Effects that were given up", dependencies=api)
    def dead() -> JSONResponse:
        fields = ("id", "kind", "subject", "attempts", "error")
        return JSONResponse([{name: getattr(letter, name) for name in fields} for letter in world.store.dead()])

    @routes.post("/api/dead-letters/{id}/retry", summary="Try a given-up effect again", dependencies=api)
    def retry(id: int) -> Said:
        if not outbox.retry(world, id):
            raise HTTPException(404, f"There is no dead letter {id}; nothing was changed.")
        return Said(ok=True, text=f"Effect {id} is due again.")

    return routes


def tried(line: str, names: Mapping[str, str]) -> str:
    """A refusal's suggestion, with the slash command as it is called here."""
    name, space, rest = line.partition(" ")
    return f" Try {names.get(name.removeprefix('/'), name)}{space}{rest}" if line else ""


def say(world: World, line: Line) -> Shown:
    """The answer as plain text; a refusal is an answer, not an HTTP error."""
    name, _, words = line.line.strip().partition(" ")
    ours = {slash: command for command, slash in world.commands.items()}
    command = ours.get(name)
    if command is None:
        return Shown(ok=False, text=f"I know {' and '.join(sorted(ours))}; nothing was changed.")
    try:
        said = commands.run(world, Ask(command=command, text=words, by=line.by, channel=line.channel)).say
    except Refused as refusal:
        return Shown(ok=False, text=strip(refusal.why) + tried(refusal.instead, world.commands))
    except ProviderError as error:
        changed = (
            "It may have happened all the same: look before" if error.unknown else "Nothing was changed; look before"
        )
        return Shown(ok=False, text=f"{error}. {changed} you try again.")
    except (NotYet, Busy) as error:
        return Shown(ok=False, text=f"{error}. Nothing was changed. Please try again.")
    if isinstance(said, Modal):
        raise AssertionError(f"a form for {COMMANDS[command]} needs a trigger")
    blocks = list(said.blocks) if isinstance(said, Card) else []
    return Shown(ok=True, text=as_text(said), blocks=blocks)
