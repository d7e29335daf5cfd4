"""Slack being away: when it is said, what of it, and what a channel reads afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from bot import broadcasts, outages
from bot.cards.outage import summary, written_at
from bot.decision import Card, Decision, SendPost, TellAway
from bot.incidents import CHANNEL
from bot.model import Post, Reach
from bot.outages import Waiting
from bot.text import brief
from tests.blockkit import check
from tests.bot.test_text import ANY
from tests.golden import same_as
from tests.values import NOON, incident, minutes

AWAY = Reach(id="slack", since=NOON, failures=3, away=True, version=3)
BACK = NOON + minutes(48)
STAMP = "slack/20260305T120000Z"
WAYS = ("email", "webhook")


def post(number: int, channel: str = CHANNEL, **other: object) -> Post:
    made = Post(id=f"INC-7/update/{number}/{channel}", incident="INC-7", channel=channel, text=f"Update {number}")
    return replace(made, version=1, **other)  # type: ignore[arg-type]


def waits(number: int, since: float = 0, **other: str) -> Waiting:
    return Waiting(post=post(number, **other), since=NOON + minutes(since))


def back(*waiting: Waiting, reach: Reach | None = AWAY) -> Decision:
    return outages.answered(reach, (incident(),), waiting, WAYS, BACK)


def saved(decision: Decision, kind: type) -> list[object]:
    return [noun for noun in decision.save if isinstance(noun, kind)]


# ---------------------------------------------------------------- noticed


def test_one_lost_look_is_no_outage_and_three_in_a_row_are_one() -> None:
    reach: Reach | None = None
    for look in range(3):
        decision = outages.unanswered(reach, (incident(),), WAYS, NOON + timedelta(seconds=10 * look))
        [reach] = decision.save  # type: ignore[misc]
        assert bool(decision.do) is (look == 2)
    assert reach == Reach(id="slack", since=NOON, failures=3, away=True)
    assert decision.do == (TellAway(f"{STAMP}/away/email"), TellAway(f"{STAMP}/away/webhook"))
    assert [(entry.at, entry.text) for entry in decision.note] == [
        (NOON, "Slack does not answer; what is to be said waits")
    ]


def test_an_answer_in_between_begins_the_row_anew() -> None:
    failing = Reach(id="slack", since=NOON, failures=2, version=2)
    assert back(reach=failing) == Decision(save=(replace(failing, failures=0, since=BACK),))


def test_while_it_is_away_nothing_is_said_again() -> None:
    assert outages.unanswered(AWAY, (incident(),), WAYS, BACK) == Decision()


@pytest.mark.parametrize("reach", [None, replace(AWAY, failures=0, away=False)])
def test_while_it_answers_nothing_is_remembered(reach: Reach | None) -> None:
    assert back(waits(1), waits(2), reach=reach) == Decision()


def test_it_is_told_that_it_is_back() -> None:
    decision = back()
    assert decision.do == (TellAway(f"{STAMP}/back/email"), TellAway(f"{STAMP}/back/webhook"))
    assert decision.note[0].text == "Slack answers again, after 48 min"
    assert saved(decision, Reach) == [replace(AWAY, failures=0, away=False, since=BACK)]


# ---------------------------------------------------------------- made up for


def test_what_waited_long_is_one_message_in_each_place() -> None:
    decision = back(waits(1, 1), waits(1, 1, channel="#status"), waits(2, 9), waits(2, 9, channel="#status"))
    told = [noun for noun in saved(decision, Post) if not noun.folded]  # type: ignore[attr-defined]
    assert [one.channel for one in told] == [CHANNEL, "#status"]  # type: ignore[attr-defined]
    folded = {noun.id: noun.folded for noun in saved(decision, Post) if noun.folded}  # type: ignore[attr-defined]
    here = "INC-7/away/20260305T120000Z/@incident"
    assert folded["INC-7/update/1/@incident"] == folded["INC-7/update/2/@incident"] == here
    assert SendPost(here) in decision.do
    assert len(decision.do) == 4


def test_it_says_when_each_was_written() -> None:
    [told] = [noun for noun in saved(back(waits(1, 1), waits(2, 9)), Post) if not noun.folded]  # type: ignore[attr-defined]
    words = str(told.blocks)  # type: ignore[attr-defined]
    assert "12:01 UTC> Update 1" in words
    assert "12:09 UTC> Update 2" in words
    assert "from <!date^1772712000^{time}|12:00 UTC> to <!date^1772714880^{time}|12:48 UTC>" in words


def test_what_is_still_news_a_thread_and_a_single_one_go_by_themselves() -> None:
    decision = back(waits(1), waits(2, 47.5), waits(3, thread="1.2"))
    assert saved(decision, Post) == []


def test_a_question_keeps_its_buttons() -> None:
    asks = Waiting(post=replace(post(2), id=broadcasts.question_id("INC-7", 2)), since=NOON + minutes(1))
    assert saved(back(waits(1), asks), Post) == []
    folded = [noun.id for noun in saved(back(waits(1), asks, waits(3)), Post) if noun.folded]  # type: ignore[attr-defined]
    assert folded == ["INC-7/update/1/@incident", "INC-7/update/3/@incident"]


def test_a_post_that_came_late_says_so() -> None:
    after = Reach(id="slack", since=BACK)
    assert outages.came_late(after, NOON, BACK + minutes(1))
    assert not outages.came_late(after, BACK + minutes(1), BACK + minutes(9))
    assert not outages.came_late(after, BACK - minutes(0.5), BACK)
    assert not outages.came_late(AWAY, NOON - minutes(9), BACK)
    assert not outages.came_late(None, NOON, BACK)


def test_the_summary_as_people_read_it() -> None:
    said = [(NOON + minutes(n), f"Update {n} of <@U0BOB>") for n in range(3)]
    same_as("cards/slack_was_away.json", summary("INC-7", said, NOON, BACK))
    same_as("cards/slack_was_away_for_one.json", written_at(Card(text="Update 1"), NOON))


@given(ANY)
def test_whatever_was_said_the_summary_is_a_message_that_slack_takes(words: str) -> None:
    said = [(NOON, brief(words * 20, 3000)) for _ in range(60)]
    card = summary("INC-7", said, NOON, BACK)
    check(card)
    assert "35 earlier messages: `/incident timeline INC-7`" in str(card.blocks)


# ---------------------------------------------------------------- told


def telling(what: str, reach: Reach, *open_: object) -> str:
    told = outages.telling(f"{STAMP}/{what}/webhook", reach, open_)  # type: ignore[arg-type]
    return told.text if told else ""


def test_the_on_call_reads_what_goes_on_and_what_to_do() -> None:
    said = telling("away", AWAY, incident())
    assert said.startswith("Slack is away since 12:00 UTC. Watchkeeper goes on:")
    assert 'watchkeeper say "/incident list" --as YOUR_SLACK_ID' in said
    assert said.endswith("Open: INC-7 SEV2 checkout: HighErrorRate.")


def test_it_is_no_news_that_slack_was_away() -> None:
    assert telling("away", replace(AWAY, away=False)) == ""


def test_they_read_that_it_is_back() -> None:
    said = telling("back", Reach(id="slack", since=BACK), incident())
    assert said.startswith("Slack is back since 12:48 UTC, after 48 min.")


def test_of_a_private_incident_only_the_number_leaves_slack() -> None:
    said = telling("away", AWAY, incident(private=True, title="Leaked key"))
    assert said.endswith("Open: INC-7 SEV2.")
