"""What changes amid an incident is told in its channel: values in, a Decision out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import changes, news
from bot.decision import Card, Decision, TellChanges
from bot.model import Change, ChangeKind, ChangeStatus, Post
from bot.policy import Policy, Service
from bot.text import fallback
from tests.blockkit import check
from tests.values import NOON, change, incident, minutes

POLICY = Policy(
    services={
        "shop": Service(name="shop", depends_on=("checkout",)),
        "checkout": Service(name="checkout", depends_on=("payments",)),
        "payments": Service(name="payments", depends_on=("ledger",)),
    }
)


def posts(decision: Decision) -> list[Post]:
    return [noun for noun in decision.save if isinstance(noun, Post)]


def heard(*what: Change, known: tuple[Change, ...] = (), **more: Any) -> list[str]:
    """The lines of the channel's message after these."""
    before = {one.key: one for one in known}
    decision = changes.receive(what, before, [incident()], POLICY, NOON, more)
    return [line for post in posts(decision) for line in post.text.split("\n")]


@pytest.mark.parametrize(
    ("service", "is_told"), [("checkout", 1), ("payments", 1), ("shop", 1), ("ledger", 0), ("search", 0)]
)
def test_neighbours_are_what_it_depends_on_and_what_depends_on_it(service: str, is_told: int) -> None:
    assert len(heard(change(service=service))) == is_told


def test_a_change_elsewhere_is_no_news_here() -> None:
    assert heard(change(environment="staging")) == []


def test_a_line_says_what_by_whom_and_where_to_read_on() -> None:
    flag = change(change=ChangeKind.FLAG, service="payments", version="", actor="dana", url="https://flags.example/1")
    (line,) = heard(flag)
    assert line.startswith(":package: ")
    assert "flag of `payments` by dana · <https://flags.example/1|details> · a neighbour of `checkout`" in line


def test_names_from_outside_stay_text() -> None:
    (line,) = heard(change(version="<!channel>", actor="<!here>", title="*x*\n<https://evil.example|y>"))
    assert not any(token in line for token in ("<!channel", "<!here", "<https", "*x*"))


def test_what_is_learned_later_of_a_change_is_told_no_second_time() -> None:
    said = change(actor="", source="cluster")
    assert heard(change(actor="ci", url="https://ci.example/1"), known=(said,)) == []
    assert heard(change(status=ChangeStatus.SUCCEEDED, at=NOON), known=(said,)) == []


def test_a_redelivery_is_told_no_second_time() -> None:
    assert heard(change(), known=(change(),)) == []


def test_the_beginning_and_the_end_that_come_together_are_one_line() -> None:
    (line,) = heard(change(), change(status=ChangeStatus.FAILED, at=NOON))
    assert "failed" in line


def test_what_is_shipped_again_is_told_again() -> None:
    before = change(status=ChangeStatus.ROLLED_BACK, at=NOON - minutes(60))
    assert len(heard(change(), known=(before,))) == 1


def test_those_of_one_minute_are_one_message_that_grows() -> None:
    first = news.told(incident(), [change()], None, NOON)
    (post,) = posts(first)
    sent = replace(post, ts="1.2", version=1)
    more = news.told(incident(), [change("p", service="payments")], sent, NOON + minutes(0.5))
    (grown,) = posts(more)
    assert (grown.id, grown.ts, grown.version) == (post.id, "1.2", 1)
    assert len(grown.text.split("\n")) == 2
    assert first.do == more.do == (TellChanges("INC-7/changes/20260305T1200"),)
    assert news.post_id("INC-7", NOON + minutes(1)) != post.id


def test_many_are_cut_and_stay_within_slacks_limits() -> None:
    many = [change(str(n), version=str(n) * 99, actor="&" * 99, title="&" * 99) for n in range(40)]
    (post,) = posts(news.told(incident(), many, None, NOON))
    assert len(post.text.split("\n")) == news.MOST + 1
    check(Card(text=fallback(post.text), blocks=post.blocks))
    assert news.told(incident(), [change("late")], replace(post, version=1), NOON) == Decision()
