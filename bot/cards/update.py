"""A status update, as those who work on it and as everybody else reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot import text
from bot.audiences import Fact, Telling, tell
from bot.cards.kit import actions, context, press, section
from bot.decision import Card
from bot.model import Audience, Delivery, Incident, Update

RESPONDERS, BROADCAST = Audience.RESPONDERS, "broadcast"


def update_card(incident: Incident, update: Update, audience: str) -> Card:
    """`audience` is an Audience or "broadcast"; a broadcast names no alert, no service, no person and no channel."""
    if audience == BROADCAST:
        told, title = tell(incident, update, Audience.PUBLIC), _broadcast_title(incident, update)
    else:
        told = tell(incident, update, Audience(audience))
        title = f"*{text.brief(told.title, 100)}*"
    mark = ":white_check_mark:" if told.over else ":loudspeaker:"
    words = _words(told.facts)
    blocks = [section(f"{mark} {title}\n{words}")]
    if small := text.dotted(_small(update, told, audience)):
        blocks.append(context(small))
    return Card(text=text.fallback(f"{title}: {words}"), blocks=tuple(blocks))


def _broadcast_title(incident: Incident, update: Update) -> str:
    return text.dotted([f"*{incident.id}*", str(update.severity), f"*{update.phase.capitalize()}*"])


def _words(facts: Sequence[Fact]) -> str:
    """A section holds 3,000 characters: the first fact has most of them."""
    rest = 1800 // max(1, len(facts) - 1)
    shown = (
        f"*{fact.label}:* {text.paragraph(fact.words, rest)}"
        if fact.label
        else text.paragraph(fact.words, _most(facts))
        for fact in facts
    )
    return "\n".join(shown)


def _most(facts: Sequence[Fact]) -> int:
    return 2500 if len(facts) == 1 else 1000


def _small(update: Update, told: Telling, audience: str) -> Iterator[str]:
    if audience == RESPONDERS:
        yield f"Update {update.number} by {text.mention(update.by)}"
    if update.next_at and not told.over:
        yield f"Next update by {text.when(update.next_at)}"
    elif audience != RESPONDERS and not told.over:
        yield "No further update is planned"


# ---------------------------------------------------------------- consent


def approval_card(incident: Incident, update: Update, held: Sequence[Delivery], commander: str) -> Card:
    """What would be published, as they would read it, and the two buttons."""
    audiences = list(dict.fromkeys(delivery.audience for delivery in held))
    who = text.mention(commander) if commander else "Whoever takes command"
    line = (
        f":raising_hand: {who}: may update {update.number} of {incident.id} go to "
        f"*{', '.join(a.value for a in audiences)}*? They would read:"
    )
    told = tell(incident, update, audiences[-1])
    id = f"{incident.id} {update.number}"
    return Card(
        text=text.fallback(line),
        blocks=(
            section(line),
            section(_words(told.facts), n=2900),
            actions(
                press("Publish", f"incident approve {id}", "update.approve", "primary"),
                press("Hold back", f"incident withhold {id}", "update.withhold"),
            ),
        ),
    )


def approval_settled(incident: Incident, number: int, audiences: str, by: str, *, agrees: bool) -> Card:
    did = "published to" if agrees else "held back from"
    mark = ":white_check_mark:" if agrees else ":no_entry:"
    line = f"{mark} Update {number} of {incident.id} was {did} *{audiences}*: {text.mention(by)} decided."
    return Card(text=line, blocks=(section(line),))


def approval_overtaken(incident: Incident, number: int) -> Card:
    line = f"Update {number} of {incident.id} was overtaken by newer news before anybody agreed to it."
    return Card(text=line, blocks=(section(line),))
