"""Status updates: what was said, to whom, and when the next one is promised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import broadcasts, incidents, publishing
from bot.audiences import headline, plain, tell
from bot.cadence import Promise
from bot.cards.forms import OPENLY
from bot.cards.update import BROADCAST, update_card
from bot.commands import Invalid, again, must_be_known
from bot.decision import Broadcast, Card, Decision, Deliver, SendPost
from bot.errors import Refused
from bot.linting import OUTSIDE, Words
from bot.model import (
    BOT,
    Audience,
    Delivery,
    DeliveryState,
    Entry,
    EntryKind,
    Incident,
    Phase,
    Post,
    PublicUpdate,
    Update,
)
from bot.policy import Policy
from bot.text import code, span

DRAFTED = 3  # lines of the timeline that the form begins with
NOT_ALONE = "The commander has to agree to what the public reads: leave this box, or let them publish it."
TOLD_BY_THEMSELVES = (EntryKind.ACTION, EntryKind.INCIDENT)


@dataclass(frozen=True, kw_only=True)
class Before:
    """What an incident's updates were so far, and who reads the next one."""

    updates: Sequence[Update] = ()
    deliveries: Sequence[Delivery] = ()
    subscribers: Sequence[str] = ()
    commander: str = ""
    question: Post | None = None  # whether the last one may go to all who would read it

    @property
    def number(self) -> int:
        return len(self.updates) + 1


FIRST = Before()


PHASE = re.compile(r"(?<!\S)(?:--|[—–])phase(?:=|\s+)(\S+)")
EXAMPLE = "/incident update --phase monitoring Payments work again."


def parse(words: str) -> tuple[str, Phase | None]:
    """`[--phase monitoring] text`, typed. Raises Refused: what was meant for me must not go out to everybody."""
    found = PHASE.search(words)
    text = " ".join(PHASE.sub("", words).split(" ")).strip() if found else words
    at_the_edges = " ".join(text.split()[:1] + text.split()[-1:])  # in the middle, `--force` is a word of the text
    must_be_known(at_the_edges, ("phase",), EXAMPLE)
    if found is None and text.strip().lower().removeprefix("phase ") in set(Phase):
        word = text.split()[-1].lower()
        why = f"{code(text, 40)} alone says nothing to those who read it. Nothing was published."
        raise Refused(why, instead=f"/incident status {word}")
    if found is None:
        return text, None
    phase = incidents.parse_phase(found[1], verb="update --phase", why=text)
    if phase is Phase.RESOLVED:
        over = "An update does not end an incident: resolving it does. Nothing was published."
        raise Refused(over, instead=f"/incident resolve {again(text)}".rstrip())
    return text, phase


def publish(
    incident: Incident,
    said: Words,
    phase: Phase,
    next_in: int | None,
    by: str,
    policy: Policy,
    now: datetime,
    before: Before = FIRST,
) -> Decision:
    """One update: on the timeline, in the channel, and to everybody who is to be kept informed.

    `next_in` is minutes to the next one; None takes the policy's cadence, 0 promises none.
    """
    incidents.must_be_open(incident)
    if not said.text.strip():
        raise Invalid({"text": "Say in the users' words what they see and what happens next."})
    if OUTSIDE & broadcasts.audiences(incident, policy):
        must_name_nobody(said, policy)
    at_phase = replace(incident, phase=phase, snoozed_until=None)
    planned = policy.next_update(at_phase, now) if next_in is None else now + timedelta(minutes=next_in)
    changed = replace(at_phase, next_update_at=planned if planned != now else None, impact=_impact(incident, said))
    update = Update(
        incident=incident.id,
        number=before.number,
        phase=phase,
        severity=incident.severity,
        text=said.text.strip(),
        scope=said.scope.strip(),
        workaround=said.workaround.strip(),
        changed=said.changed.strip(),
        ahead=said.ahead.strip(),
        by=by,
        at=now,
        next_at=changed.next_update_at,
        promised_at=incident.next_update_at,
    )
    going = broadcasts.deliveries(changed, update, policy, now, agreed=by == before.commander)
    held = [delivery for delivery in going if delivery.state is DeliveryState.HELD]
    question = (broadcasts.ask(changed, update, held, before.commander),) if held else ()
    overtaken = broadcasts.superseded(incident, before.deliveries, before.question)
    inside = _post(changed, update, incidents.CHANNEL, update_card(changed, update, Audience.RESPONDERS))
    outside = [*_to_channels(changed, update, policy), *_to_subscribers(changed, update, before.subscribers)]
    return Decision(
        save=(changed, update, inside, *outside, *going, *question, *overtaken.save),
        note=(_entry(incident, update),),
        do=(
            SendPost(inside.id),
            *(SendPost(post.id) for post in question),
            *(Broadcast(post.id) for post in outside),
            *(Deliver(delivery.id) for delivery in going if delivery not in held),
            *overtaken.do,
            *incidents.refresh(changed),
            *incidents.remind(changed),
        ),
        say=_said(update, [post.channel for post in outside if post.channel.startswith("#")], going),
    )


def must_name_nobody(said: Words, policy: Policy) -> None:
    """Raises Invalid at the field where customers would read a name of ours."""
    for name, words in said.read_by(Audience.PUBLIC).items():
        publishing.must_name_nobody(words, policy, name)


def may_be_public(incident: Incident, by: str, commander: str, policy: Policy) -> bool:
    """Whether who writes an update may put it on the status page with it."""
    agreed = by == commander or Audience.PUBLIC not in policy.approved
    return publishing.is_possible(incident, policy) and agreed


def openly(
    told: Decision, before: Sequence[PublicUpdate], by: str, commander: str, policy: Policy, now: datetime
) -> Decision:
    """What `publish` has decided, and the public's words of it on the status page. Raises Refused."""
    incident = next(noun for noun in told.save if isinstance(noun, Incident))
    update = next(noun for noun in told.save if isinstance(noun, Update))
    publishing.may_be_told(incident)
    said = Words(text=update.text, scope=update.scope, workaround=update.workaround, ahead=update.ahead)
    must_name_nobody(said, policy)
    if not may_be_public(incident, by, commander, policy):
        raise Invalid({OPENLY: f"{NOT_ALONE} Nothing was published."})
    titled = before or publishing.likely(incident, publishing.settings(policy))
    wanted = publishing.Wanted(
        text=plain(tell(incident, update, Audience.PUBLIC)),
        title="" if titled else headline(update),
        phase=update.phase,
    )
    public = publishing.publish(incident, wanted, before, by, policy, now, heard=True)
    return told + replace(public, say=f"{told.say} {public.say}")


def _impact(incident: Incident, said: Words) -> str:
    """A form's first field is the impact; what was typed in one go is more than that."""
    return said.text.strip() if said.scope.strip() else incident.impact


def _to_channels(incident: Incident, update: Update, policy: Policy) -> list[Post]:
    card = update_card(incident, update, BROADCAST)
    return [_post(incident, update, channel, card) for channel in broadcasts.channels(incident, policy)]


def _to_subscribers(incident: Incident, update: Update, users: Sequence[str]) -> list[Post]:
    if broadcasts.is_kept_inside(incident):
        return []
    card = update_card(incident, update, Audience.EXECUTIVES)
    return [_post(incident, update, user, card) for user in users]


def _post(incident: Incident, update: Update, channel: str, card: Card) -> Post:
    return Post(id=f"{update.id}/{channel}", incident=incident.id, channel=channel, text=card.text, blocks=card.blocks)


def _entry(incident: Incident, update: Update) -> Entry:
    moved = f"{incident.phase} → {update.phase}: " if update.phase is not incident.phase else ""
    rest = {
        "affected": update.scope,
        "meanwhile": update.workaround,
        "changed": update.changed,
        "next": update.ahead,
    }
    said = [update.text, *(f"{label}: {words}" for label, words in rest.items() if words)]
    text = moved + " · ".join(said) + _late(update)
    return Entry(
        incident=update.incident, at=update.at, kind=EntryKind.UPDATE, by=update.by, text=text, source=update.id
    )


def _late(update: Update) -> str:
    if update.promised_at is None:
        return ""
    late = Promise(due=update.promised_at, came_at=update.at).late(update.at)
    return f" ({span(late)} later than promised)" if late else ""


def _said(update: Update, channels: list[str], going: Sequence[Delivery]) -> str:
    where = f"; it goes to {', '.join(channels)} too" if channels else ""
    next_ = f"The next one is promised for {update.next_at:%H:%M} UTC." if update.next_at else ""
    return " ".join(filter(None, [f"Published in the channel{where}.", broadcasts.said(going), next_]))


# ---------------------------------------------------------------- the end


def closing(incident: Incident, policy: Policy, now: datetime, before: Before) -> Decision:
    """Everybody who heard of it hears that it is over: the last update, in words that need nobody's consent."""
    if incident.is_open or not before.updates or before.updates[-1].phase is Phase.RESOLVED:
        return Decision()
    last = before.updates[-1]
    update = Update(
        incident=incident.id,
        number=before.number,
        phase=Phase.RESOLVED,
        severity=incident.severity,
        text=_end(incident),
        changed=incident.summary,
        by=BOT,
        at=now,
        promised_at=last.next_at,
    )
    told = _to_those_told(incident, update, policy, now, before)
    return told + broadcasts.superseded(incident, before.deliveries, before.question)


def reopening(incident: Incident, policy: Policy, now: datetime, before: Before) -> Decision:
    """Everybody who heard that it is over, or that it was no incident, hears that it goes on, as they heard the end."""
    if not incident.is_open or not before.updates or before.updates[-1].phase is not Phase.RESOLVED:
        return Decision()
    update = Update(
        incident=incident.id,
        number=before.number,
        phase=incident.phase,
        severity=incident.severity,
        text="This is not over: it is open again.",
        by=BOT,
        at=now,
        next_at=incident.next_update_at,
    )
    return _to_those_told(incident, update, policy, now, before)


def _to_those_told(incident: Incident, update: Update, policy: Policy, now: datetime, before: Before) -> Decision:
    going = broadcasts.to_those_told(before.deliveries, update, policy, now)
    outside = [*_to_channels(incident, update, policy), *_to_subscribers(incident, update, before.subscribers)]
    return Decision(
        save=(update, *outside, *going),
        do=(*(Broadcast(post.id) for post in outside), *(Deliver(delivery.id) for delivery in going)),
    )


def _end(incident: Incident) -> str:
    if incident.cancelled:
        return "This turned out to be no incident."
    return "This is one with another incident, which goes on." if incident.merged_into else "This is resolved."


# ---------------------------------------------------------------- what the form begins with


def draft(incident: Incident, updates: Sequence[Update], entries: Sequence[Entry], template: str = "") -> Words:
    """The last words where they still hold, and from the timeline what has changed since they were said."""
    last = next((update for update in reversed(updates) if update.by != BOT), None)  # whose words are a person's
    since = last.at if last else incident.opened_at
    return Words(
        text=last.text if last else template or incident.impact,
        scope=last.scope if last else "",
        workaround=last.workaround if last else "",
        changed=_drafted(entries, since),
        ahead=last.ahead if last else "",
    )


def _is_ours(entry: Entry) -> bool:
    """What changed nothing for those who read: a poll, the channel, and the impact, which has a field of its own."""
    return "/poll/" in entry.source or entry.text.startswith(("channel #", "impact: "))


def _drafted(entries: Sequence[Entry], since: datetime) -> str:
    told = [entry for entry in entries if entry.kind in TOLD_BY_THEMSELVES and entry.at > since and not _is_ours(entry)]
    return "\n".join(f"{entry.at:%H:%M} {' '.join(entry.text.split())}" for entry in told[-DRAFTED:])
