"""The status page of Paybridge, the pretend payment processor: a Statuspage, as far as machines read it.

Like the real thing it has an ETag, groups among its components, times with an offset, and an overall indicator that
need not say what the components say.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.shop import Shop

Json = dict[str, Any]
PAGE, CARDS, PAYOUTS, GROUP = "pbr1dg3st4tu5", "c4rdp4ym3nt5", "p4y0ut5", "c0r3gr0up"
THERE = timezone(timedelta(hours=1))  # Paybridge sits in Lisbon's summer


class StatusPage:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.built_at = shop.clock.now()

    def routes(self, at: str) -> list[BaseRoute]:
        return [Route(f"{at}/api/v2/summary.json", self.summary)]

    def summary(self, request: Request) -> Response:
        content = self.content()
        etag = f'W/"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]}"'
        headers = {"etag": etag, "cache-control": "max-age=0, private, must-revalidate"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return JSONResponse(content, headers=headers)

    def content(self) -> Json:
        down = self.shop.conditions.vendor_down
        changed = self.shop.vendor_changed_at or self.built_at
        cards = self.component(CARDS, "Card payments", "major_outage" if down else "operational", changed, GROUP)
        components = [
            self.component(GROUP, "Core services", "major_outage" if down else "operational", changed)
            | {"group": True},
            cards,
            self.component(PAYOUTS, "Payouts", "operational", self.built_at),
        ]
        return {
            "page": {"id": PAGE, "name": "Paybridge", "time_zone": "Europe/Lisbon", "updated_at": stamp(changed)},
            "components": components,
            "incidents": [self.incident(changed, cards)] if down else [],
            "scheduled_maintenances": [],
            "status": {"indicator": "minor", "description": "Minor Service Outage"}
            if down
            else {"indicator": "none", "description": "All Systems Operational"},
        }

    def component(self, id: str, name: str, status: str, changed: datetime, group: str | None = None) -> Json:
        return {
            "id": id,
            "name": name,
            "status": status,
            "created_at": stamp(self.built_at),
            "updated_at": stamp(changed),
            "position": 1,
            "description": None,
            "showcase": False,
            "group_id": group,
            "page_id": PAGE,
            "group": False,
            "only_show_if_degraded": False,
        }

    def incident(self, began: datetime, *components: Json) -> Json:
        return {
            "id": f"1nc1d3nt{int(began.timestamp())}",
            "name": "Elevated card payment errors",
            "status": "investigating",
            "impact": "minor",
            "created_at": stamp(began),
            "updated_at": stamp(began),
            "shortlink": "https://stspg.example/paybridge",
            "page_id": PAGE,
            "components": list(components),
            "incident_updates": [],
        }


def stamp(at: datetime) -> str:
    """ "2026-03-05T13:00:00.000+01:00"."""
    return at.astimezone(THERE).isoformat(timespec="milliseconds")
