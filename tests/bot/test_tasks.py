"""Tasks: made with an owner, reminded of where that is meant, and done once."""

import pytest

from bot import tasks
from bot.decision import PostCard, RemindTask
from bot.errors import Refused
from bot.model import Task
from tests.values import NOON, incident


def made(kind, **other):
    values = {"owner": "U0BOB", "by": "U0DANA", "now": NOON} | other
    return tasks.add(incident(), kind, 3, "look at <the> logs", **values)


@pytest.mark.parametrize(
    ("words", "text", "owner"),
    [
        ("check the logs", "check the logs", "U0DANA"),
        ("check the logs <@U0BOB|bob>", "check the logs", "U0BOB"),
        ("<@U0BOB|bob> checks the logs", "checks the logs", "U0BOB"),
        ("look at <@U0BOB|bob>'s logs", "look at @bob's logs", "U0DANA"),
    ],
)
def test_the_name_at_either_end_is_the_owner(words, text, owner):
    assert tasks.parse(words, "task", "U0DANA") == (text, owner)


def test_a_name_alone_is_no_task():
    with pytest.raises(Refused, match="what is to be done"):
        tasks.parse("<@U0BOB|bob>", "task", "U0DANA")


@pytest.mark.parametrize("words", ["", "-", "look @"])
def test_a_task_needs_words(words):
    with pytest.raises(Refused) as refused:
        tasks.parse(words, "followup", "U0DANA")
    assert refused.value.instead.startswith("/incident followup look")


def test_who_is_nobody_in_slack_names_somebody():
    assert tasks.parse("look <@U0BOB>", "task", "cli") == ("look", "U0BOB")
    with pytest.raises(Refused, match="`cli` is nobody in Slack") as refused:
        tasks.parse("look", "task", "cli")
    assert refused.value.instead == "/incident task look @who"


def test_only_a_follow_up_is_reminded_of():
    now, later = made(tasks.TASK), made(tasks.FOLLOW_UP)
    assert now.do == (PostCard("INC-7"),)
    assert later.do == (RemindTask("INC-7/task/3", due=NOON + tasks.AFTERWARDS), PostCard("INC-7"))
    assert [entry.text for entry in now.note] == ["task: look at <the> logs"]
    assert now.say == "Task of <@U0BOB>: look at &lt;the&gt; logs"


@pytest.mark.parametrize(("kind", "said"), [(tasks.TASK, "done"), (tasks.QUESTION, "answered")])
def test_a_task_is_done_once(kind, said):
    [task] = made(kind).save
    decision = tasks.done(task, "U0BOB", NOON)
    assert [entry.text for entry in decision.note] == [f"{said}: look at <the> logs"]
    [ended] = [noun for noun in decision.save if isinstance(noun, Task)]
    with pytest.raises(Refused, match="done already"):
        tasks.done(ended, "U0BOB", NOON)
