"""Asked first: alerts that may be an incident, and what a person says they are. Each question is answered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import incidents
from bot.alerts import fired
from bot.decision import Decision, NameSuspects, PostCard, RemindQuestion, SendPost, ShowQuestion
from bot.errors import Refused
from bot.model import BOT, Alert, Answer, Entry, EntryKind, Incident, Post, Question
from bot.policy import Policy
from bot.text import brief, code, mention, plural

PATIENCE = timedelta(minutes=15)  # until it is said once that nobody has answered
SAID = {Answer.OPENED: "opened", Answer.JOINED: "joined it to", Answer.DISMISSED: "said that it is no incident"}


def must_wait(question: Question) -> None:
    if question.answer:
        into = f" {question.incident}" if question.incident else ""
        who = mention(question.answered_by)
        raise Refused(f"{question.id} is answered: {who} {SAID[question.answer]}{into}. Nothing was changed.")


def open_(question: Question, alerts: Sequence[Alert], number: int, by: str, policy: Policy, now: datetime) -> Decision:
    """`alerts`: those that it asked about."""
    must_wait(question)
    opened = incidents.open_(
        number,
        question.title,
        question.service,
        question.environment,
        question.severity,
        policy,
        now,
        by=by,
        group=question.group,
        onset_at=question.onset_at,
        roles=question.roles,
    )
    return opened + _answered(question, Answer.OPENED, f"INC-{number}", alerts, by, now)


def join(question: Question, alerts: Sequence[Alert], incident: Incident, by: str, now: datetime) -> Decision:
    must_wait(question)
    incidents.must_be_open(incident)
    if incident.drill:
        raise Refused(f"{incident.id} is a drill, and {question.id} is not; nothing was changed.")
    known = incident.onset_at is not None and incident.onset_at <= question.onset_at
    moved = () if known else (replace(incident, onset_at=question.onset_at),)
    return Decision(save=moved) + _answered(question, Answer.JOINED, incident.id, alerts, by, now)


def dismiss(question: Question, by: str, now: datetime) -> Decision:
    must_wait(question)
    return _answered(question, Answer.DISMISSED, "", (), by, now)


def _answered(
    question: Question, answer: Answer, incident: str, alerts: Sequence[Alert], by: str, now: datetime
) -> Decision:
    done = replace(question, answer=answer, incident=incident, answered_by=by, answered_at=now)
    into = f" {incident}" if incident else ""
    text = f"{question.id}, {question.title}: {SAID[answer]}{into}"
    entry = Entry(at=now, kind=EntryKind.INCIDENT, text=text, by=by, incident=incident, source=question.id)
    attached = tuple(replace(alert, incident=incident) for alert in alerts)
    shown = (PostCard(incident), NameSuspects(incident)) if incident else ()
    return Decision(
        save=(done, *attached),
        note=(*(fired(incident, alerts) if incident else ()), entry),
        do=(ShowQuestion(question.id), *shown),
        say=_say(done),
    )


def _say(question: Question) -> str:
    if question.answer is Answer.DISMISSED:
        return f"{question.id} is no incident. The same will not be asked again while it goes on."
    return f"{question.id}: {question.incident} has it now."


def asked(question: Question, channel: str, ts: str, now: datetime) -> Decision:
    """Its card stands there."""
    if question.ts == ts:
        return Decision()
    return Decision(
        save=(replace(question, channel=channel, ts=ts),), do=(RemindQuestion(question.id, due=now + PATIENCE),)
    )


def reminder(question: Question) -> str:
    """The id of the post that reminds of it."""
    return f"{question.id}/reminder"


def reminded(question: Question, firing: int, told: Post | None) -> Decision:
    """Once, where the question was asked; nothing where it is answered. `firing`: of its alerts."""
    if question.answer or told or not question.channel:
        return Decision()
    still = (
        f"{plural(firing, 'alert')} of it still {'fires' if firing == 1 else 'fire'}"
        if firing
        else "nothing of it fires any more"
    )
    text = (
        f":hourglass_flowing_sand: {question.id}, {brief(question.title, 120)}: nobody has said yet whether it is an "
        f"incident, and {still}. Answer it on its card, or type {code(f'/incident answer {question.id} open')} "
        f"or {code('dismiss')}."
    )
    post = Post(id=reminder(question), incident="", channel=question.channel, text=text)
    return Decision(save=(post,), do=(SendPost(post.id),))


def nowhere(question: Question, alerts: Sequence[Alert], number: int, policy: Policy, now: datetime) -> Decision:
    """There is nobody to ask: rather one incident too many than one that nobody sees."""
    return Decision() if question.answer else open_(question, alerts, number, BOT, policy, now)
