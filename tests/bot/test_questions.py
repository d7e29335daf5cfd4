"""Asked first: one question for a group, answered once, and what was asked about goes where the answer says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import questions
from bot.alerts import Seen, triage
from bot.decision import Decision, NameSuspects, OpenChannel, PostCard, RemindQuestion, SendPost, ShowQuestion
from bot.errors import Refused
from bot.model import BOT, Alert, Answer, Incident, Phase, Post, Question, Role, Severity
from bot.policy import Policy, Route, Then
from tests.bot.test_alerts import NOTHING, alerts, incidents, seen, texts
from tests.values import NOON, alert, incident, minutes

POLICY = Policy(routes=(Route(then=Then.ASK, roles={Role.OPS: "shop"}),))
QUESTION = Question(
    id="ASK-3",
    group="checkout/production",
    title="HighErrorRate",
    service="checkout",
    environment="production",
    severity=Severity.SEV3,
    at=NOON,
    onset_at=NOON - minutes(2),
    roles={"ops": "shop"},
    version=1,
)


def asked(decision: Decision) -> list[Question]:
    return [noun for noun in decision.save if isinstance(noun, Question)]


def heard(*news: Alert, question: Question | None = QUESTION, known: tuple[Alert, ...] = (), **other: Any) -> Decision:
    state = replace(seen(*known, **other), next_question=4)
    state = replace(state, questions={question.group: question}) if question else state
    return triage(news, state, POLICY, NOON)


# ---------------------------------------------------------------- asking


def test_it_asks_once_and_opens_nothing() -> None:
    decision = heard(alert(), alert("b", title="Slow", starts_at=NOON - minutes(5)), question=None)
    assert not incidents(decision)
    [question] = asked(decision)
    assert (question.id, question.title, question.count) == ("ASK-4", "HighErrorRate", 2)
    assert (question.onset_at, question.severity, question.roles) == (
        NOON - minutes(5),
        Severity.SEV2,
        {"ops": "shop"},
    )
    assert decision.do == (ShowQuestion("ASK-4"),)
    assert texts(decision) == ["ASK-4 asks whether HighErrorRate is an incident"]
    assert {one.asked for one in alerts(decision)} == {"ASK-4"}


def test_more_of_the_group_is_counted_on_the_same_card() -> None:
    decision = heard(alert("b"))
    assert [(q.id, q.count, q.severity) for q in asked(decision)] == [("ASK-3", 2, Severity.SEV2)]
    assert decision.do == (ShowQuestion("ASK-3"),)
    assert not decision.note


def test_a_repeat_does_not_ask_again() -> None:
    decision = heard(alert(), known=(alert(asked="ASK-3"),))
    assert not asked(decision)
    assert alerts(decision)[0].asked == "ASK-3"


def test_one_that_clears_is_shown_on_the_card() -> None:
    decision = heard(alert(firing=False, ends_at=NOON), known=(alert(asked="ASK-3"),))
    assert decision.do == (ShowQuestion("ASK-3"),)
    assert (alerts(decision)[0].asked, alerts(decision)[0].firing) == ("ASK-3", False)


def test_an_open_incident_is_joined_without_asking() -> None:
    decision = heard(alert(), question=None, open=incident(onset_at=NOON))
    assert not asked(decision)
    assert alerts(decision)[0].incident == "INC-7"


def test_what_was_dismissed_stays_quiet() -> None:
    decision = heard(alert("b"), question=replace(QUESTION, answer=Answer.DISMISSED))
    assert not decision.do
    assert alerts(decision)[0].asked == "ASK-3"


def test_when_its_incident_is_over_it_asks_again() -> None:
    over = replace(QUESTION, answer=Answer.JOINED, incident="INC-9")
    assert [q.id for q in asked(heard(alert("b"), question=over))] == ["ASK-4"]


def test_a_joined_group_goes_on_in_that_incident_and_no_change_of_it_is_lost() -> None:
    there = incident(9, group="search/production", service="search", onset_at=NOON)
    state = Seen(alerts={}, open={"checkout/production": there, "search/production": there}, recent={}, next_number=10)
    for early, late in ((9, 3), (3, 9)):
        news = [
            alert("a", starts_at=NOON - minutes(early)),
            alert("b", service="search", starts_at=NOON - minutes(late)),
        ]
        decision = triage(news, state, POLICY, NOON)
        assert [i.onset_at for i in incidents(decision)] == [NOON - minutes(9)]
        assert {one.incident for one in alerts(decision)} == {"INC-9"}
        assert [i.onset_at for i in incidents(triage(news[::-1], state, POLICY, NOON))] == [NOON - minutes(9)]


# ---------------------------------------------------------------- answering


def test_opening_takes_what_was_asked_about_along() -> None:
    decision = questions.open_(QUESTION, [alert(asked="ASK-3")], 8, "U0BOB", POLICY, NOON)
    [opened] = incidents(decision)
    assert (opened.id, opened.group, opened.severity, opened.by, opened.roles) == (
        "INC-8",
        QUESTION.group,
        Severity.SEV3,
        "U0BOB",
        {"ops": "shop"},
    )
    assert alerts(decision)[0].incident == "INC-8"
    assert [(q.answer, q.incident, q.answered_by) for q in asked(decision)] == [(Answer.OPENED, "INC-8", "U0BOB")]
    assert {OpenChannel("INC-8"), ShowQuestion("ASK-3")} <= set(decision.do)
    assert texts(decision) == [
        "SEV3 declared: HighErrorRate",
        "HighErrorRate fired",
        "ASK-3, HighErrorRate: opened INC-8",
    ]


def test_joining_moves_the_onset_and_names_suspects() -> None:
    decision = questions.join(QUESTION, [alert(asked="ASK-3")], incident(onset_at=NOON), "U0BOB", NOON)
    assert [i.onset_at for i in incidents(decision)] == [NOON - minutes(2)]
    assert {PostCard("INC-7"), NameSuspects("INC-7"), ShowQuestion("ASK-3")} == set(decision.do)
    assert alerts(decision)[0].incident == "INC-7"
    early = incident(onset_at=NOON - minutes(9))
    assert not incidents(questions.join(QUESTION, [], early, "U0BOB", NOON))


def test_what_is_over_cannot_be_joined() -> None:
    over = incident(phase=Phase.RESOLVED, resolved_at=NOON)
    with pytest.raises(Refused, match="INC-7 is already resolved; nothing was changed"):
        questions.join(QUESTION, [], over, "U0BOB", NOON)


def test_not_an_incident_opens_nothing_and_is_on_record() -> None:
    decision = questions.dismiss(QUESTION, "U0BOB", NOON)
    assert decision.do == (ShowQuestion("ASK-3"),)
    assert texts(decision) == ["ASK-3, HighErrorRate: said that it is no incident"]


@pytest.mark.parametrize("answer", [Answer.OPENED, Answer.JOINED, Answer.DISMISSED])
def test_it_is_answered_once(answer: Answer) -> None:
    done = replace(QUESTION, answer=answer, incident="INC-8", answered_by="U0DANA")
    for again in (
        lambda: questions.open_(done, [], 9, "U0BOB", POLICY, NOON),
        lambda: questions.join(done, [], incident(), "U0BOB", NOON),
        lambda: questions.dismiss(done, "U0BOB", NOON),
    ):
        with pytest.raises(Refused, match=r"ASK-3 is answered: <@U0DANA> .*INC-8\. Nothing was changed\."):
            again()


def test_where_nobody_can_be_asked_it_opens() -> None:
    decision = questions.nowhere(QUESTION, [alert()], 8, POLICY, NOON)
    assert [(i.id, i.by) for i in incidents(decision)] == [("INC-8", BOT)]
    assert not questions.nowhere(replace(QUESTION, answer=Answer.DISMISSED), [], 9, POLICY, NOON).save


def test_without_a_route_nothing_asks() -> None:
    assert not asked(triage([alert()], NOTHING, Policy(), NOON))
    assert all(isinstance(noun, Alert | Incident) for noun in triage([alert()], NOTHING, Policy(), NOON).save)


# ---------------------------------------------------------------- nobody answers


def test_when_its_card_stands_it_is_looked_at_again_later() -> None:
    decision = questions.asked(QUESTION, "C1", "1.1", NOON)
    assert decision.do == (RemindQuestion("ASK-3", due=NOON + minutes(15)),)
    assert questions.asked(asked(decision)[0], "C1", "1.1", NOON) == Decision()


def test_a_question_that_nobody_answers_is_mentioned_once_where_it_was_asked() -> None:
    standing = replace(QUESTION, channel="C1", ts="1.1", title="<!channel> *slow*")
    decision = questions.reminded(standing, 2, None)
    [post] = [noun for noun in decision.save if isinstance(noun, Post)]
    assert (post.id, post.channel, decision.do) == ("ASK-3/reminder", "C1", (SendPost("ASK-3/reminder"),))
    assert "2 alerts of it still fire" in post.text
    assert "<!channel>" not in post.text
    assert questions.reminded(standing, 2, post) == Decision()
    assert "nothing of it fires any more" in str(questions.reminded(standing, 0, None).save)


def test_an_answered_question_is_left_alone() -> None:
    done = replace(QUESTION, channel="C1", ts="1.1", answer=Answer.DISMISSED)
    assert questions.reminded(done, 1, None) == Decision()
