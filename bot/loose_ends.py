"""What is left when an incident is over, or open again: customers may still read that it is not."""

from __future__ import annotations

from collections.abc import Sequence

from bot import incidents
from bot.cards.incident import over_published, still_published
from bot.decision import Decision, SendPost
from bot.model import Incident, Phase, Post, PublicUpdate


def left_open(incident: Incident, there: Incident | None, before: Sequence[PublicUpdate], *, asked: bool) -> Decision:
    """It is over, and customers still read that it is not: said once, where people are now. `there`: where it goes on,
    if it was merged. `asked`: that was said.
    """
    if not before or before[-1].phase is Phase.RESOLVED or incident.is_open or asked:
        return Decision()
    card = still_published(incident, before[-1].title)
    post = Post(
        id=post_id(incident, before),
        incident=there.id if there else incident.id,
        channel=incidents.CHANNEL,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def post_id(incident: Incident, before: Sequence[PublicUpdate]) -> str:
    ended = incident.resolved_at or incident.opened_at
    return f"{incident.id}/public/{len(before)}/open/{ended:%Y%m%dT%H%M%S}"


def reopened(incident: Incident, before: Sequence[PublicUpdate], *, asked: bool) -> Decision:
    """It is open again, and customers read that it is over. `asked`: that was said."""
    if not before or before[-1].phase is not Phase.RESOLVED or not incident.is_open or asked:
        return Decision()
    card = over_published(incident, before[-1].title)
    post = Post(
        id=reopened_id(incident, before),
        incident=incident.id,
        channel=incidents.CHANNEL,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def reopened_id(incident: Incident, before: Sequence[PublicUpdate]) -> str:
    return f"{incident.id}/public/{len(before)}/reopened/{incident.since:%Y%m%dT%H%M%S}"
