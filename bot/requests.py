"""What is said of a request, and where it is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.decision import Card, Decision, PostCard, SendPost, ShowRequest, ShowRollout
from bot.live import card_id
from bot.model import Entry, EntryKind, Post, Request
from bot.review import what
from bot.text import esc


def title(request: Request) -> str:
    words = esc(what(request))
    return words[0].upper() + words[1:]


def entry(request: Request, now: datetime, text: str, by: str = "") -> Entry:
    line = Entry(at=now, kind=EntryKind.ACTION, text=text, incident=request.incident, source=request.id)
    return replace(line, by=by) if by else line


def tell(request: Request, name: str, card: Card) -> Decision:
    if not request.channel:
        return Decision()
    post = Post(
        id=f"{request.id}/{name}",
        incident=request.incident,
        channel=request.channel,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def on_cards(request: Request) -> tuple[PostCard | ShowRequest | ShowRollout, ...]:
    """What shows it in the incident's channel: the incident's card, the rollout's, and the one that asks to agree."""
    about: tuple[PostCard | ShowRollout, ...] = ()
    if request.incident:
        about = (PostCard(request.incident), *live_card(request))
    return (*about, *shown(request))


def live_card(request: Request) -> tuple[ShowRollout, ...]:
    return (ShowRollout(card_id(request.incident, request.service, request.environment)),) if request.incident else ()


def shown(request: Request) -> tuple[ShowRequest, ...]:
    return (ShowRequest(request.id),) if request.approvals else ()
