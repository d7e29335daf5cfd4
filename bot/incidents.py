"""The moves an incident allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.decision import (
    Announce,
    CallResponders,
    Card,
    Decision,
    DraftPostmortem,
    EndPages,
    FurnishChannel,
    InviteResponders,
    NameSuspects,
    OpenChannel,
    PostCard,
    RemindUpdate,
    SendPost,
)
from bot.errors import Refused
from bot.model import BOT, Assignment, Change, Entry, EntryKind, Incident, Phase, Post, Role, Severity
from bot.policy import Policy
from bot.text import brief, code, paragraph, span

CHANNEL = "@incident"  # a Post to wherever the incident lives, once it does


def open_(
    number: int,
    title: str,
    service: str,
    environment: str,
    severity: Severity,
    policy: Policy,
    now: datetime,
    *,
    by: str = BOT,
    group: str = "",
    onset_at: datetime | None = None,
    impact: str = "",
    roles: Mapping[Role, str] | Mapping[str, str] | None = None,
) -> Decision:
    incident = Incident(
        id=f"INC-{number}",
        number=number,
        title=title,
        service=service,
        environment=environment,
        severity=severity,
        opened_at=now,
        by=by,
        group=group,
        onset_at=onset_at,
        impact=impact,
        roles={str(role): name for role, name in (roles or {}).items()},
    )
    incident = replace(incident, next_update_at=policy.next_update(incident, now))
    how = "declared" if by != BOT else "opened from an alert"
    return Decision(
        save=(incident,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"{severity} {how}: {title}"),),
        do=(OpenChannel(incident.id), CallResponders(incident.id), NameSuspects(incident.id), *remind(incident)),
    )


def remind(incident: Incident) -> tuple[RemindUpdate, ...]:
    return (RemindUpdate(incident.id, due=incident.next_update_at),) if incident.next_update_at else ()


def reopen(incident: Incident, why: str, policy: Policy, now: datetime, by: str = BOT) -> Decision:
    """Back to investigating, in the channel it had."""
    again = replace(incident, phase=Phase.INVESTIGATING, resolved_at=None)
    again = replace(again, next_update_at=policy.next_update(again, now))
    # The resolution that did not hold names the post: one post per reopening, however often this is decided.
    post = Post(
        id=f"{incident.id}/reopened/{_stamp(incident.resolved_at)}",
        incident=incident.id,
        channel=CHANNEL,
        text=f"{incident.id} is open again: {brief(why, 300)}.",
    )
    return Decision(
        save=(again, post),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"reopened: {why}"),),
        do=(SendPost(post.id), *refresh(again), InviteResponders(incident.id), *remind(again)),
    )


def _stamp(at: datetime | None) -> str:
    return f"{at:%Y%m%dT%H%M%S}" if at else "0"


def refresh(incident: Incident) -> tuple[PostCard | FurnishChannel | Announce, ...]:
    """Everything that shows the incident's state, brought up to date."""
    return PostCard(incident.id), FurnishChannel(incident.id), Announce(incident.id)


def channel_name(incident: Incident, prefix: str = "") -> str:
    """`inc-7-checkout`: lower case, Slack's characters, at most 80 of them."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{prefix}{incident.id}-{incident.service or incident.title}".lower())
    return words.strip("-")[:80].rstrip("-")


def channel_opened(incident: Incident, channel: str, name: str, now: datetime) -> Decision:
    if incident.channel == channel:
        return Decision(do=(*refresh(incident), InviteResponders(incident.id)))
    opened = replace(incident, channel=channel, channel_name=name)
    return Decision(
        save=(opened,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, text=f"channel #{name} opened"),),
        do=(*refresh(opened), InviteResponders(incident.id)),
    )


def card_posted(incident: Incident, ts: str) -> Decision:
    return Decision() if incident.card == ts else Decision(save=(replace(incident, card=ts),))


def announced(incident: Incident, channel: str, ts: str) -> Decision:
    if (incident.announced_in, incident.announcement) == (channel, ts):
        return Decision()
    return Decision(save=(replace(incident, announced_in=channel, announcement=ts),))


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What can be read out of `/incident declare checkout is down sev2`."""

    title: str
    service: str = ""
    severity: Severity = Severity.SEV3
    impact: str = ""
    new: bool = False


SEVERITY_IN_TEXT = re.compile(r"(?<!\w)sev-?([1-5])(?!\w)", re.IGNORECASE)


def parse_declaration(text: str, policy: Policy) -> Declaration:
    """Severity and service are taken from the words; what is left out gets a default and can be changed."""
    new = text.startswith("--new")
    text = text.removeprefix("--new").strip()
    severity = SEVERITY_IN_TEXT.search(text)
    title = " ".join(SEVERITY_IN_TEXT.sub("", text).split())
    words = set(re.findall(r"[\w.-]+", title.lower()))
    service = next((name for name in policy.services if name.lower() in words), "")
    level = Severity(int(severity[1])) if severity else Severity.SEV3
    return Declaration(title=title or "Unnamed incident", service=service, severity=level, new=new)


def declare(
    what: Declaration, open_ones: tuple[Incident, ...], number: int, by: str, policy: Policy, now: datetime
) -> Decision:
    """Refuses a second incident on a service unless `--new` says that it is another one."""
    service = policy.service(what.service) if what.service else None
    if open_ones and not what.new:
        twin = open_ones[0]
        where = f" in <#{twin.channel}>" if twin.channel else ""
        severity = "" if what.severity is Declaration.severity else f" {str(what.severity).lower()}"
        raise Refused(
            f"{twin.id} is open on `{twin.service}`{where}: {brief(twin.title, 200)}. Is it this again?",
            instead=f"/incident declare --new {what.title}{severity}",
        )
    decision = open_(
        number,
        what.title,
        what.service,
        service.environment if service else "production",
        what.severity,
        policy,
        now,
        by=by,
        impact=what.impact,
        group=f"{service.name}/{service.environment}" if service and not open_ones else "",
    )
    incident = next(noun for noun in decision.save if isinstance(noun, Incident))
    name = channel_name(incident, policy.channel_prefix)
    say = f"{incident.id} ({incident.severity}) is declared. I am opening #{name} and will invite you."
    me = Assignment(incident=incident.id, role=Role.COMMANDER, user=by, by=by, at=now)
    lead = Entry(incident=incident.id, at=now, kind=EntryKind.ROLE, by=by, whom=by, text="is commander")
    return decision + Decision(save=(me,), note=(lead,), say=say)


def must_be_open(incident: Incident) -> None:
    if not incident.is_open:
        raise Refused(f"{incident.id} is already resolved; nothing was changed.")


def set_severity(incident: Incident, words: str, by: str, policy: Policy, now: datetime) -> Decision:
    must_be_open(incident)
    level, _, why = words.partition(" ")
    match = re.fullmatch(r"(?:sev-?)?([1-5])", level.lower())
    if not match:
        what = f"{code(level, 20)} is not a severity" if level else "Say which severity"
        raise Refused(f"{what}: 1 is the worst, 5 the mildest.", instead="/incident sev 2")
    severity = Severity(int(match[1]))
    if severity is incident.severity:
        raise Refused(f"{incident.id} is already {severity}; nothing was changed.")
    changed = replace(incident, severity=severity)
    changed = _sooner(incident, replace(changed, next_update_at=policy.next_update(changed, now)))
    because = f" ({why.strip()})" if why.strip() else ""
    text = f"severity {incident.severity} → {severity}{because}"
    return Decision(
        save=(changed,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text),),
        do=(*refresh(changed), *remind(changed), *_calls(incident, changed, policy)),
        say=f"{incident.id} is now *{severity}*.",
    )


def _calls(before: Incident, after: Incident, policy: Policy) -> tuple[CallResponders, ...]:
    """What has become so severe that it pages, calls its on-call again."""
    at = policy.pages_at
    return (CallResponders(after.id),) if at and after.severity <= at < before.severity else ()


def _sooner(before: Incident, after: Incident) -> Incident:
    """A promise already given is not put off by a change of phase or severity."""
    if before.next_update_at and after.next_update_at and before.next_update_at < after.next_update_at:
        return replace(after, next_update_at=before.next_update_at)
    return after


def set_phase(
    incident: Incident, word: str, by: str, policy: Policy, now: datetime, doubts: Sequence[str] = ()
) -> Decision:
    must_be_open(incident)
    try:
        phase = Phase(word.strip().lower())
    except ValueError:
        choices = "|".join(Phase)
        what = f"{code(word, 40)} is not a phase" if word.strip() else "Say which phase"
        raise Refused(f"{what}.", instead=f"/incident status {choices}") from None
    if phase is Phase.RESOLVED:
        return resolve(incident, "", by, now, doubts)
    if phase is incident.phase:
        raise Refused(f"{incident.id} is already {phase}; nothing was changed.")
    changed = replace(incident, phase=phase)
    changed = _sooner(incident, replace(changed, next_update_at=policy.next_update(changed, now)))
    return Decision(
        save=(changed,),
        note=(_phase_entry(incident, phase, by, now),),
        do=(*refresh(changed), *remind(changed)),
        say=f"{incident.id} is now *{phase}*.",
    )


def _phase_entry(incident: Incident, phase: Phase, by: str, now: datetime, why: str = "") -> Entry:
    text = f"{incident.phase} → {phase}{why}"
    return Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text)


ANYWAY = re.compile(r"(?:^|\s)(?:--|—)anyway(?:[\s=:]+|$)")


def resolve(incident: Incident, words: str, by: str, now: datetime, doubts: Sequence[str] = ()) -> Decision:
    """`words` are the summary, and after `--anyway` why it is over although there are doubts."""
    must_be_open(incident)
    said = ANYWAY.split(words, maxsplit=1)
    summary, why = said[0].strip(), said[1].strip() if len(said) > 1 else ""
    if doubts and not why:
        raise Refused(
            f"{brief('; '.join(doubts), 500)}. {incident.id} stays open. If it is over all the same, say why.",
            instead=f"/incident resolve {brief(summary, 200) or 'SUMMARY'} --anyway WHY",
        )
    although = f"although {'; '.join(doubts)}: {why}" if doubts else ""
    done = replace(incident, phase=Phase.RESOLVED, resolved_at=now, next_update_at=None, summary=summary)
    after = f"{incident.id} is resolved after {span(now - incident.opened_at)}."
    post = Post(
        id=f"{incident.id}/resolved/{_stamp(now)}",
        incident=incident.id,
        channel=CHANNEL,
        text=" ".join(filter(None, [after, *_said(summary, although), "I am drafting the postmortem."])),
    )
    overruled = Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"resolved {although}")
    return Decision(
        save=(done, post),
        note=(
            _phase_entry(incident, Phase.RESOLVED, by, now, f": {summary}" if summary else ""),
            *((overruled,) if although else ()),
        ),
        do=(SendPost(post.id), *refresh(done), DraftPostmortem(incident.id), EndPages(incident.id)),
        say=f"{incident.id} is *resolved*. The draft of the postmortem will be in the channel in a moment.",
    )


def _said(summary: str, although: str) -> tuple[str, str]:
    return paragraph(summary, 2000), f"It is so {brief(although, 600)}." if although else ""


def note(incident: Incident, text: str, by: str, now: datetime) -> Decision:
    if not text:
        raise Refused("A note needs words.", instead="/incident note restarted the cache")
    return Decision(
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.NOTE, by=by, text=text),),
        do=(PostCard(incident.id),),
        say="Noted on the timeline.",
    )


def trouble(incident: str, what: str, now: datetime) -> Decision:
    """Something the bot should have done and could not: said on the card, never swallowed."""
    return Decision(
        note=(Entry(incident=incident, at=now, kind=EntryKind.TROUBLE, text=what),),
        do=(PostCard(incident),),
    )


def change_seen(incident: Incident, change: Change, text: str) -> Decision:
    return Decision(
        note=(
            Entry(
                incident=incident.id,
                at=change.at,
                kind=EntryKind.CHANGE,
                by=change.actor or change.source or BOT,
                text=text,
                source=change.url or "",
            ),
        ),
        do=(NameSuspects(incident.id), PostCard(incident.id)),
    )


def is_reminder(post: Post) -> bool:
    return post.id.startswith(f"{post.incident}/reminder/")


def reminder_due(incident: Incident, card: Card, now: datetime, *, waiting: bool = False) -> Decision:
    """A reminder when the promised time has come, and again while the promise stays broken.

    `waiting`: the last one could not be posted yet, so another would only be its echo.
    """
    promised = incident.next_update_at
    if not incident.is_open or promised is None or now < promised:
        return Decision(do=remind(incident) if incident.is_open else ())
    again = now + REMIND_AGAIN
    if waiting:
        return Decision(do=(RemindUpdate(incident.id, due=again),))
    post = Post(
        id=f"{incident.id}/reminder/{_stamp(promised)}/{_stamp(now)}",
        incident=incident.id,
        channel=CHANNEL,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(
        save=(post,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.UPDATE, text=_overdue(now - promised)),),
        do=(SendPost(post.id), PostCard(incident.id), RemindUpdate(incident.id, due=again)),
    )


REMIND_AGAIN = timedelta(minutes=10)


def _overdue(late: timedelta) -> str:
    return "status update is due" if late < timedelta(minutes=1) else f"status update is {span(late)} late"
