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
    ],
)
def test_the_name_at_either_end_is_the_owner(words, text, owner):
    assert tasks.parse(words, "task", "U0DANA") == (text, owner)


def test_a_name_alone_is_no_task():
    with pytest.raises(Refused, match="what is to be done"):
        tasks.parse("<@U0BOB|bob>", "task", "U0DANA")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("check the logs @nobody", "nobody"),
        ("@nobody", "nobody"),
        ("write to dana@shop.example", ""),
        ("mend @Transactional in checkout", ""),
        ("check the logs <@U0BOB|bob>", ""),
        ("", ""),
    ],
)
def test_a_name_that_nobody_has_is_no_word(words, name):
    assert tasks.unnamed(words) == name


def test_the_names_that_are_close_are_offered():
    refused = tasks.nobody("carrol", "look <!here> @carrol", "task", {"U0CAROL": "Carol Diaz", "U0BOB": "bob"})
    assert "I know nobody called `carrol`; nothing was noted. Did you mean `Carol Diaz`?" in str(refused)
    assert refused.instead == "/incident task look &lt;!here&gt; @Carol Diaz"
    assert tasks.nobody("zz", "look @zz", "followup", {"U0BOB": "bob"}).instead == "/incident followup look @who"


def test_a_task_needs_words():
    with pytest.raises(Refused) as refused:
        tasks.parse("", "followup", "U0DANA")
    assert refused.value.instead.startswith("/incident followup ")


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
