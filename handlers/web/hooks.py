"""What senders post: authenticated, understood, stored, and only then accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import Counter

from bot.commands import nearest
from bot.errors import ProviderError
from handlers import hearing
from handlers.hearing import Batch
from handlers.intake import Delivery, Source, kind, shown, sns
from handlers.intake.fields import Malformed
from handlers.intake.prometheus import PATH
from handlers.intake.signatures import SCHEMES, Untrusted
from handlers.intake.source import prove
from handlers.together import Together
from handlers.web.guard import RawBody
from handlers.web.rates import Rate
from handlers.world import World

RECEIVED = Counter("watchkeeper_hook_facts_total", "Alerts, changes and vendors' words accepted", ["sender", "kind"])
REFUSED = Counter("watchkeeper_hook_refused_total", "Deliveries that could not be understood", ["sender"])
REPEATED = Counter("watchkeeper_hook_repeated_total", "Deliveries that had been taken in before", ["sender"])
STRANGERS = Counter("watchkeeper_hook_untrusted_total", "Deliveries without the right secret or signature", ["sender"])

SOME = 8  # names in a sentence


class Door:
    """Everything between a request and its answer."""

    def __init__(self, world: World, sources: Mapping[str, Source]) -> None:
        self.world, self.sources = world, sources
        self.schemes = {**SCHEMES, "sns": sns.Verifier(world.fetch).scheme}
        self.rates = {name: Rate(source.per_minute) for name, source in sources.items()}
        self.take: Callable[[list[Batch]], None] = Together(partial(hearing.receive, world))

    def enter(self, name: str, request: Request, token: str) -> None:
        """Before the body is read. Raises 404, 401, 503."""
        if name not in self.sources:
            raise HTTPException(404, unknown(name, list(self.sources)))
        source = self.sources[name]
        request.state.proven = self.prove(source, self.delivery(request, b"", token), early=True)
        if wait := self.rates[name].wait(self.world.now()):
            raise HTTPException(
                503,
                f"{name} sends more than {source.per_minute} requests a minute. Nothing was stored; come again.",
                headers={"Retry-After": str(math.ceil(wait))},
            )

    def delivery(self, request: Request, body: bytes, token: str) -> Delivery:
        return Delivery(body=body, now=self.world.now(), headers=dict(request.headers), token=token)

    def prove(self, source: Source, delivery: Delivery, *, early: bool = False) -> bool:
        try:
            return prove(source, delivery, self.schemes, early=early)
        except Untrusted as error:
            STRANGERS.labels(source.name).inc()
            hows = " or ".join(self.schemes[name].how for name in source.schemes)
            raise HTTPException(
                401,
                f"Send {hows} ({source.set_by}): {error}. Nothing was stored.",
                headers={"WWW-Authenticate": "Bearer"},
            ) from None

    def hear(self, name: str, request: Request, body: bytes, token: str, *, dry_run: bool) -> Response:
        source, delivery = self.sources[name], self.delivery(request, body, token)
        if len(body) > source.largest:
            raise HTTPException(413, f"The body is larger than {source.largest // 2**20} MiB. Nothing was stored.")
        try:
            if not request.state.proven:
                self.prove(source, delivery)
            if "sns" in source.schemes and not dry_run and sns.confirm(delivery, self.world.fetch):
                return JSONResponse({"accepted": 0, "confirmed": True}, 202)
            batch = hearing.understand(source, delivery)
        except ProviderError as error:
            raise HTTPException(503, f"Nothing was stored: {error}.", headers={"Retry-After": "30"}) from None
        except Malformed as error:
            return self.odd(source, delivery, str(error), dry_run=dry_run)
        if dry_run:
            return JSONResponse([shown(fact) for fact in batch.facts])
        return self.accept(source, batch)

    def accept(self, source: Source, batch: Batch) -> Response:
        if hearing.is_repeat(self.world, batch):
            REPEATED.labels(source.name).inc()
            return JSONResponse({"accepted": 0, "repeat": True}, 202)
        if batch.facts or batch.request or batch.source in self.world.policy.expected_sources:
            self.take([batch])
        for fact in batch.facts:
            RECEIVED.labels(source.name, kind(fact)).inc()
        return JSONResponse({"accepted": len(batch.facts)}, 202)

    def odd(self, source: Source, delivery: Delivery, why: str, *, dry_run: bool) -> Response:
        """The sender gets the status that makes it do the right thing; whatever it is, the request is kept."""
        if dry_run:
            raise HTTPException(400, f"Nothing was stored: {why}.")
        REFUSED.labels(source.name).inc()
        kept = hearing.keep(self.world, source, delivery, why)
        if not kept:
            raise HTTPException(400, f"Nothing was stored: {why}. Too many wait already: `watchkeeper unparsed list`.")
        said = f"No alert or change was stored: {why}. The request is kept: `watchkeeper unparsed show {kept}`."
        return JSONResponse({"detail": said}, source.sender.odd)


def router(world: World, sources: Mapping[str, Source]) -> APIRouter:
    routes, door = APIRouter(), Door(world, sources)

    def known(source: str, request: Request, token: str = "") -> None:
        door.enter(source, request, token)

    before = [Depends(known)]

    @routes.post("/hooks/{source}", status_code=202, summary="Alerts and changes from a sender", dependencies=before)
    def hook(source: str, request: Request, body: RawBody, token: str = "", dry_run: bool = False) -> Response:
        return door.hear(source, request, body, token, dry_run=dry_run)

    @routes.post(
        "/hooks/{source}/{token}",
        status_code=202,
        summary="The same, for senders that can set no header",
        dependencies=before,
    )
    def hook_by_path(source: str, token: str, request: Request, body: RawBody, dry_run: bool = False) -> Response:
        return door.hear(source, request, body, token, dry_run=dry_run)

    return routes


def alertmanager_api(world: World, source: Source) -> APIRouter:
    """For Prometheus servers that are told we are an Alertmanager."""
    routes, door = APIRouter(), Door(world, {source.name: source})

    def known(request: Request) -> None:
        door.enter(source.name, request, "")

    @routes.post(PATH, summary="Alerts straight from Prometheus", dependencies=[Depends(known)])
    def alerts(request: Request, body: RawBody) -> Response:
        answer = door.hear(source.name, request, body, "", dry_run=False)
        return Response(status_code=200) if answer.status_code == 202 else answer

    @routes.get("/-/ready", summary="Prometheus asks whether its Alertmanager is there (no token needed)")
    def ready() -> PlainTextResponse:
        return PlainTextResponse("OK")

    @routes.get("/api/v2/status", summary="The little that an Alertmanager says of itself (no token needed)")
    def status() -> JSONResponse:
        return JSONResponse({"cluster": {"status": "disabled", "peers": []}, "versionInfo": {"version": "watchkeeper"}})

    return routes


def unknown(sender: str, known: list[str]) -> str:
    close = nearest(sender, known)
    few = ", ".join(sorted(known)[:SOME]) + (", and more in docs/senders.md" if len(known) > SOME else "")
    hint = f"Did you mean /hooks/{close}?" if close else f"Known: {few}."
    return f"There is no sender {sender[:60]!r} here. {hint} Nothing was stored."
