"""What senders post: authenticated, understood, stored, and only then accepted."""

from __future__ import annotations

import asyncio
import collections
import math
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from bot.commands import nearest
from bot.errors import ProviderError
from bot.hearing import Odd
from bot.text import plural
from handlers import hearing
from handlers.hearing import Batch
from handlers.intake import Delivery, Source, kind, shown, sns, unread
from handlers.intake.fields import Malformed
from handlers.intake.prometheus import PATH
from handlers.intake.signatures import SCHEMES, Untrusted
from handlers.intake.source import prove
from handlers.together import Together
from handlers.web.guard import body as read
from handlers.web.rates import Rate
from handlers.world import World

RECEIVED = Counter("watchkeeper_hook_facts_total", "Alerts, changes and vendors' words accepted", ["sender", "kind"])
REFUSED = Counter("watchkeeper_hook_refused_total", "Deliveries that could not be understood", ["sender"])
REPEATED = Counter("watchkeeper_hook_repeated_total", "Deliveries that had been taken in before", ["sender"])
STRANGERS = Counter("watchkeeper_hook_untrusted_total", "Deliveries without the right secret or signature", ["sender"])

SOME = 8  # names in a sentence
WITHIN = 8.0  # seconds for an answer: Alertmanager gives up after ten, and posts all of it again
TAKEN = ("POST", "PUT")
QUICK = 32 * 1024  # bytes; what is no larger is read sooner than another thread would begin to


log = structlog.get_logger(__name__)


def is_quick(delivery: Delivery) -> bool:
    """What is packed may be megabytes."""
    return len(delivery.body) <= QUICK and "content-encoding" not in delivery.headers


def headers(request: Request) -> dict[str, str]:
    """Of a name that is there twice the first one counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}


class Door:
    """Everything between a request and its answer; `within`: seconds after which a sender is told to come again."""

    def __init__(self, world: World, sources: Mapping[str, Source], within: float = WITHIN) -> None:
        self.world, self.sources, self.within = world, sources, within
        self.schemes = {**SCHEMES, "sns": sns.Verifier(world.fetch).scheme}
        self.rates = {name: Rate(source.per_minute) for name, source in sources.items()}
        self.together = Together(partial(hearing.receive, world))

    async def answer(self, name: str, request: Request, token: str = "", *, dry_run: bool = False) -> Response:
        """A stranger's body is not even read. `?dry-run` is what it means: a hyphen must store nothing."""
        dry_run = dry_run or "dry-run" in request.query_params
        empty = self.enter(name, request, token)
        return await self.hear(name, request, replace(empty, body=await read(request)), dry_run=dry_run)

    def enter(self, name: str, request: Request, token: str) -> Delivery:
        """Before the body is read. Raises 404, 401, 503."""
        if name not in self.sources:
            raise HTTPException(404, unknown(name, list(self.sources)))
        source = self.sources[name]
        delivery = Delivery(body=b"", now=self.world.now(), headers=headers(request), token=token)
        request.state.proven = self.prove(source, delivery, early=True)
        if wait := self.rates[name].wait(self.world.now()):
            raise HTTPException(
                503,
                f"{name} sends more than {source.per_minute} requests a minute. Nothing was stored; come again.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        return delivery

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

    async def hear(self, name: str, request: Request, delivery: Delivery, *, dry_run: bool = False) -> Response:
        source = self.sources[name]
        if len(delivery.body) > source.largest:
            raise HTTPException(413, f"The body is larger than {source.largest // 2**20} MiB. Nothing was stored.")
        batch: Batch | None
        try:
            if request.state.proven and is_quick(delivery) and "sns" not in source.schemes:
                batch = hearing.understand(source, delivery)
            else:
                batch = await run_in_threadpool(self.understand, source, delivery, request.state.proven, dry_run)
        except ProviderError as error:
            raise HTTPException(503, f"Nothing was stored: {error}.", headers={"Retry-After": "30"}) from None
        except Malformed as error:
            return await self.in_time(self.keep(source, delivery, str(error), dry_run=dry_run))
        if batch is None:
            return JSONResponse({"accepted": 0, "confirmed": True}, 202)
        if dry_run:
            odd = [unread(batch.odd.reason)] if batch.odd else []
            return JSONResponse([*map(shown, batch.facts), *odd])
        return await self.in_time(self.accept(source, batch))

    async def in_time(self, answer: Awaitable[Response]) -> Response:
        """503 where the database lets us wait for longer than a sender waits for us.

        Threads that wait for it are asyncio's, which are few and can be left alone; FastAPI's are waited for.
        """
        try:
            async with asyncio.timeout(self.within):
                return await answer
        except TimeoutError:
            log.warning("the database took too long to store a delivery", seconds=self.within)
            why = f"The database did not answer within {self.within:g} s, so it is not known whether this was stored"
            raise HTTPException(503, f"{why}. Send it again: twice is as once.", headers={"Retry-After": "5"}) from None

    def understand(self, source: Source, delivery: Delivery, proven: bool, dry_run: bool) -> Batch | None:
        """What takes a while: signatures, megabytes, and certificates from the network. None: a subscription began."""
        if not proven:
            self.prove(source, delivery)
        if "sns" in source.schemes and not dry_run and sns.confirm(delivery, self.world.fetch):
            return None
        return hearing.understand(source, delivery)

    async def accept(self, source: Source, batch: Batch) -> Response:
        if bool(batch.request) and await asyncio.to_thread(hearing.is_repeat, self.world, batch):
            REPEATED.labels(source.name).inc()
            return JSONResponse({"accepted": 0, "repeat": True}, 202)
        if batch.facts or batch.request or batch.odd or batch.source in self.world.policy.expected_sources:
            await asyncio.wrap_future(self.together.submit([batch]))
        for name, count in collections.Counter(map(kind, batch.facts)).items():
            RECEIVED.labels(source.name, name).inc(count)
        if batch.odd:
            return await asyncio.to_thread(self.partly, source, batch, batch.odd)
        return Response(f'{{"accepted":{len(batch.facts)}}}', 202, media_type="application/json")

    def partly(self, source: Source, batch: Batch, odd: Odd) -> Response:
        """What could be understood is stored; whoever reads answers learns of the rest."""
        REFUSED.labels(source.name).inc()
        log.warning("some of a delivery was not understood", source=source.name, unparsed=odd.id, why=odd.reason)
        kept = hearing.kept(self.world, odd)
        where = f"kept: `watchkeeper unparsed show {kept}`" if kept else "not kept: too many wait already"
        said = f"{plural(len(batch.facts), 'fact')} stored, but {odd.reason}. What could not be read is {where}."
        return JSONResponse({"accepted": len(batch.facts), "detail": said}, source.sender.partly)

    async def keep(self, source: Source, delivery: Delivery, why: str, *, dry_run: bool) -> Response:
        return await asyncio.to_thread(self.odd, source, delivery, why, dry_run=dry_run)

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


class Straight(Route):
    """A post or put without a query: for what FastAPI would look for, and not find, an alert could be taken in."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in TAKEN or scope["query_string"]:
            return Match.NONE, {}
        return super().matches(scope)


def straight(door: Door) -> list[BaseRoute]:
    """To stand before all others; `router` has the same, as it is documented, for whoever sends a query."""

    async def hook(request: Request) -> Response:
        named = request.path_params
        return await door.answer(named["source"], request, named.get("token", ""))

    return [Straight(path, hook, methods=TAKEN) for path in ("/hooks/{source}", "/hooks/{source}/{token}")]


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["hooks"])

    @routes.put("/hooks/{source}", include_in_schema=False)
    @routes.post("/hooks/{source}", status_code=202, summary="Alerts and changes from a sender")
    async def hook(source: str, request: Request, token: str = "", dry_run: bool = False) -> Response:
        return await door.answer(source, request, token, dry_run=dry_run)

    @routes.put("/hooks/{source}/{token}", include_in_schema=False)
    @routes.post("/hooks/{source}/{token}", status_code=202, summary="The same, for senders that can set no header")
    async def hook_by_path(source: str, token: str, request: Request, dry_run: bool = False) -> Response:
        return await door.answer(source, request, token, dry_run=dry_run)

    return routes


def alertmanager_api(world: World, source: Source) -> APIRouter:
    """For Prometheus servers that are told we are an Alertmanager."""
    routes, door = APIRouter(tags=["hooks"]), Door(world, {source.name: source})

    @routes.post(PATH, summary="Alerts straight from Prometheus")
    async def alerts(request: Request) -> Response:
        answer = await door.answer(source.name, request)
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
