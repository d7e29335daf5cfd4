"""Reminders of a promised update: before it is due, when it is, and louder while it stays out.

First the comms lead alone, then the channel, then the commander, then whoever is on call. Snoozing puts off the
reminders, and never the promise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot import durations, incidents
from bot.cards.incident import reminder
from bot.decision import Decision, PostCard, RemindUpdate, SendPost
from bot.errors import Refused
from bot.model import Entry, EntryKind, Incident, Post, Role
from bot.text import clock, code, span

TO_COMMANDER, TO_ONCALL, AGAIN = timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=10)
JUST_PROMISED = timedelta(minutes=2)  # nobody is reminded of what they said a moment ago
SNOOZE, LONGEST_SNOOZE = timedelta(minutes=10), timedelta(hours=2)


class Stage(StrEnum):
    BEFORE = "before"
    DUE = "due"
    LATE = "late"
    OVERDUE = "overdue"


def stage(promised: datetime, now: datetime) -> Stage:
    late = now - promised
    if late < timedelta(0):
        return Stage.BEFORE
    if late < TO_COMMANDER:
        return Stage.DUE
    return Stage.LATE if late < TO_ONCALL else Stage.OVERDUE


def _next(at: Stage, promised: datetime, now: datetime) -> datetime:
    match at:
        case Stage.BEFORE:
            return promised
        case Stage.DUE:
            return promised + TO_COMMANDER
        case Stage.LATE:
            return promised + TO_ONCALL
        case Stage.OVERDUE:
            return now + AGAIN


def whom(at: Stage, roles: Mapping[Role, str], oncall: Sequence[str]) -> str:
    """Who is asked, "" where nobody is there to ask."""
    comms, commander = roles.get(Role.COMMS, ""), roles.get(Role.COMMANDER, "")
    match at:
        case Stage.BEFORE | Stage.DUE:
            return comms or commander
        case Stage.LATE:
            return commander or comms
        case Stage.OVERDUE:
            return next((who for who in oncall if who not in (comms, commander)), commander or comms)


def is_reminder(post: Post) -> bool:
    return post.id.startswith(f"{post.incident}/reminder/")


def nudge(
    incident: Incident,
    roles: Mapping[Role, str],
    oncall: Sequence[str],
    made_at: datetime,
    now: datetime,
    *,
    waiting: bool = False,
    told: bool = False,
) -> Decision:
    """What is due now, and when to look again. `made_at`: when the promise was given.

    `waiting`: the last reminder could not be posted yet, so another would only be its echo. `told`: this stage was.
    """
    promised = incident.next_update_at
    if not incident.is_open or promised is None:
        return Decision()
    if now < promised - incidents.LEAD:
        return Decision(do=incidents.remind(incident))
    if incident.snoozed_until and now < incident.snoozed_until:
        return Decision(do=(RemindUpdate(incident.id, due=incident.snoozed_until),))
    at = stage(promised, now)
    again = RemindUpdate(incident.id, due=_next(at, promised, now))
    who = whom(at, roles, oncall)
    if at is Stage.BEFORE and (not who or told or now - made_at < JUST_PROMISED):
        return Decision(do=(again,))
    if waiting or told:
        return Decision(do=(again,))
    post = _post(incident, at, who, promised, now)
    if at is Stage.BEFORE:
        return Decision(save=(post,), do=(SendPost(post.id), again))
    return Decision(
        save=(post,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.UPDATE, text=_overdue(now - promised)),),
        do=(SendPost(post.id), PostCard(incident.id), again),
    )


def _post(incident: Incident, at: Stage, who: str, promised: datetime, now: datetime) -> Post:
    card = reminder(incident, int((now - promised).total_seconds() // 60), who if at is not Stage.BEFORE else "")
    return Post(
        id=post_id(incident, now),
        incident=incident.id,
        channel=who if at is Stage.BEFORE else incidents.CHANNEL,
        text=card.text,
        blocks=card.blocks,
    )


def post_id(incident: Incident, now: datetime) -> str:
    """One post for each stage of each promise; of the last stage, for each time."""
    promised = incident.next_update_at or now
    at = stage(promised, now)
    when = f"/{now:%Y%m%dT%H%M%S}" if at is Stage.OVERDUE else ""
    return f"{incident.id}/reminder/{promised:%Y%m%dT%H%M%S}/{at}{when}"


def _overdue(late: timedelta) -> str:
    return "status update is due" if late < timedelta(minutes=1) else f"status update is {span(late)} late"


def snooze(incident: Incident, words: str, by: str, now: datetime) -> Decision:
    """`/incident snooze 10m`."""
    incidents.must_be_open(incident)
    if incident.next_update_at is None:
        raise Refused(f"No update of {incident.id} is promised, so there is nothing to be reminded of.")
    lasts = _duration(words)
    until = now + lasts
    return Decision(
        save=(replace(incident, snoozed_until=until),),
        note=(
            Entry(
                incident=incident.id, at=now, kind=EntryKind.UPDATE, by=by, text=f"put off reminders for {span(lasts)}"
            ),
        ),
        do=(RemindUpdate(incident.id, due=until),),
        say=(
            f"No reminder of {incident.id} before {clock(until)} UTC. "
            f"The update is still promised for {clock(incident.next_update_at)} UTC."
        ),
    )


def _duration(words: str) -> timedelta:
    if not words:
        return SNOOZE
    word = words.strip().lower().removesuffix("in")  # 10min, too
    lasts = durations.parse(f"{word}m" if word.isdecimal() else word)
    if lasts is None or not timedelta(0) < lasts <= LONGEST_SNOOZE:
        raise Refused(
            f"{code(words, 40)} is no time to put it off: write 10m, at most 2h.", instead="/incident snooze 10m"
        )
    return lasts
