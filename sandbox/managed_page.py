"""Atlassian Statuspage as its management API has it: a page of ours, its incidents, and what it refuses.

Like the real thing it has no idempotency key, appends an update for each body it is sent, answers 401 and 422 in its
own words, and 420 to whoever comes too often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.clock import Clock

Json = dict[str, Any]
PAGE, TOKEN = "5h0pp4ge", "statuspage-token"
STATUSES = ("investigating", "identified", "monitoring", "resolved")
IMPACTS = ("none", "minor", "major", "critical")
STATES = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")
COMPONENTS = {"c0checkout": "Checkout", "c0search": "Search"}


@dataclass
class ManagedPage:
    clock: Clock
    incidents: dict[str, Json] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, "operational"))
    lose_answers: int = 0  # so many changes are made, and the answer says that something went wrong
    reopens: str = (
        "yes"  # what becomes of a resolved incident: "yes", "refused", or "ignored" (only its words are taken)
    )
    busy: int = 0  # so many requests are told to come more slowly

    def routes(self, at: str) -> list[BaseRoute]:
        page = f"{at}/v1/pages/{{page}}"
        return [
            Route(page, self.endpoint),
            Route(f"{page}/incidents", self.endpoint, methods=["GET", "POST"]),
            Route(f"{page}/incidents/{{id}}", self.endpoint, methods=["GET", "PATCH"]),
        ]

    async def endpoint(self, request: Request) -> Response:
        try:
            body = await request.json() if request.method in ("POST", "PATCH") else {}
            return self.answer(request, body.get("incident") or {})
        except Refusal as refusal:
            return JSONResponse({"error": refusal.said}, refusal.status)

    def answer(self, request: Request, sent: Json) -> Response:
        if self.busy:
            self.busy -= 1
            raise Refusal(420, "You have exceeded the rate limit")
        if request.headers.get("authorization") != f"OAuth {TOKEN}":
            raise Refusal(401, "Could not authenticate")
        if request.path_params["page"] != PAGE:
            raise Refusal(404, "Record not found")
        id = request.path_params.get("id")
        if request.method == "GET":
            return JSONResponse(self.read(request.url.path.endswith("/incidents"), id))
        changed = self.change(self.incident(id), sent) if id else self.create(sent)
        if self.lose_answers:
            self.lose_answers -= 1
            return Response(status_code=502)
        return JSONResponse(changed, 200 if id else 201)

    def read(self, listed: bool, id: str | None) -> Any:
        if listed:
            return sorted(self.incidents.values(), key=lambda one: str(one["created_at"]), reverse=True)
        return self.incident(id) if id else {"id": PAGE, "name": "Shop"}

    def incident(self, id: str) -> Json:
        if id not in self.incidents:
            raise Refusal(404, "Record not found")
        return self.incidents[id]

    def create(self, sent: Json) -> Json:
        if not sent.get("name"):
            raise Refusal(422, ["Name can't be blank"])
        now = stamp(self.clock.now())
        made = {
            "id": f"1nc{len(self.incidents) + 1}",
            "name": sent["name"],
            "metadata": sent.get("metadata") or {},
            "created_at": now,
            "page_id": PAGE,
            "shortlink": f"https://stspg.example/{len(self.incidents) + 1}",
            "incident_updates": [],
        }
        changed = self.change(made, {"status": "investigating"} | sent)
        self.incidents[made["id"]] = changed
        return changed

    def change(self, incident: Json, sent: Json) -> Json:
        self.check(sent)
        now = stamp(self.clock.now())
        if incident.get("status") == "resolved" and sent.get("status", "resolved") != "resolved":
            if self.reopens == "refused":
                raise Refusal(422, ["Status can't be changed: the incident is resolved"])
            if self.reopens == "ignored":
                sent = sent | {"status": "resolved"}
        incident["status"] = sent.get("status", incident.get("status"))
        incident["impact"] = sent.get("impact_override") or incident.get("impact", "none")
        incident["updated_at"] = now
        incident["resolved_at"] = now if incident["status"] == "resolved" else None
        self.components |= sent.get("components") or {}
        if "body" in sent:
            told = {
                "id": f"u{len(incident['incident_updates']) + 1}",
                "status": incident["status"],
                "body": sent["body"],
            }
            incident["incident_updates"].insert(0, told | {"created_at": now, "display_at": now})
        return incident

    def check(self, sent: Json) -> None:
        """Components are set to what they are only where the incident is said to affect them."""
        wrong = [] if sent.get("status", STATUSES[0]) in STATUSES else ["Status is not included in the list"]
        if sent.get("impact_override", IMPACTS[0]) not in IMPACTS:
            wrong.append("Impact override is not included in the list")
        for id, state in (sent.get("components") or {}).items():
            if id not in self.components or id not in (sent.get("component_ids") or ()):
                wrong.append(f"Component {id} does not belong to this incident")
            if state not in STATES:
                wrong.append("Component status is not included in the list")
        if wrong:
            raise Refusal(422, wrong)


class Refusal(Exception):
    def __init__(self, status: int, said: Any) -> None:
        super().__init__(said)
        self.status, self.said = status, said


def stamp(at: datetime) -> str:
    """ "2026-03-05T12:00:00.000+00:00"."""
    return at.isoformat(timespec="milliseconds")
