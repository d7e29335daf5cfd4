"""The check after a rollout: it looks until every server has been right three times in a row, or speaks up.

A check is a Skew. Whatever made it speak up is an alert and a hold on promotion, which it takes back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.alerts import Seen, triage
from bot.cards import fleet as cards
from bot.decision import Decision, PostCard, SendPost, VerifyFleet
from bot.errors import Refused
from bot.fleet import Fleet, State, summary
from bot.incidents import CHANNEL
from bot.model import BOT, Alert, Entry, EntryKind, Hold, Incident, Post, Skew, rollout_id
from bot.policy import Policy
from bot.text import brief, clip, code

IN_A_ROW = 3
LOOK_AGAIN = timedelta(seconds=10)
LOOK_SELDOM = timedelta(minutes=1)  # after an hour
LONG = timedelta(hours=1)
HOLDER = "verify"
HEADLINE = 150  # characters


def hold_id(skew: str) -> str:
    return f"{skew}/{HOLDER}"


def alert_key(skew_id: str) -> str:
    return f"{BOT}/fleet/{skew_id}"


def after(service: str, environment: str, now: datetime) -> Decision:
    """A release is finished, or an action on it proven: now its servers are looked at."""
    return Decision(do=(VerifyFleet(rollout_id(service, environment), due=now + LOOK_AGAIN),))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is remembered around a check. `seen` is what triage needs to know of its alert."""

    skew: Skew | None
    hold: Hold | None
    incident: Incident | None  # an open one of the service
    seen: Seen


def begun(service: str, environment: str, approved: str, before: Skew | None, now: datetime) -> Skew:
    """The check that is under way, or a new one where there is none, or another version is to be checked."""
    if before and before.settled_at is None and before.approved == approved:
        return before
    held = before is not None and before.settled_at is None  # what was wrong is still wrong
    return Skew(
        id=rollout_id(service, environment),
        service=service,
        environment=environment,
        approved=approved,
        matching=0,
        seen=0,
        expected=0,
        text="not looked at yet",
        since=now,
        checked_at=now - LOOK_AGAIN,
        alerted_at=before.alerted_at if before and held else None,
        version=before.version if before else 0,
    )


def looked(skew: Skew, fleet: Fleet, known: Known, policy: Policy, now: datetime) -> Decision:
    """One look. The same look twice counts once."""
    if skew.checked_at >= now:
        return Decision()
    right = fleet.state is State.OK
    unprovable = fleet.state is State.UNKNOWN and not fleet.known
    counted = replace(
        skew,
        matching=fleet.matching if fleet.known else fleet.arrived,
        seen=len(fleet.servers),
        expected=fleet.expected.count,
        text=summary(fleet),
        elsewhere=fleet.elsewhere,
        in_a_row=skew.in_a_row + 1 if right or unprovable else 0,
        checked_at=now,
    )
    if counted.in_a_row >= IN_A_ROW:
        return (
            _proven(counted, fleet, known, policy, now) if right else _inconclusive(counted, fleet, known, policy, now)
        )
    return _go_on(counted, known, policy, now, fleet)


def just_settled(skew: Skew | None, approved: str, now: datetime) -> bool:
    """The same check done again, by a worker that did not know that it was done: it begins no new one."""
    return (
        skew is not None
        and skew.settled_at is not None
        and skew.approved == approved
        and (now - skew.settled_at < LOOK_AGAIN)
    )


def unseen(skew: Skew, why: str, known: Known, policy: Policy, now: datetime) -> Decision:
    """The servers could not be looked at: that is unknown, and after the deadline it is said."""
    if skew.checked_at >= now:
        return Decision()
    blind = replace(skew, text=f"not known: {why}", in_a_row=0, checked_at=now)
    return _go_on(blind, known, policy, now, None)


def overtaken(skew: Skew, now: datetime) -> Decision:
    """Another release is under way, whose end is checked. What was held stays held until then."""
    if skew.alerted_at:
        return Decision(do=(_again(skew, now),))
    return Decision(save=(replace(skew, settled_at=now, checked_at=now, text="another release has begun"),))


def _go_on(skew: Skew, known: Known, policy: Policy, now: datetime, fleet: Fleet | None) -> Decision:
    late = skew.alerted_at is None and skew.in_a_row == 0 and now - skew.since >= policy.verify_within
    if late:
        skew = replace(skew, alerted_at=now)
    spoken = _spoken_up(skew, known, policy, now, fleet) if late else Decision()
    return spoken + Decision(save=(skew,), do=(_again(skew, now),))


def _again(skew: Skew, now: datetime) -> VerifyFleet:
    return VerifyFleet(skew.id, due=now + (LOOK_AGAIN if now - skew.since < LONG else LOOK_SELDOM))


# ---------------------------------------------------------------- spoken up


def _spoken_up(skew: Skew, known: Known, policy: Policy, now: datetime, fleet: Fleet | None) -> Decision:
    """An alert, a hold on promotion, and the card for those who respond."""
    decision = triage([_alert(skew, firing=True, now=now)], known.seen, policy, now)
    opened = next((noun for noun in decision.save if isinstance(noun, Alert)), None)
    incident = (opened.incident if opened else "") or (known.incident.id if known.incident else "")
    why = f"{skew.text}; it should be {skew.approved} everywhere"
    hold = Hold(id=hold_id(skew.id), service=skew.service, environment=skew.environment, holder=HOLDER, why=why, at=now)
    decision += Decision(save=(replace(hold, version=known.hold.version if known.hold else 0),))
    if incident:
        said = f"{skew.called}: {skew.text}. Promotion is held until all its servers run {skew.approved}"
        card = cards.skew_card(skew, fleet, held=True)
        decision += _posted(skew, incident, "found", card.text, card.blocks)
        decision += Decision(note=(_entry(skew, incident, said, now),))
    return decision


def _headline(skew: Skew) -> str:
    if not skew.expected:
        return f"not known whether all servers run {skew.approved}"
    if skew.matching < skew.expected:
        return f"{skew.matching} of {skew.expected} servers run {skew.approved}"
    return clip(skew.text, HEADLINE)  # all of its own do, and there are others


def _alert(skew: Skew, *, firing: bool, now: datetime) -> Alert:
    return Alert(
        key=alert_key(skew.id),
        group=skew.id,
        title=f"{skew.called}: {_headline(skew)}",
        severity="critical",
        service=skew.service,
        environment=skew.environment,
        firing=firing,
        starts_at=skew.since,
        ends_at=None if firing else now,
        source=BOT,
    )


# ---------------------------------------------------------------- over


def _proven(skew: Skew, fleet: Fleet, known: Known, policy: Policy, now: datetime) -> Decision:
    settled = replace(skew, settled_at=now)
    decision = Decision(save=(settled,))
    incident = known.incident.id if known.incident else ""
    if incident:
        text = f"{skew.called}: all {skew.expected} servers run {skew.approved}, seen {IN_A_ROW} times in a row"
        decision += Decision(note=(_entry(skew, incident, text, now),), do=(PostCard(incident),))
    return decision if skew.alerted_at is None else decision + _let_go(settled, fleet, known, policy, BOT, now)


def _let_go(
    skew: Skew, fleet: Fleet | None, known: Known, policy: Policy, by: str, now: datetime, why: str = ""
) -> Decision:
    """What was said is taken back: the alert is over, and promotion no longer held. `why`: in the words of a person."""
    decision = triage([_alert(skew, firing=False, now=now)], known.seen, policy, now)
    if known.hold and known.hold.lifted_at is None:
        decision += Decision(save=(replace(known.hold, lifted_at=now, lifted_by=by),))
    if known.incident:
        card = cards.accepted_card(skew, by, why) if why else cards.skew_card(skew, fleet, held=False)
        decision += _posted(skew, known.incident.id, "settled", card.text, card.blocks)
    return decision


def _inconclusive(skew: Skew, fleet: Fleet, known: Known, policy: Policy, now: datetime) -> Decision:
    """Nothing to compare with: it is said, and it is not called right.

    What is held is let go when all servers are of one build, since nothing better would ever come; till then it stays.
    """
    if skew.alerted_at and not fleet.uniform:
        return Decision(save=(skew,), do=(_again(skew, now),))
    settled = replace(skew, settled_at=now)
    decision = Decision(save=(settled,))
    if known.incident:
        why = "; ".join(fleet.notes) or skew.text
        text = f"{skew.called}: not known whether all servers run {skew.approved}. {why}"
        decision += Decision(note=(_entry(skew, known.incident.id, text, now),))
    return decision + _let_go(settled, fleet, known, policy, BOT, now) if skew.alerted_at else decision


def accepted(
    skew: Skew | None, known: Known, policy: Policy, *, called: str, why: str, by: str, now: datetime
) -> Decision:
    """A person takes the servers as they are: the check ends, and what it holds is let go. Raises Refused."""
    if skew is None or skew.settled_at or skew.alerted_at is None:
        raise Refused(
            f"The check of {code(called)} holds nothing; nothing was changed.", instead=f"/rollout verify {called}"
        )
    settled = replace(skew, settled_at=now, text=f"{skew.text}; accepted as it is: {why}")
    incident = known.incident.id if known.incident else ""
    text = f"accepts the servers of {called} as they are ({skew.text}): {why}"
    return Decision(
        save=(settled,),
        note=(replace(_entry(skew, incident, text, now), by=by),),
        say=f"The check of {code(called)} is over, and holds promotion no longer. It was: {brief(skew.text, 300)}.",
    ) + _let_go(settled, None, known, policy, by, now, why)


def _posted(skew: Skew, incident: str, name: str, text: str, blocks: tuple[dict[str, object], ...]) -> Decision:
    id = f"{incident}/fleet/{skew.service}/{int(skew.since.timestamp())}/{name}"
    post = Post(id=id, incident=incident, channel=CHANNEL, text=text, blocks=blocks)
    return Decision(save=(post,), do=(SendPost(post.id),))


def _entry(skew: Skew, incident: str, text: str, now: datetime) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, incident=incident, source=skew.id)
