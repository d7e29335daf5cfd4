"""Stands in for PagerDuty's Events API, version 2, for tools in which only the host can be changed."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from handlers.intake import Source
from handlers.intake.pagerduty_events import PATH, event
from handlers.web.guard import body as read
from handlers.web.hooks import Door
from handlers.world import World


def router(world: World, source: Source) -> APIRouter:
    routes, door = APIRouter(tags=["hooks"]), Door(world, {source.name: source})

    @routes.post(PATH, status_code=202, summary="Events that are meant for PagerDuty")
    async def enqueue(request: Request) -> Response:
        empty = door.enter(source.name, request, "")
        delivery = replace(empty, body=await read(request))
        answer = await door.hear(source.name, request, delivery)
        if answer.status_code != 202:
            return answer
        key = (await run_in_threadpool(event, delivery)).key  # it may be megabytes
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    return routes
