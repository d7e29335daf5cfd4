"""Submitted forms: checked and saved before the ack, so that a mistake keeps the form and its words open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App

from bot.cards.consent import CONFIRM
from bot.commands import Submission
from bot.decision import Decision, Modal, Say
from bot.model import Event
from handlers import commands
from handlers.slack.answers import Answers, Origin, Outcome, notice
from handlers.slack.commands import demand_member
from handlers.slack.identity import Identity
from handlers.world import Think, World
from storage.store import Job, Tx

LONGEST_ERROR = 200
KIND = "view_submission"


@dataclass(frozen=True, kw_only=True)
class Once(World):
    """The world `within`, in which the form `key` is decided upon once however often it is delivered."""

    within: World
    key: str

    def decide(self, think: Think, receipt: Job | None = None) -> Decision:
        def once(tx: Tx, now: datetime) -> Decision:
            if tx.event(self.key) is not None:
                return Decision()
            done = Event(id=self.key, kind=KIND, body={}, received_at=now)
            return think(tx, now) + Decision(save=(done,))

        return self.within.decide(once, receipt)


def register(app: App, world: World, answers: Answers, me: Identity) -> None:
    @app.view(re.compile(""))
    def submitted(ack: Ack, body: dict[str, Any]) -> None:
        view, user = body.get("view") or {}, body.get("user") or {}
        form = submission(view, str(user.get("id") or ""))
        asked = Origin(user=form.by, trigger=str(view.get("id") or ""))
        place: list[str] = []

        def do() -> Say:
            sure = form.callback == CONFIRM
            demand_member(world, me, form.by, str(user.get("team_id") or ""), sure=sure)
            say = commands.submit(once(world, view), form).say
            place.append(channel_of(world, form))
            return say

        outcome = answers.outcome(asked, do)
        channel = place[0] if place else ""
        ack(**reply(view, outcome, closes=bool(channel)))
        if channel and outcome.say and not isinstance(outcome.say, Modal):
            told = Decision(say=outcome.say)
            answers.answer(Origin(user=form.by, channel=channel, trigger=asked.trigger), lambda: told)


def once(world: World, view: Mapping[str, Any]) -> Once:
    same = {field.name: getattr(world, field.name) for field in fields(World)}
    return Once(**same, within=world, key=f"view/{view.get('id')}")


def submission(view: Mapping[str, Any], by: str) -> Submission:
    state = (view.get("state") or {}).get("values") or {}
    return Submission(
        callback=str(view.get("callback_id") or ""),
        subject=str(view.get("private_metadata") or ""),
        values={block: entered(next(iter(elements.values()), {})) for block, elements in state.items()},
        by=by,
    )


def entered(element: Mapping[str, Any]) -> str:
    """What was entered into one element; several choices are lines."""
    for key, value in element.items():
        if key == "type" or not value:
            continue
        if isinstance(value, Mapping):  # selected_option
            return str(value.get("value") or "")
        if isinstance(value, list | tuple):  # selected_options, selected_users …
            return "\n".join(str(v.get("value") or "") if isinstance(v, Mapping) else str(v) for v in value)
        return str(value)  # value, selected_user, selected_date …
    return ""


def channel_of(world: World, form: Submission) -> str:
    """Where the answer goes once the form is closed: the channel of the incident that it is about."""
    incident = world.read(lambda tx: tx.find_incident(form.subject.partition("|")[0]))
    return incident.channel if incident else ""


def reply(view: Mapping[str, Any], outcome: Outcome, *, closes: bool) -> dict[str, Any]:
    """The ack of a form: what to mend, or closed, or the words in its place."""
    inputs = [str(block.get("block_id")) for block in view.get("blocks") or () if block.get("type") == "input"]
    if outcome.failed and inputs:
        errors = {block: why for block, why in outcome.errors.items() if block in inputs}
        errors = errors or {inputs[0]: str(outcome.say)}
        return {
            "response_action": "errors",
            "errors": {block: unadorned(why)[:LONGEST_ERROR] for block, why in errors.items()},
        }
    if isinstance(outcome.say, Modal):
        return {"response_action": "update", "view": outcome.say.view}
    if not outcome.say or (closes and not outcome.failed):
        return {}
    return {"response_action": "update", "view": notice(outcome.say)}


def unadorned(words: str) -> str:
    """Without emoji codes and backticks: the line under a field is plain text."""
    return re.sub(r"^:[a-z_]+: ", "", words).replace("`", "")
