"""Where updates go outside the incident's channel, who agrees first, and what became of each.

Private incidents and drills go nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from bot import incidents
from bot.cards.update import approval_card, approval_overtaken, approval_settled
from bot.decision import Decision, Deliver, PostCard, SendPost, TellChanges
from bot.errors import Refused
from bot.model import BOT, Audience, Delivery, DeliveryState, Entry, EntryKind, Incident, Post, Update
from bot.policy import Destination, Mailbox, Policy, PublicPage
from bot.text import brief, code, mention

REACHED = (DeliveryState.SENT, DeliveryState.DUE, DeliveryState.FAILED)  # or will be, or should have been


def is_kept_inside(incident: Incident) -> bool:
    return incident.private or bool(incident.drill)


def channels(incident: Incident, policy: Policy) -> tuple[str, ...]:
    """Those that simply get every update."""
    if is_kept_inside(incident):
        return ()
    return tuple(dict.fromkeys((*policy.broadcast, *policy.service(incident.service, incident.environment).broadcast)))


def destinations(incident: Incident, policy: Policy) -> tuple[Destination, ...]:
    if is_kept_inside(incident):
        return ()
    return tuple(destination for destination in policy.broadcasts if destination.fits(incident))


def audiences(incident: Incident, policy: Policy) -> frozenset[Audience]:
    """Everybody who will read an update of this incident."""
    found = {destination.audience for destination in destinations(incident, policy)}
    colleagues = {Audience.EXECUTIVES} if channels(incident, policy) else set()
    return frozenset({Audience.RESPONDERS} | found | colleagues)


def deliveries(
    incident: Incident, update: Update, policy: Policy, now: datetime, *, agreed: bool
) -> tuple[Delivery, ...]:
    """`agreed`: whoever wrote it may decide that everybody reads it."""
    return tuple(
        Delivery(
            incident=incident.id,
            update=update.number,
            destination=destination.name,
            audience=destination.audience,
            address=address,
            at=now,
            state=DeliveryState.HELD if destination.audience in policy.approved and not agreed else DeliveryState.DUE,
        )
        for destination in destinations(incident, policy)
        for address in _addresses(destination)
    )


def _addresses(destination: Destination) -> tuple[str, ...]:
    return destination.to.addresses if isinstance(destination.to, Mailbox) else ("",)


def to_those_told(told: Sequence[Delivery], update: Update, policy: Policy, now: datetime) -> tuple[Delivery, ...]:
    """The end, or that it was none, for all who were told of the incident; nobody would have to agree to that."""
    known = {destination.name for destination in policy.broadcasts}
    routes = {one.route: one for one in told if one.state in REACHED and one.destination in known}
    return tuple(
        replace(one, update=update.number, at=now, state=DeliveryState.DUE, reference="", error="", by="", version=0)
        for one in routes.values()
    )


def superseded(incident: Incident, before: Iterable[Delivery], question: Post | None) -> Decision:
    """What still waits for consent is dropped when there is newer news, and the question is taken back."""
    held = tuple(replace(d, state=DeliveryState.DROPPED) for d in before if d.state is DeliveryState.HELD)
    if not held or question is None:
        return Decision(save=held)
    card = approval_overtaken(incident, held[0].update)
    overtaken = replace(question, text=card.text, blocks=card.blocks)
    return Decision(save=(*held, overtaken), do=(TellChanges(question.id),))


def is_turn(delivery: Delivery, others: Iterable[Delivery]) -> bool:
    """Updates arrive in their order: one that failed is not waited for."""
    return not any(
        other.route == delivery.route and other.update < delivery.update and other.state is DeliveryState.DUE
        for other in others
    )


def is_old(delivery: Delivery, others: Iterable[Delivery]) -> bool:
    """A newer one has arrived there already."""
    return any(
        other.route == delivery.route and other.update > delivery.update and other.state is DeliveryState.SENT
        for other in others
    )


def before(delivery: Delivery, others: Iterable[Delivery]) -> Delivery | None:
    """The last one that arrived there."""
    arrived = [
        other
        for other in others
        if other.route == delivery.route and other.update < delivery.update and other.state is DeliveryState.SENT
    ]
    return max(arrived, key=lambda other: other.update, default=None)


# ---------------------------------------------------------------- consent


def ask(incident: Incident, update: Update, held: Sequence[Delivery], commander: str) -> Post:
    """The question in the incident's channel."""
    card = approval_card(incident, update, held, commander)
    return Post(
        id=question_id(incident.id, update.number),
        incident=incident.id,
        channel=incidents.CHANNEL,
        text=card.text,
        blocks=card.blocks,
    )


def question_id(incident: str, number: int) -> str:
    return f"{incident}/update/{number}/approval"


def approve(
    incident: Incident,
    found: Sequence[Delivery],
    question: Post | None,
    commander: str,
    by: str,
    now: datetime,
    *,
    agrees: bool,
) -> Decision:
    """The commander lets what is held go out, or holds it back for good. `found` are the latest update's."""
    held = [delivery for delivery in found if delivery.state is DeliveryState.HELD]
    if not held:
        raise Refused(f"No update of {incident.id} waits for consent.", instead=f"/incident update {incident.id}")
    if by != commander:
        who = f"{mention(commander)} is" if commander else "nobody is yet"
        raise Refused(
            f"The commander decides what leaves the incident, and {who}. Nothing was published.",
            instead=f"/incident role {incident.id} commander",
        )
    state = DeliveryState.DUE if agrees else DeliveryState.DROPPED
    audiences_ = ", ".join(sorted({delivery.audience.value for delivery in held}))
    number = held[0].update
    did = f"agreed to publish update {number} to {audiences_}"
    text = did if agrees else f"held back update {number} from {audiences_}"
    card = approval_settled(incident, number, audiences_, by, agrees=agrees)
    asked = (replace(question, text=card.text, blocks=card.blocks),) if question else ()
    return Decision(
        save=(*(replace(delivery, state=state, by=by) for delivery in held), *asked),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.UPDATE, by=by, text=text, source=held[0].id),),
        do=(
            *(Deliver(delivery.id) for delivery in held if agrees),
            *(TellChanges(post.id) for post in asked),
        ),
        say=f"Update {number} goes to {audiences_}." if agrees else f"Update {number} stays inside.",
    )


# ---------------------------------------------------------------- what became of it


def arrived(delivery: Delivery, reference: str) -> Decision:
    """Not on the timeline: that the update was published stands there. One that had failed leaves the card."""
    if delivery.state is DeliveryState.SENT:
        return Decision()
    done = replace(delivery, state=DeliveryState.SENT, reference=reference, error="")
    mended = (PostCard(delivery.incident),) if delivery.state is DeliveryState.FAILED else ()
    return Decision(save=(done,), do=mended)


def dropped(delivery: Delivery, why: str) -> Decision:
    return Decision(
        save=(replace(delivery, state=DeliveryState.DROPPED, error=why),), do=(PostCard(delivery.incident),)
    )


def gave_up(delivery: Delivery, error: str, now: datetime) -> Decision:
    failed = replace(delivery, state=DeliveryState.FAILED, error=error)
    note = Entry(
        incident=delivery.incident, at=now, kind=EntryKind.TROUBLE, by=BOT, text=trouble(failed), source=delivery.id
    )
    return Decision(save=(failed,), note=(note,), do=(PostCard(delivery.incident),))


def left_open(
    delivery: Delivery, last: Update, incident: Incident, there: Incident | None, error: str, policy: Policy
) -> Decision:
    """The end, the `last` update, did not reach a page of others', where customers read that it goes on.

    `there`: the incident where it goes on, if it was merged.
    """
    to = {destination.name: destination.to for destination in policy.broadcasts}.get(delivery.destination)
    if incident.is_open or delivery.update != last.number or not isinstance(to, PublicPage):
        return Decision()
    text = (
        f":mega: {incident.id} is over, and the page {code(delivery.destination, 60)} could not be told: "
        f"{brief(error, 300)}. Customers may read there that it goes on: please end it there by hand."
    )
    where = there.id if there else incident.id
    post = Post(id=f"{delivery.id}/open", incident=where, channel=incidents.CHANNEL, text=text)
    return Decision(save=(post,), do=(SendPost(post.id),))


def trouble(delivery: Delivery) -> str:
    """Plain text, for card and timeline."""
    return f"update {delivery.update} did not reach {delivery.route} ({delivery.audience}): {delivery.error}"


def troubles(found: Iterable[Delivery]) -> list[str]:
    """Of the last update on each way: what was mended by a newer one is no trouble any more."""
    last: dict[str, Delivery] = {}
    for delivery in found:
        if delivery.state in (DeliveryState.SENT, DeliveryState.FAILED):
            last[delivery.route] = delivery
    return [trouble(delivery) for delivery in last.values() if delivery.state is DeliveryState.FAILED]


def said(found: Sequence[Delivery]) -> str:
    """Where an update goes, for whoever wrote it; mrkdwn."""
    due = dict.fromkeys(d.destination for d in found if d.state is DeliveryState.DUE)
    held = dict.fromkeys(d.audience.value for d in found if d.state is DeliveryState.HELD)
    parts = [f"On its way to {brief(', '.join(due), 300)}." if due else ""]
    parts.append(f"For {', '.join(held)} it waits until the commander agrees." if held else "")
    return " ".join(filter(None, parts))
