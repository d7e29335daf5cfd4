"""What senders posted and nobody understood, for those who look after the bot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.cards.kit import Block, actions, context, header, press, section
from bot.decision import Card
from bot.model import Unparsed
from bot.text import ago, brief, code, fallback, fenced, plural

ROWS = 20  # a message has at most 50 blocks
BODY = 2000  # characters


def list_card(kept: Sequence[Unparsed], now: datetime) -> Card:
    """The latest first, each with a way to look at it and to take it in again."""
    if not kept:
        return Card(
            text="Everything that came was understood.", blocks=(section("Everything that came was understood."),)
        )
    head = f"{plural(len(kept), 'delivery', 'deliveries')} not understood"
    blocks: list[Block] = [header("Not understood")]
    for one in kept[:ROWS]:
        blocks.append(section(_line(one, now), press("Show", f"incident unparsed show {one.id}", f"show {one.id}")))
    if len(kept) > ROWS:
        blocks.append(context(f"… and {len(kept) - ROWS} more: `watchkeeper unparsed list`"))
    return Card(text=fallback(head), blocks=tuple(blocks))


def _line(one: Unparsed, now: datetime) -> str:
    often = f", {one.count} times" if one.count > 1 else ""
    return (
        f"{code(one.id)} from *{brief(one.source, 60)}*{often}, last {ago(now - one.last_at)}\n{brief(one.reason, 300)}"
    )


def one_card(one: Unparsed, now: datetime) -> Card:
    """With the beginning of its body. Its headers are in `watchkeeper unparsed show`."""
    body = fenced(one.body.decode("utf-8", "replace"), BODY)
    again = press("Replay", f"incident unparsed replay {one.id}", f"replay {one.id}", "primary")
    why = "Only its beginning was kept, so it cannot be replayed." if one.truncated else ""
    blocks: list[Block] = [
        section(_line(one, now)),
        section(body or "_Its body is empty._"),
        context(f"{len(one.body)} bytes. {why or 'Replayed, it is taken in as when it came.'}"),
    ]
    if not one.truncated:
        blocks.append(actions(again))
    return Card(text=fallback(_line(one, now)), blocks=tuple(blocks))
