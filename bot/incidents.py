"""The moves an incident allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.commands import again, nearest
from bot.decision import (
    Announce,
    CallResponders,
    Decision,
    DraftPostmortem,
    EndPages,
    FurnishChannel,
    InviteResponders,
    NameSuspects,
    OpenChannel,
    PlayDrill,
    PostCard,
    RemindRole,
    RemindUpdate,
    SendPost,
    ShowPicture,
    TellReopened,
    TellResolved,
)
from bot.errors import Refused
from bot.model import BOT, Change, Entry, EntryKind, Incident, Phase, Post, Role, Severity, named
from bot.policy import Policy
from bot.text import brief, clip, code, mention, one_line, paragraph, span

LEAD = timedelta(minutes=5)  # before a promised update is due, its author is reminded
UNNAMED = "Unnamed incident"  # until somebody says what users see
TITLE = 200  # characters, as the form has them
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
    private: bool = False,
    drill: str = "",
) -> Decision:
    """A private one is nobody's group: alerts that everybody sees do not go where few can read. Nobody is called.

    Nobody is called to a drill either: who takes a role, and when, is what it is about.
    """
    incident = Incident(
        id=f"INC-{number}",
        number=number,
        title=title,
        service=service,
        environment=environment,
        severity=severity,
        opened_at=now,
        by=by,
        group="" if private else group,
        onset_at=onset_at,
        impact=impact,
        private=private,
        drill=drill,
        roles={str(role): name for role, name in (roles or {}).items()},
    )
    incident = replace(incident, next_update_at=policy.next_update(incident, now))
    how = "declared" if by != BOT else "opened from an alert"
    return Decision(
        save=(incident,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"{severity} {how}: {title}"),),
        do=(
            OpenChannel(incident.id),
            *(() if private or drill else (CallResponders(incident.id),)),
            NameSuspects(incident.id),
            *remind(incident),
            *watch_roles(incident, policy, now),
        ),
    )


def remind(incident: Incident) -> tuple[RemindUpdate, ...]:
    """The first look at the promise, before it is due."""
    return (RemindUpdate(incident.id, due=incident.next_update_at - LEAD),) if incident.next_update_at else ()


SOON = timedelta(minutes=1)  # whoever is called for a role needs a moment to get it


def watch_roles(incident: Incident, policy: Policy, now: datetime) -> tuple[RemindRole, ...]:
    """When to look whether those roles are filled that an incident as severe as this needs."""
    needed = {role: within for role, one in policy.roles.items() if (within := one.required.get(incident.severity))}
    since = incident.since
    return tuple(RemindRole(f"{incident.id}/{role}", due=max(since + w, now + SOON)) for role, w in needed.items())


def reopen(incident: Incident, why: str, policy: Policy, now: datetime, by: str = BOT) -> Decision:
    """Back to investigating, in the channel it had, as an incident of its own."""
    again = replace(incident, phase=Phase.INVESTIGATING, resolved_at=None, merged_into="", cancelled=False)
    again = replace(again, next_update_at=policy.next_update(again, now), snoozed_until=None)
    again = replace(again, reopened_at=now, reopened_by=by)
    because = f": {brief(why, 300)}" if why else ""
    # The resolution that did not hold names the post: one post per reopening, however often this is decided.
    post = Post(
        id=f"{incident.id}/reopened/{_stamp(incident.resolved_at)}",
        incident=incident.id,
        channel=CHANNEL,
        text=f"{incident.id} is open again{because}.",
    )
    text = f"reopened: {why}" if why else "reopened"
    return Decision(
        save=(again, post),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text),),
        do=(
            SendPost(post.id),
            *refresh(again),
            InviteResponders(incident.id),
            *(() if again.private else (CallResponders(incident.id),)),
            *remind(again),
            *watch_roles(again, policy, now),
            TellReopened(incident.id),
        ),
        say=f"{incident.id} is open again, *{again.phase}*.",
    )


def reopened(
    incident: Incident, why: str, twins: Sequence[Incident], policy: Policy, now: datetime, by: str
) -> Decision:
    """As a person asks for it. `twins` are open on the same service: one of them may have its alerts since."""
    if incident.drill:
        over = f"{incident.id} is a drill, and its stage is cleared away; nothing was changed."
        raise Refused(over, instead=f"/incident drill {incident.drill}")
    if incident.is_open:
        raise Refused(f"{incident.id} is open; nothing was changed.")
    taken = any(incident.group and twin.group == incident.group for twin in twins)
    return reopen(replace(incident, group="") if taken else incident, why, policy, now, by)


def cancel(incident: Incident, why: str, by: str, now: datetime) -> Decision:
    """It was none: it ends without a postmortem, and counts for nothing."""
    must_be_open(incident)
    none = replace(incident, phase=Phase.RESOLVED, resolved_at=now, next_update_at=None, cancelled=True)
    because = f": {brief(why, 300)}" if why else ""
    post = Post(
        id=f"{incident.id}/cancelled/{_stamp(now)}",
        incident=incident.id,
        channel=CHANNEL,
        text=f"{incident.id} is cancelled by {mention(by)}: it was no incident{because}.",
    )
    text = f": cancelled, it was no incident{f' ({why})' if why else ''}"
    back = f"drill {incident.drill}` plays it again" if incident.drill else "reopen` brings it back"
    return Decision(
        save=(none, post),
        note=(_phase_entry(incident, Phase.RESOLVED, by, now, text),),
        do=(SendPost(post.id), *refresh(none), *ended(none)),
        say=f"{incident.id} is *cancelled*. There will be no postmortem. `/incident {back}.",
    )


def impact(incident: Incident, words: str, by: str, now: datetime) -> Decision:
    """What users see, in their words; what was declared without a word is called so from now on."""
    must_be_open(incident)
    if not words:
        raise Refused("Say what users see, and who does.", instead="/incident impact one payment in four fails")
    if words == incident.impact:
        raise Refused("It says so already; nothing was changed.")
    title = one_line(words) if incident.title == UNNAMED else incident.title
    changed = replace(incident, impact=words, title=clip(title, TITLE))
    return Decision(
        save=(changed,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"impact: {words}"),),
        do=refresh(changed),
        say=f"Impact of {incident.id}: {brief(words, 300)}",
    )


def _stamp(at: datetime | None) -> str:
    return f"{at:%Y%m%dT%H%M%S}" if at else "0"


def refresh(incident: Incident) -> tuple[PostCard | FurnishChannel | Announce, ...]:
    """Everything that shows the incident's state, brought up to date."""
    return PostCard(incident.id), FurnishChannel(incident.id), Announce(incident.id)


def ended(incident: Incident) -> tuple[TellResolved | EndPages | PlayDrill, ...]:
    """Whoever was told or called hears that it is over; a drill is debriefed, and its stage cleared away."""
    over = (PlayDrill(incident.id),) if incident.drill else ()
    return TellResolved(incident.id), EndPages(incident.id), *over


def channel_name(incident: Incident, prefix: str = "") -> str:
    """`inc-7-checkout`, `inc-7-checkout-staging`: lower case, Slack's characters, at most 80 of them."""
    drill = "drill-" if incident.drill else ""
    title = "" if incident.title == UNNAMED else incident.title
    about = named(incident.service, incident.environment) if incident.service else title
    words = re.sub(r"[^a-z0-9]+", "-", f"{prefix}{drill}{incident.id}-{about}".lower())
    return words.strip("-")[:80].rstrip("-")


def channel_opened(incident: Incident, channel: str, name: str, now: datetime) -> Decision:
    if incident.channel == channel:
        return Decision(do=(*refresh(incident), InviteResponders(incident.id)))
    opened = replace(incident, channel=channel, channel_name=name)
    return Decision(
        save=(opened,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, text=f"channel #{name} opened"),),
        do=(*refresh(opened), InviteResponders(incident.id), ShowPicture(incident.id)),
    )


def card_posted(incident: Incident, ts: str) -> Decision:
    return Decision() if incident.card == ts else Decision(save=(replace(incident, card=ts),))


def announced(incident: Incident, channel: str, ts: str) -> Decision:
    if (incident.announced_in, incident.announcement) == (channel, ts):
        return Decision()
    return Decision(save=(replace(incident, announced_in=channel, announcement=ts),))


def must_be_open(incident: Incident) -> None:
    if incident.merged_into:
        raise Refused(f"{incident.id} was merged into {incident.merged_into}: go on there. Nothing was changed.")
    if not incident.is_open:
        ended = "cancelled" if incident.cancelled else "resolved"
        raise Refused(f"{incident.id} is already {ended}; nothing was changed.")


LEVEL = re.compile(r"(?:(?:sev|severity|p)[\s:=#-]{0,2})?([0-5])(?:[\s:,.!]+(.*))?", re.IGNORECASE | re.DOTALL)


def set_severity(incident: Incident, words: str, by: str, policy: Policy, now: datetime) -> Decision:
    must_be_open(incident)
    match = LEVEL.fullmatch(words)
    if not match:
        level = words.partition(" ")[0]
        what = f"{code(level, 20)} is not a severity" if level else "Say which severity"
        raise Refused(f"{what}: 1 is the worst, 5 the mildest.", instead="/incident sev 2")
    severity, why = Severity(max(int(match[1]), Severity.SEV1)), match[2]  # many call it P0
    read = "; 0 is read as the worst" if match[1] == "0" else ""
    if severity is incident.severity:
        raise Refused(f"{incident.id} is already {severity}; nothing was changed.")
    changed = replace(incident, severity=severity)
    changed = _sooner(incident, replace(changed, next_update_at=policy.next_update(changed, now)))
    because = f" ({why.strip()})" if why and why.strip() else ""
    text = f"severity {incident.severity} → {severity}{because}"
    return Decision(
        save=(changed,),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text),),
        do=(
            *refresh(changed),
            *remind(changed),
            *calls(incident, changed, policy),
            *watch_roles(changed, policy, now),
        ),
        say=f"{incident.id} is now *{severity}*{read}.",
    )


def calls(before: Incident, after: Incident, policy: Policy) -> tuple[CallResponders, ...]:
    """What has become so severe that it pages, calls its on-call again."""
    at = None if after.private or after.drill else policy.pages_at
    return (CallResponders(after.id),) if at and after.severity <= at < before.severity else ()


def _sooner(before: Incident, after: Incident) -> Incident:
    """A promise already given is not put off by a change of phase or severity."""
    if before.next_update_at and after.next_update_at and before.next_update_at < after.next_update_at:
        return replace(after, next_update_at=before.next_update_at)
    return after


# What people say of an end. It is not guessed which phase they mean; they are shown how to say it.
OVER = ("closed", "done", "ended", "fix", "fixed", "over", "resolve", "solved")


def set_phase(
    incident: Incident, words: str, by: str, policy: Policy, now: datetime, doubts: Sequence[str] = ()
) -> Decision:
    """`monitoring looks good`: the phase, and why. What is said of the end is its summary."""
    must_be_open(incident)
    word, _, why = words.strip().partition(" ")
    phase, why = parse_phase(word, why), why.strip()
    if phase is Phase.RESOLVED:
        must_be_an_end(incident, "resolve", why)
        return resolve(incident, why, by, now, doubts)
    if phase is incident.phase:
        raise Refused(f"{incident.id} is already {phase}; nothing was changed.")
    changed = replace(incident, phase=phase)
    changed = _sooner(incident, replace(changed, next_update_at=policy.next_update(changed, now)))
    return Decision(
        save=(changed,),
        note=(_phase_entry(incident, phase, by, now, f": {why}" if why else ""),),
        do=(*refresh(changed), *remind(changed)),
        say=f"{incident.id} is now *{phase}*.",
    )


def bare(word: str) -> str:
    """`Resolved:` is resolved."""
    return word.strip(",.:;").lower()


NOT_YET = re.compile(r"(?i)(?:no|not|wait|don'?t)[.!]?|not (?:yet|sure|really|resolved|over|done|fixed)\b.*")
OF_OURS = re.compile(
    r"(?i)(?:the |this |that |my |a )?(?:poll|page|task|update|drill|silence|maintenance|freeze|reminder|call|bridge)s?"
    r"(?: \d+)?"
)


def must_be_an_end(incident: Incident, verb: str, words: str) -> None:
    """Raises Refused where what was typed sounds like anything but the end of an incident."""
    if NOT_YET.fullmatch(words) or OF_OURS.fullmatch(words):
        raise Refused(
            f"That ends {incident.id} for everybody, and {code(words, 60)} does not sound like it. It stays as it is.",
            instead=f"/incident {verb} {'WHY' if verb == 'cancel' else 'SUMMARY'}",
        )


def parse_phase(word: str, why: str = "", verb: str = "status") -> Phase:
    """Raises Refused with the line that was probably meant; `why` are the words behind it."""
    said = bare(word)
    if said in set(Phase):
        return Phase(said)
    close = Phase.RESOLVED if said in OVER else nearest(said, list(Phase), 0.75)
    what = f"{code(word, 40)} is not a phase" if word else "Say which phase"
    line = f"/incident {verb} {close or Phase.MONITORING} {again(why)}".rstrip()
    raise Refused(f"{what}: {', '.join(Phase)}. Nothing was changed.", instead=line)


def _phase_entry(incident: Incident, phase: Phase, by: str, now: datetime, why: str = "") -> Entry:
    text = f"{incident.phase} → {phase}{why}"
    return Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=text)


ANYWAY = re.compile(r"(?:^|\s)(?:--|[—–])anyway(?:[\s=:]+|$)")


def resolve(incident: Incident, words: str, by: str, now: datetime, doubts: Sequence[str] = ()) -> Decision:
    """`words` are the summary, and after `--anyway` why it is over although there are doubts. Where that stands
    alone it is the summary, too: what ended it must not be empty.
    """
    must_be_open(incident)
    said = ANYWAY.split(words, maxsplit=1)
    summary, why = said[0].strip(), said[1].strip() if len(said) > 1 else ""
    if doubts and not why:
        raise Refused(
            f"{brief('; '.join(doubts), 500)}. {incident.id} stays open. If it is over all the same, say why.",
            instead=f"/incident resolve {brief(summary, 200) or 'SUMMARY'} --anyway WHY",
        )
    if len(said) > 1 and not why:
        raise Refused(
            f"After {code('--anyway')} stands why it is over all the same. {incident.id} stays open.",
            instead=f"/incident resolve {again(summary) or 'SUMMARY'}",
        )
    although = f"although {'; '.join(doubts)}: {why}" if doubts else ""
    summary = summary or why
    done = replace(incident, phase=Phase.RESOLVED, resolved_at=now, next_update_at=None, summary=summary)
    after = f"{incident.id} is resolved after {span(now - incident.began)}."
    follows = "The debrief follows." if incident.drill else "I am drafting the postmortem."
    draft = "The debrief" if incident.drill else "The draft of the postmortem"
    post = Post(
        id=f"{incident.id}/resolved/{_stamp(now)}",
        incident=incident.id,
        channel=CHANNEL,
        text=" ".join(filter(None, [after, *_said(summary, although), follows])),
    )
    overruled = Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, by=by, text=f"resolved {although}")
    return Decision(
        save=(done, post),
        note=(
            _phase_entry(incident, Phase.RESOLVED, by, now, f": {summary}" if summary else ""),
            *((overruled,) if although else ()),
        ),
        do=(SendPost(post.id), *refresh(done), *ended(done), *(() if incident.drill else (DraftPostmortem(done.id),))),
        say=f"{incident.id} is *resolved*. {draft} will be in the channel in a moment.",
    )


def _said(summary: str, although: str) -> tuple[str, str]:
    words = paragraph(summary, 2000)
    ended = words if not words or words[-1] in ".!?…" else f"{words}."
    return ended, f"It is so {brief(although, 600)}." if although else ""


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
