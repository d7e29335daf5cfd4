"""Asked first: the card in the channel of announcements, and its answer."""

from __future__ import annotations

from datetime import datetime

from bot import questions, text
from bot.cards.question import question_card
from bot.commands import Ask, incident_id
from bot.decision import Card, Decision
from bot.errors import Refused
from bot.model import Question
from bot.routes import opened_of
from handlers import incidents
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

# ---------------------------------------------------------------- effects


def show(world: World, id: str, job: Job) -> Think:
    question, card = world.read(lambda tx: (tx.question(id), card_of(tx, tx.question(id))))
    if question.ts:
        incidents.edited(world, question.channel, question.ts, card)  # one that was taken away stays away
        return nothing
    channel = world.chat.find_channel(world.policy.announce) if world.policy.announce else None
    if channel is None:
        return lambda tx, now: nowhere(world, tx, id, now)
    ts = world.chat.post(channel.id, card, f"{id}/card", since=question.at, again=job.again)
    return lambda tx, now: questions.asked(tx.question(id), channel.id, ts, now)


def remind(id: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        question = tx.question(id)
        firing = sum(alert.firing for alert in tx.asked(id))
        return questions.reminded(question, firing, tx.find_post(questions.reminder(question)))

    return think


def nowhere(world: World, tx: Tx, id: str, now: datetime) -> Decision:
    return questions.nowhere(tx.question(id), tx.asked(id), tx.next_number(), world.policy, now)


def card_of(tx: Tx, question: Question) -> Card:
    firing = [alert for alert in tx.asked(question.id) if alert.firing]
    incident = tx.find_incident(question.incident) if question.incident else None
    where = text.channel(incident.channel, incident.channel_name) if incident else ""
    others = [one for one in tx.incidents(open_only=True) if not (one.private or one.drill)]
    return question_card(question, firing, len(firing), others, where)


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """answer ASK-3 open | join INC-7 | dismiss. Raises Refused."""
    id, _, words = ask.split()[1].partition(" ")
    return world.decide(lambda tx, now: answer(world, tx, id.upper(), words, ask.by, now))


def answer(world: World, tx: Tx, id: str, words: str, by: str, now: datetime) -> Decision:
    question, (verb, _, rest) = find(tx, id, world.policy.announce), words.strip().partition(" ")
    alerts = tx.asked(id)
    match verb:
        case "open" if there := opened_of(tx.incidents(open_only=True), question.group):
            return questions.join(question, alerts, there, by, now)
        case "open":
            return questions.open_(question, alerts, tx.next_number(), by, world.policy, now)
        case "join":
            if (other := incident_id(rest)) is None:
                raise Refused(
                    "Say which incident has it; nothing was changed.", instead=f"/incident answer {id} join INC-7"
                )
            return questions.join(question, alerts, tx.incident(other), by, now)
        case "dismiss":
            return questions.dismiss(question, by, now)
    raise Refused("Say open, join INC-n or dismiss; nothing was changed.", instead=f"/incident answer {id} open")


def find(tx: Tx, id: str, announce: str) -> Question:
    """Raises Refused with where questions are: on their cards in `announce`."""
    found = tx.find_question(id) if id else None
    if found is None:
        what = f"There is no question {text.code(id, 40)}" if id else "Say which question"
        where = (
            f" Questions stand in {text.channel('', announce.removeprefix('#'))}, with their buttons."
            if announce
            else ""
        )
        raise Refused(f"{what}; nothing was changed.{where}")
    return found
