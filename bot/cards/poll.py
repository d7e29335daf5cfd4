"""The card of a proposal: what is proposed, who objects, and until when silence can be broken."""

from __future__ import annotations

from bot import polls, text
from bot.cards.kit import actions, context, press, section
from bot.decision import Card
from bot.model import Poll

NAMED = 5


def poll_card(poll: Poll) -> Card:
    """One message, edited in place."""
    line = f":raised_hands: {text.mention(poll.by)} proposes: *{polls.proposal(poll)}*"
    said = text.fallback(f"{text.mention(poll.by)} proposes: {polls.proposal(poll)}")
    if poll.ended_at:
        result = ":white_check_mark: *Agreed*" if not polls.against(poll) else ":hand: *Not agreed*"
        return Card(text=said, blocks=(section(line), context(text.dotted([result, *_counts(poll)]))))
    asks = f"Any strong objections? Silence is consent at {text.when_exactly(poll.ends_at)}."
    buttons = actions(
        press("Agree", f"incident vote {poll.id} agree", "poll.agree", "primary"),
        press("Object", f"incident vote {poll.id} object", "poll.object", "danger"),
    )
    return Card(text=said, blocks=(section(f"{line}\n{asks}"), buttons, context(text.dotted(_counts(poll)))))


def _counts(poll: Poll) -> list[str]:
    against = polls.against(poll)
    who = f": {', '.join(map(text.mention, against[:NAMED]))}" if against else ""
    return [f"{len(poll.votes) - len(against)} agree", f"{len(against)} object{who}"]
