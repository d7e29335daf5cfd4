"""A message is marked once for each thing that it can be, and whoever marked it can take that back."""

from dataclasses import replace

import pytest

from bot import marks, tasks
from bot.decision import ShowMark
from bot.errors import Refused
from bot.model import Mark, Message, Task
from bot.policy import TIMELINE, Policy
from tests.values import NOON, incident, minutes

SAID = Message(
    channel="C7",
    ts="1.2",
    incident="INC-7",
    user="U0BOB",
    text="pods crash on <vouchers>",
    at=NOON,
    link="https://shop.slack.com/archives/C7/p12",
)
LATER = NOON + minutes(9)


def mark(what=TIMELINE, before=None, by="U0DANA", message=SAID, **other):
    return marks.mark(incident(), message, what, before, by, LATER, number=2, **other)


def the(kind, decision):
    [found] = [noun for noun in decision.save if isinstance(noun, kind)]
    return found


@pytest.mark.parametrize(
    ("reaction", "what"),
    [("pushpin", "timeline"), ("star::skin-tone-2", "task"), ("repeat", "follow-up"), ("eyes", ""), ("", "")],
)
def test_an_emoji_means_what_the_configuration_says(reaction, what):
    assert marks.meaning(reaction, Policy()) == what
    assert marks.meaning("pushpin", Policy(emoji={"memo": TIMELINE})) == ""


def test_a_line_stands_where_it_was_said_with_its_author_and_link():
    decision = mark()
    [entry] = decision.note
    assert (entry.at, entry.whom, entry.by) == (NOON, "U0BOB", "U0DANA")
    assert (entry.text, entry.source) == (SAID.text, SAID.link)
    assert decision.do == (ShowMark("C7/1.2"),)
    assert mark(by="U0BOB").note[0].whom == ""


@pytest.mark.parametrize("what", [tasks.TASK, tasks.FOLLOW_UP, tasks.QUESTION])
def test_a_task_is_whoevers_marks_it_unless_another_is_named(what):
    task = the(Task, mark(what))
    assert (task.kind, task.text, task.owner) == (what, SAID.text, "U0DANA")
    named = the(Task, mark(what, text="look", owner="U0EVE"))
    assert (named.text, named.owner) == ("look", "U0EVE")
    assert the(Mark, mark(what)).task == "INC-7/task/2"


def test_a_message_is_marked_once():
    before = the(Mark, mark())
    with pytest.raises(Refused, match="done by <@U0DANA> already"):
        mark(before=before, by="U0EVE")
    assert mark(before=replace(before, undone_at=LATER)).note


@pytest.mark.parametrize("other", [{"text": " "}, {"deleted": True}])
def test_what_has_no_words_is_not_marked(other):
    with pytest.raises(Refused, match="no words"):
        mark(message=replace(SAID, **other))


def test_only_who_set_it_takes_it_back():
    decision = mark(tasks.TASK)
    kept, task = the(Mark, decision), the(Task, decision)
    assert marks.take_back(kept, task, "U0EVE", LATER).save == ()
    back = marks.take_back(kept, task, "U0DANA", LATER)
    assert the(Task, back).done_at == LATER
    assert not marks.stands([the(Mark, back)])
    assert marks.stands([kept])
    line = marks.take_back(the(Mark, mark()), None, "U0DANA", LATER)
    assert [entry.text for entry in line.note] == ["took a message off the timeline again"]
    assert marks.take_back(the(Mark, line), None, "U0DANA", LATER).save == ()


def test_a_long_message_is_cut():
    assert len(the(Task, mark(tasks.TASK, message=replace(SAID, text="x" * 9000))).text) == marks.LONGEST
