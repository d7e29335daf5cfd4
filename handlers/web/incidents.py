"""Incidents for responders and those they work with: read-only pages, for whoever is signed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from bot.checkpoints import Unreadable
from bot.commands import incident_id
from bot.errors import NotYet, ProviderError
from bot.merkle import Unproven
from bot.model import BOT, Severity
from bot.text import NAME, clean, is_link
from handlers import dossiers
from handlers.dossiers import Names, Plots, Search
from handlers.templates import allowed, asset, render
from handlers.web.guard import limited
from handlers.web.signin import COOKIE, LASTS, SIGN_IN, Entrance, led_to
from handlers.world import World

HEADERS = {
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
}
LONGEST = 10_000  # bytes of a sign-in form


async def short(request: Request) -> bytes:
    return await limited(request, LONGEST, "That is no token. Nothing was changed.")


STATES = {"open": True, "resolved": False}


def router(world: World, entrance: Entrance) -> APIRouter:
    routes, names, plots = APIRouter(tags=["incidents"]), Names(world), Plots(world)

    def known(request: Request) -> None:
        request.state.reader = entrance.admit(request, world.now())

    door = [Depends(known)]  # before anything is read

    @routes.get(
        "/incidents", summary="Open and recent incidents, as a page", response_class=HTMLResponse, dependencies=door
    )
    def all_(
        request: Request,
        state: str = "",
        service: Annotated[str, Query(max_length=200)] = "",
        severity: str = "",
        q: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        level = Severity(int(severity)) if severity in {str(s.value) for s in Severity} else None
        search = Search(open=STATES.get(state), service=service.strip(), severity=level, words=q.strip())
        found, commanders = dossiers.listed(world, search)
        known = names.of(set(commanders.values()))
        leads = {id: known.get(user, user) for id, user in commanders.items()}
        asked = {"state": state, "service": service, "severity": severity, "q": q}
        return page(
            "incidents.html", request.state.reader, found=found, leads=leads, asked=asked, now=world.now(),
            services=sorted(world.policy.services), most=dossiers.MOST,
        )  # fmt: skip

    @routes.get(
        "/incidents/{id}", summary="All that is known of one, as a page", response_class=HTMLResponse, dependencies=door
    )
    def one(id: str, request: Request) -> Response:
        file = need(dossiers.dossier(world, incident_id(id) or "", names))
        plotted = dossiers.is_plotted(world) and bool(file.incident.service)
        return page(
            "incident.html", request.state.reader, file=file, now=world.now(), plotted=plotted, person=person(file.name)
        )

    @routes.get("/incidents/{id}/plot.png", summary="What was measured around it", dependencies=door)
    def plot(id: str) -> Response:
        try:
            drawn = plots.of(incident_id(id) or "")
        except (ProviderError, NotYet) as error:
            raise HTTPException(503, f"It cannot be drawn now: {error}.", headers={"Retry-After": "30"}) from None
        cached = {"cache-control": "private, max-age=60"}
        return Response(need(drawn), media_type="image/png", headers=HEADERS | cached)

    @routes.get(
        "/incidents/{id}/postmortem", summary="Its draft, as a page", response_class=HTMLResponse, dependencies=door
    )
    def postmortem(id: str, request: Request) -> Response:
        return page(
            "postmortem.html", request.state.reader, draft=need(dossiers.postmortem(world, incident_id(id) or ""))
        )

    @routes.get("/incidents/{id}/receipt.json", summary="Its lines with their proofs", dependencies=door)
    def receipt(id: str) -> Response:
        name = incident_id(id) or ""
        try:
            made = need(dossiers.receipt(world, name))
        except (Unproven, Unreadable) as why:
            raise HTTPException(409, f"There is no proof to give: {why}.") from None
        attached = {"content-disposition": f'attachment; filename="{name}-receipt.json"'}
        return Response(made, media_type="application/json", headers=HEADERS | attached)

    @routes.get("/ledger/checkpoint", summary="The ledger's newest checkpoint, signed", dependencies=door)
    def checkpoint() -> Response:
        made = world.read(lambda tx: tx.ledger.newest())
        if made is None:
            raise HTTPException(404, "Nothing is sealed yet: the first checkpoint follows the first entry.")
        return PlainTextResponse(made.note, headers=HEADERS)

    @routes.get(SIGN_IN, summary="The form to sign in with a token", response_class=HTMLResponse)
    def form(next: str = "") -> Response:
        return page("sign_in.html", "", next=led_to(next), wrong="")

    @routes.post(SIGN_IN, summary="Sign in", response_class=HTMLResponse)
    def enter(request: Request, body: Annotated[bytes, Depends(short)]) -> Response:
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        shown, next = fields.get("token", ""), led_to(fields.get("next", ""))
        try:
            right = entrance.takes(shown.strip(), request, world.now())
        except HTTPException as error:
            answer = page("sign_in.html", "", status=error.status_code, next=next, wrong=error.detail)
            answer.headers.update(error.headers or {})
            return answer
        if not right:
            return page("sign_in.html", "", status=401, next=next, wrong="That is not the token.")
        answer = RedirectResponse(next, 303)
        answer.set_cookie(
            COOKIE, entrance.pass_until(world.now() + LASTS), max_age=int(LASTS / timedelta(seconds=1)),
            path="/", secure=entrance.is_secure(request), httponly=True, samesite="lax",
        )  # fmt: skip
        return answer

    @routes.post("/sign-out", summary="Sign out")
    def leave() -> Response:
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return routes


def page(template: str, reader: str, status: int = 200, **values: Any) -> Response:
    style = asset("status.css") + "\n" + asset("incidents.css")
    policy = allowed("form-action 'self'", "frame-ancestors 'none'", style=style)
    text = render(template, style=style, reader=reader, is_link=is_link, clean=clean, **values)
    return HTMLResponse(text, status, headers=HEADERS | {"content-security-policy": policy})


def person(name: Callable[[str], str]) -> Callable[[str], str]:
    """Who somebody is, in a sentence."""
    return lambda user: NAME if user == BOT else clean(name(user))


def need(found: Any) -> Any:
    if found is None:
        raise HTTPException(404, "There is no such page, or it is not for everybody who can sign in here.")
    return found
