"""The card that asks whether something is an incident, edited in place once somebody has said so."""

from __future__ import annotations

from collections.abc import Sequence

from bot import text
from bot.cards.incident import ALERTS, LAMP, alert_line
from bot.cards.kit import OPTIONS, Block, actions, option, press, section, select
from bot.decision import Card
from bot.model import Alert, Answer, Incident, Question


def question_card(
    question: Question, firing: Sequence[Alert], count: int, incidents: Sequence[Incident], channel: str = ""
) -> Card:
    """`firing` are some of the `count` alerts that fire; `incidents` are open, the newest first; `channel` is where
    the incident lives that it went to.
    """
    place = text.code(question.service, 60) if question.service else ""
    facts = [f"*{question.id}* {question.severity}", place, text.brief(question.title, 120)]
    if question.answer:
        line = text.dotted([f":white_check_mark: {text.dotted(facts)}", _answer(question, channel)])
        return Card(text=text.fallback(line), blocks=(section(line, n=2000),))
    told = f"{text.plural(question.count, 'alert')}, {count} firing, since {text.when(question.onset_at)}"
    line = f"{LAMP[question.severity]} {text.dotted(facts)}\nIs this an incident? {told}"
    lines = [line, *map(alert_line, firing[:ALERTS])]
    return Card(text=text.fallback(line), blocks=(section("\n".join(lines), n=2500), _choices(question, incidents)))


def _choices(question: Question, incidents: Sequence[Incident]) -> Block:
    line = f"incident answer {question.id}"
    nearest = next((one for one in incidents if question.service and one.service == question.service), None)
    near = press(f"Join {nearest.id}", f"{line} join {nearest.id}", "question.near") if nearest else None
    others = [one for one in incidents if one != nearest][:OPTIONS]
    options = [option(f"{one.id} {one.title}", f"{line} join {one.id}") for one in others]
    return actions(
        press("Open incident", f"{line} open", "question.open", "danger"),
        near,
        select("ask.question.join", "Join …", options) if options else None,
        press("Not an incident", f"{line} dismiss", "question.dismiss"),
    )


def _answer(question: Question, channel: str) -> str:
    who = text.mention(question.answered_by)
    where = f"*{question.incident}*" + (f" {channel}" if channel else "")
    if question.answer is Answer.DISMISSED:
        return f"not an incident, says {who}"
    return f"{where} opened by {who}" if question.answer is Answer.OPENED else f"joined {where}, says {who}"
