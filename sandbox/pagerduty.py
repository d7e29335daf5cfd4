"""A pretend PagerDuty: who is on call by its REST API, and alerts by its Events API, version 2."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Json = dict[str, Any]
TOKEN, ROUTING_KEY = "pd-token", "r0ut1ngk3y0000000000000000000000"
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")
MEDIA_TYPE = "application/vnd.pagerduty+json;version=2"


@dataclass(frozen=True)
class User:
    id: str
    name: str
    email: str

    def as_json(self, whole: bool) -> Json:
        """Whole only where it was asked for; a reference else."""
        ref = {"id": self.id, "summary": self.name, "html_url": f"https://shop.pagerduty.example/users/{self.id}"}
        if not whole:
            return {**ref, "type": "user_reference"}
        return {**ref, "type": "user", "name": self.name, "email": self.email, "role": "user"}


@dataclass(frozen=True)
class Duty:
    user: User
    schedule: str = ""
    policy: str = "PT20YPA"
    level: int = 1


@dataclass
class Alert:
    """An alert by its dedup key. `told` is how often it was triggered while it was open."""

    key: str
    status: str
    summary: str
    severity: str
    told: int = 1


DANA = User("PXPGF42", "Dana Kim", "dana@corner-shop.example")
BOB = User("PAM4FGS", "Bob Okafor", "bob@corner-shop.example")


@dataclass
class PagerDuty:
    duties: list[Duty] = field(default_factory=lambda: [Duty(BOB, "PI7DH85", level=2), Duty(DANA, "PI7DH85")])
    alerts: dict[str, Alert] = field(default_factory=dict)
    down: bool = False
    limited: int = 0  # so many requests are told to come later
    _made: itertools.count[int] = field(default_factory=itertools.count)

    def routes(self, at: str) -> list[BaseRoute]:
        return [
            Route(f"{at}/oncalls", self.oncalls, methods=["GET"]),
            Route(f"{at}/v2/enqueue", self.enqueue, methods=["POST"]),
        ]

    def trouble(self) -> Response | None:
        if self.down:
            return Response("<html>502 Bad Gateway</html>", 502)
        if self.limited:
            self.limited -= 1
            return JSONResponse({"error": {"message": "Rate Limit Exceeded", "code": 2020}}, 429)
        return None

    def oncalls(self, request: Request) -> Response:
        if trouble := self.trouble():
            return trouble
        if request.headers.get("authorization") != f"Token token={TOKEN}":
            return JSONResponse({"error": {"message": "Authentication failed", "code": 2006}}, 401)
        if request.headers.get("accept", "") != MEDIA_TYPE:
            return JSONResponse({"error": {"message": "API version is missing", "code": 2002}}, 400)
        asked = request.query_params
        schedules, policies = asked.getlist("schedule_ids[]"), asked.getlist("escalation_policy_ids[]")
        whole = "users" in asked.getlist("include[]")
        found = [
            self.as_json(duty, whole)
            for duty in self.duties
            if (not schedules or duty.schedule in schedules) and (not policies or duty.policy in policies)
        ]
        return JSONResponse({"oncalls": found, "limit": 100, "offset": 0, "more": False, "total": None})

    def as_json(self, duty: Duty, whole: bool) -> Json:
        return {
            "user": duty.user.as_json(whole),
            "schedule": {"id": duty.schedule, "type": "schedule_reference"} if duty.schedule else None,
            "escalation_policy": {"id": duty.policy, "type": "escalation_policy_reference"},
            "escalation_level": duty.level,
            "start": None,
            "end": None,
        }

    async def enqueue(self, request: Request) -> Response:
        if trouble := self.trouble():
            return trouble
        body = await request.json()
        if errors := list(_wrong(body)):
            return JSONResponse(
                {"status": "invalid event", "message": "Event object is invalid", "errors": errors}, 400
            )
        key = body.get("dedup_key") or f"{next(self._made):032x}"
        self.take(key, body["event_action"], body.get("payload") or {})
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def take(self, key: str, action: str, payload: Json) -> None:
        """What is acknowledged or resolved and not known is taken for nothing, and a resolved key opens anew."""
        known = self.alerts.get(key)
        if action == "trigger":
            if known and known.status != "resolved":
                known.told += 1
                return
            self.alerts[key] = Alert(key, "triggered", payload["summary"], payload["severity"])
        elif known and known.status != "resolved":
            known.status = "acknowledged" if action == "acknowledge" else "resolved"


def _wrong(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return ["Body must be a JSON object"]
    errors = []
    if len(str(body.get("routing_key", ""))) != 32:
        errors.append("'routing_key' is missing or blank")
    if body.get("event_action") not in ACTIONS:
        errors.append(f"'event_action' must be one of {', '.join(ACTIONS)}")
    if body.get("event_action") != "trigger":
        return errors if body.get("dedup_key") else [*errors, "'dedup_key' is missing or blank"]
    payload = body.get("payload") or {}
    errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if payload.get("severity") not in SEVERITIES:
        errors.append(f"'payload.severity' must be one of {', '.join(SEVERITIES)}")
    if len(str(payload.get("summary", ""))) > 1024:
        errors.append("'payload.summary' is too long")
    return errors
