"""Which way an alert goes, and why: the first route that fits says what its labels do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.matching import fits, in_words, shown, why_not
from bot.model import BOT, Alert, Incident, Severity, off_stage
from bot.policy import Policy, Route, Then

NO_ROUTE = Route()
LABEL = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An alert as its route reads it. `number` counts from 1; 0 is no route."""

    alert: Alert
    group: str  # alerts of one group are one incident
    route: Route = NO_ROUTE
    number: int = 0


def group_of(alert: Alert) -> str:
    """One incident per service and environment; without a service the sender's grouping decides."""
    return f"{alert.service}/{alert.environment}" if alert.service else alert.group


def take(alert: Alert, policy: Policy) -> Taken:
    """What we raise ourselves goes where it belongs without a route."""
    if policy.routes and alert.source != BOT:
        for number, route in enumerate(policy.routes, 1):
            if fits(route.match, alert):
                return _routed(alert, route, number)
    return Taken(alert=alert, group=group_of(alert))


def _routed(alert: Alert, route: Route, number: int) -> Taken:
    read = replace(
        alert,
        service=filled(route.service, alert) or alert.service,
        environment=off_stage(filled(route.environment, alert)) or alert.environment,
        severity=str(route.severity).lower() if route.severity else alert.severity,
    )
    group = off_stage(filled(route.group, read)) or group_of(read)  # labels are the sender's words, too
    return Taken(alert=read, group=group, route=route, number=number)


def filled(template: str, alert: Alert) -> str:
    """ "orders in {region}" with the alert's labels; without one that is named it is nothing."""
    named = LABEL.findall(template)
    if any(not alert.labels.get(name) for name in named):
        return ""
    return LABEL.sub(lambda name: alert.labels[name[1]], template)


def opens(taken: Taken, severity: Severity, policy: Policy) -> bool:
    """Whether it opens an incident where none of its group is open."""
    if taken.route.then is None:
        return severity <= policy.opens_at
    return taken.route.then is Then.OPEN


def opened_of(incidents: Iterable[Incident], group: str) -> Incident | None:
    """Of these open incidents the one of a group."""
    return next((one for one in incidents if group and one.group == group), None)


# ---------------------------------------------------------------- in words


def explain(alert: Alert, policy: Policy) -> Iterator[str]:
    """Line by line which way it goes and why, as plain text."""
    labels = ", ".join(f"{name}={shown(value)}" for name, value in alert.labels.items())
    yield f"{shown(alert.title)} ({'firing' if alert.firing else 'resolved'}; {labels or 'no labels'})"
    taken = take(alert, policy)
    for number, route in enumerate(policy.routes, 1):
        if number == taken.number:
            yield f"  route {number} fits ({in_words(route.match) or 'everything'}){_sets(route)}"
            yield from _unset(route, alert)
            break
        yield f"  route {number} does not fit: {why_not(route.match, alert)}"
    else:
        yield "  no route fits: its labels decide" if policy.routes else "  no routes are configured: its labels decide"
    read = taken.alert
    severity = policy.severity_of(read.severity)
    yield f"  service {read.service or '–'}, environment {read.environment}, group {shown(taken.group)}"
    yield f"  severity {severity} ({_why(alert, taken, policy)})"
    yield f"  {_then(taken, severity, policy)}"


def _sets(route: Route) -> str:
    said = {
        "service": route.service,
        "environment": route.environment,
        "severity": str(route.severity) if route.severity else "",
        "group": route.group,
        "roles": ", ".join(f"{role} from {name}" for role, name in route.roles.items()),
        "then": str(route.then or ""),
    }
    sets = "; ".join(f"{name}: {value}" for name, value in said.items() if value)
    return f" and sets {sets}" if sets else " and sets nothing"


def _unset(route: Route, alert: Alert) -> Iterator[str]:
    """Templates that name a label which is not there: they set nothing, and without a word that is a riddle."""
    for name, template in (("service", route.service), ("environment", route.environment), ("group", route.group)):
        missing = [label for label in LABEL.findall(template) if not alert.labels.get(label)]
        if missing:
            yield f"  {name} stays as it is: the alert has no label {', '.join(map(shown, missing))}"


def _why(alert: Alert, taken: Taken, policy: Policy) -> str:
    if taken.route.severity:
        return f"route {taken.number} says so"
    word = alert.severity.strip().lower()
    if not word:
        return "it says none"
    return f"its word is {shown(word)}" + ("" if word in policy.severities else ", which is not known")


def _then(taken: Taken, severity: Severity, policy: Policy) -> str:
    if not taken.alert.firing:
        return "It has ended: it is noted where it is known, and opens nothing."
    if opens(taken, severity, policy):
        because = f"route {taken.number} says so" if taken.route.then else f"{policy.opens_at} or worse does"
        return f"Joins the open incident of its group, or opens one: {because}."
    if taken.route.then is Then.ASK:
        return f"Joins the open incident of its group, or asks people first: route {taken.number} says so."
    because = f"route {taken.number} says so" if taken.route.then else f"only {policy.opens_at} or worse does"
    return f"Joins the open incident of its group, and opens none: {because}."
