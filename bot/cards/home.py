"""The App Home: what is mine, what is going on, and a button for the next step of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot import text
from bot.cards import sighting as sightings
from bot.cards.incident import LAMP
from bot.cards.kit import Block, actions, context, header, press, section, visit
from bot.home import Facts
from bot.model import Freeze, Incident, Role, Sighting, Task

INCIDENTS, TASKS, ROLLOUTS, FREEZES, ONCALL = 12, 8, 8, 5, 15  # with all of them it has 76 blocks; Slack takes 100

Where = Callable[[str], str]  # the address of a channel, "" where there is none


def home_view(user: str, facts: Facts, where: Where) -> dict[str, Any]:
    """Everything but the time. `facts` are what this person may see."""
    mine = [incident for incident in facts.incidents if facts.takes_part(incident, user)]
    others = [incident for incident in facts.incidents if incident not in mine]
    blocks = [
        _tray(),
        *_part("Yours", [*_incidents(user, mine, facts, where), *_tasks(facts.tasks)]),
        *_part("Open incidents" if not mine else "Other open incidents", _open(user, others, mine, facts, where)),
        *_part("Rollouts under way", [_rollout(one) for one in facts.rollouts[:ROLLOUTS]]),
        *_part("Freezes", [_freeze(one) for one in facts.freezes[:FREEZES]]),
        *_part("On call", _oncall(facts.oncall)),
    ]
    return {"type": "home", "blocks": blocks}


def closed_view() -> dict[str, Any]:
    """For guests and people of other organisations."""
    return {"type": "home", "blocks": [section("Only members of this workspace can see what is going on here.")]}


def dated(view: dict[str, Any], now: datetime) -> dict[str, Any]:
    """With the time of which it is, which alone is no reason to publish it anew."""
    line = f"As of {text.when(now)}. Kept up for half an hour after you open it."
    return view | {"blocks": [*view["blocks"], context(line)]}


def fingerprint(view: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:16]


def _tray() -> Block:
    return actions(
        press("Declare an incident", "incident declare", "declare", "danger"),
        press("Rollouts", "rollout list", "rollouts"),
        press("Help", "incident help", "help"),
    )


def _part(title: str, blocks: Sequence[Block]) -> list[Block]:
    return [header(title), *blocks] if blocks else []


def _open(user: str, others: Sequence[Incident], mine: Sequence[Incident], facts: Facts, where: Where) -> list[Block]:
    if not others and not mine:
        return [section(":white_check_mark: No incident is open.")]
    return list(_incidents(user, others, facts, where))


def _incidents(user: str, incidents: Sequence[Incident], facts: Facts, where: Where) -> Iterator[Block]:
    for incident in incidents[:INCIDENTS]:
        yield section("\n".join([_name(incident), _state(user, incident, facts)]), n=1000)
        yield _buttons(user, incident, facts, where(incident.channel))
    if len(incidents) > INCIDENTS:
        yield context(f"and {len(incidents) - INCIDENTS} more: `/incident list`")


def _name(incident: Incident) -> str:
    place = text.code(incident.service, 60) if incident.service else ""
    signs = [":lock: private" if incident.private else "", ":dart: drill" if incident.drill else ""]
    name = f"{LAMP[incident.severity]} *{incident.id}* {incident.severity}"
    return text.dotted([name, place, text.brief(incident.title, 100), *signs])


def _state(user: str, incident: Incident, facts: Facts) -> str:
    roles = [role.title.lower() for role in facts.roles_of(incident, user)]
    commander = facts.commander(incident)
    you = f"you are *{', '.join(roles)}*" if roles else ""
    leads = "" if commander == user else f"commander {text.mention(commander)}" if commander else "*no commander*"
    due = f"update due {text.when(incident.next_update_at)}" if incident.next_update_at else ""
    since = f"since {text.when(incident.began)}"
    channel = text.channel(incident.channel, incident.channel_name)
    return text.dotted([f"*{incident.phase.capitalize()}*", since, due, you or leads, leads if you else "", channel])


def _buttons(user: str, incident: Incident, facts: Facts, url: str) -> Block:
    free = not facts.commander(incident)
    claim = press("Take command", f"incident role {incident.id} {Role.COMMANDER}", f"claim.{incident.id}", "primary")
    update = press("Update", f"incident update {incident.id}", f"update.{incident.id}")
    return actions(
        claim if free else None,
        press("Show", f"incident show {incident.id}", f"show.{incident.id}"),
        update if facts.roles_of(incident, user) else None,
        visit("Open channel", url, f"channel.{incident.id}") if text.is_link(url) else None,
    )


def _tasks(tasks: Sequence[Task]) -> Iterator[Block]:
    """The earliest due first."""
    if not tasks:
        return
    ordered = sorted(tasks, key=lambda t: (t.due_at is None, t.due_at or t.at, t.id))
    lines = [_task(task) for task in ordered[:TASKS]]
    lines += [f"and {len(tasks) - TASKS} more"] if len(tasks) > TASKS else []
    yield section("\n".join(lines), n=2000)


def _task(task: Task) -> str:
    due = f"due {task.due_at:%d %b %H:%M} UTC" if task.due_at else ""
    return text.dotted([f":pushpin: {text.brief(task.text, 150)}", due, task.incident])


def _rollout(sighting: Sighting) -> Block:
    return section(
        sightings.line(sighting), press("Show", f"rollout show {sighting.service}", f"rollout.{sighting.id}"), 500
    )


def _freeze(freeze: Freeze) -> Block:
    why = text.brief(freeze.reason, 150)
    facts = [f":snowflake: *{freeze.id}* {text.code(freeze.scope, 80)}", why]
    line = text.dotted([*facts, f"by {text.mention(freeze.by)}", f"until {freeze.until:%d %b %H:%M} UTC"])
    return section(line, press("Thaw", f"rollout thaw {freeze.id}", f"thaw.{freeze.id}"), 600)


def _oncall(oncall: Mapping[str, Sequence[str]]) -> list[Block]:
    lines = [f"*{text.brief(name, 60)}*: {_people(people)}" for name, people in list(oncall.items())[:ONCALL]]
    return [section("\n".join(lines), n=2000)] if lines else []


def _people(people: Sequence[str]) -> str:
    if not people:
        return "_nobody_"
    then = f", then {text.mention(people[1])}" if len(people) > 1 else ""
    return f"{text.mention(people[0])}{then}"
