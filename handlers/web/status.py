"""The status page, for everybody: made at most every few seconds, however many read it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from fastapi import APIRouter, HTTPException, Response

from bot.policy import StatusPage
from handlers import status, status_files
from handlers.status_files import FEED, INDEX, JSON, SERVED, SERVED_BELOW, incident_file
from handlers.world import World
from storage.store import Busy

log = structlog.get_logger(__name__)

FRESH = timedelta(seconds=3)
TYPES = {".html": "text/html", ".json": "application/json", ".atom": "application/atom+xml"}


class Kept:
    """The files as they were a moment ago: a crowd of readers costs no more than one."""

    def __init__(self, world: World) -> None:
        self.world, self.guard = world, threading.Lock()
        self.made_at: datetime | None = None
        self.files: Mapping[str, bytes] = {}

    def file(self, name: str) -> bytes:
        settings = self.world.policy.status
        if settings is None:
            raise HTTPException(404, "There is no status page here: `status:` is not in the configuration.")
        if self.guard.acquire(blocking=not self.files):  # while it is made anew, others read what there is
            try:
                self.renew(settings)
            finally:
                self.guard.release()
        if name not in self.files:
            raise HTTPException(404, "There is no such page; what is known is at /status.")
        return self.files[name]

    def renew(self, settings: StatusPage) -> None:
        """Where the database is away the last page stays: it says itself how old it is."""
        now = self.world.now()
        if self.made_at is not None and timedelta(0) <= now - self.made_at < FRESH:
            return
        try:
            self.files = status_files.files(status.page(self.world, settings), SERVED, SERVED_BELOW)
        except Busy as error:
            log.warning("the status page is not renewed", error=str(error))
            if not self.files:
                raise HTTPException(
                    503, "The page cannot be made now. Please come again.", headers={"Retry-After": "5"}
                ) from None
        self.made_at = now


def router(world: World) -> APIRouter:
    routes, kept = APIRouter(tags=["status page"]), Kept(world)

    def answer(name: str) -> Response:
        headers = {"cache-control": "public, max-age=10", "x-content-type-options": "nosniff"}
        suffix = Path(name).suffix
        if suffix == ".html":
            headers |= {"x-frame-options": "DENY", "referrer-policy": "no-referrer"}
        return Response(kept.file(name), media_type=TYPES[suffix], headers=headers)

    @routes.get("/status", summary="The status page (no token needed)")
    def page() -> Response:
        return answer(INDEX)

    @routes.get("/status.json", summary="The same for machines (no token needed)")
    def machines() -> Response:
        return answer(JSON)

    @routes.get("/status/feed.atom", summary="What was told, as a feed (no token needed)")
    def feed() -> Response:
        return answer(FEED)

    @routes.get("/status/incidents/{id}.html", summary="One incident as customers know it (no token needed)")
    def incident(id: str) -> Response:
        return answer(incident_file(id))

    return routes
