"""GitOps switched off for a while: what is kept, who is reminded, and how it is put back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import suspensions
from bot.decision import Decision, RemindTask, SetGitOps, WatchGitOps
from bot.errors import Refused
from bot.model import Keeper, Post, Reverts, Rollout, Suspension, SuspensionState, Task
from bot.policy import Policy
from tests.blockkit import check_message
from tests.bot.rollout_values import idle
from tests.values import NOON, incident, minutes

DANA = "U0DANA"
LOOKS = WatchGitOps("checkout/production/1", due=NOON + minutes(1))
KEEPER = Keeper(
    tool="Argo CD",
    kind="Application",
    name="shop",
    namespace="argocd",
    reverts=Reverts.AT_ONCE,
    setting='{"selfHeal":true}',
    commit="d34c3f3b",
)


def suspend(rollout: Rollout | None = None, held: Suspension | None = None, by: str = DANA) -> Decision:
    return suspensions.suspend(
        rollout or idle(keeper=KEEPER),
        held,
        incident(7),
        by=by,
        channel="C1",
        allowed={DANA},
        number=1,
        now=NOON,
    )


def asked(**other: Any) -> Suspension:
    found = next(noun for noun in suspend().save if isinstance(noun, Suspension))
    return replace(found, **{"version": 1} | other)


def restore(held: Suspension | None, by: str = DANA) -> Decision:
    return suspensions.restore(held, "checkout", by=by, allowed={DANA}, incident="INC-7", now=NOON)


def saved(decision: Decision) -> Suspension:
    return next(noun for noun in decision.save if isinstance(noun, Suspension))


def reminder() -> Task:
    """The follow-up that stands since it was switched off."""
    return tasks(suspensions.was_set(asked(), (), Policy(), NOON))[0]


def tasks(decision: Decision) -> list[Task]:
    return [noun for noun in decision.save if isinstance(noun, Task)]


def posts(decision: Decision) -> list[Post]:
    return [noun for noun in decision.save if isinstance(noun, Post)]


def test_what_it_was_is_kept_before_anything_is_done() -> None:
    decision = suspend()
    held = saved(decision)
    assert (held.state, held.setting, held.commit) == (SuspensionState.WANTED, KEEPER.setting, "d34c3f3b")
    assert decision.do == (SetGitOps(held.id),)
    assert decision.note[0].by == DANA


def test_one_that_would_be_turned_on_again_is_named() -> None:
    decision = suspend(idle(keeper=replace(KEEPER, parent="ApplicationSet all-shops")))
    assert "ApplicationSet all-shops may switch it on again" in str(decision.say)


@pytest.mark.parametrize(
    ("keeper", "why"),
    [
        (None, "Nothing that I can switch off"),
        (replace(KEEPER, reverts=Reverts.NEVER), "nothing to switch off"),
        (
            replace(KEEPER, reverts=Reverts.UNKNOWN, setting="", why="HTTP 403"),
            "cannot be switched off by me: HTTP 403",
        ),
        (Keeper(tool="Helm", kind="release", name="checkout", reverts=Reverts.UPGRADE), "cannot be switched off"),
    ],
)
def test_what_cannot_be_switched_off_is_refused_with_the_reason(keeper: Keeper | None, why: str) -> None:
    with pytest.raises(Refused, match=why):
        suspend(idle(keeper=keeper))


def test_only_who_may_roll_back_may_do_it() -> None:
    for attempt in (lambda: suspend(by="U0EVE"), lambda: restore(asked(state=SuspensionState.OFF), by="U0EVE")):
        with pytest.raises(Refused, match="Only who"):
            attempt()


def test_it_is_not_switched_off_twice() -> None:
    with pytest.raises(Refused, match="switched off already, by <@U0DANA>") as caught:
        suspend(held=asked(state=SuspensionState.OFF))
    assert caught.value.instead == "/rollout restore checkout"


def test_when_it_is_off_somebody_will_be_reminded_to_restore_it_and_to_revert_the_commit() -> None:
    decision = suspensions.was_set(asked(), (), Policy(restore_after=minutes(90)), NOON)
    assert saved(decision).state is SuspensionState.OFF
    task = next(noun for noun in decision.save if isinstance(noun, Task))
    assert task.owner == DANA
    assert "/rollout restore checkout, after `git revert d34c3f3b`" in task.text
    assert RemindTask(task.id, due=NOON + minutes(90)) in decision.do
    (post,) = posts(decision)
    check_message(post.text, post.blocks)
    assert "rollout restore checkout" in str(post.blocks)


def test_restored_is_said_and_over() -> None:
    going = saved(restore(asked(state=SuspensionState.OFF)))
    decision = suspensions.was_set(going, [reminder()], Policy(), NOON)
    assert (saved(decision).state, saved(decision).ended_by) == (SuspensionState.ENDED, DANA)
    assert "as it was before" in posts(decision)[0].text
    assert tasks(decision) == [replace(reminder(), done_at=NOON)]


@pytest.mark.parametrize("state", [SuspensionState.OFF, SuspensionState.ENDED])
def test_an_effect_that_comes_twice_changes_nothing(state: SuspensionState) -> None:
    assert suspensions.was_set(asked(state=state), (), Policy(), NOON) == Decision()
    assert suspensions.gave_up(asked(state=state), "x", (), NOON, moved=False) == Decision()


def test_there_is_nothing_to_restore() -> None:
    with pytest.raises(Refused, match="nothing to restore"):
        restore(None)
    with pytest.raises(Refused, match="just now"):
        restore(asked())


def test_what_was_not_switched_off_is_over() -> None:
    decision = suspensions.gave_up(asked(), "HTTP 403", (), NOON, moved=False)
    assert saved(decision).state is SuspensionState.ENDED
    assert "was not switched off: HTTP 403" in posts(decision)[0].text


def test_what_was_not_restored_may_be_asked_for_again_but_not_over_somebody_else_s_setting() -> None:
    going = asked(state=SuspensionState.RESTORING)
    again = suspensions.gave_up(going, "HTTP 500", [reminder()], NOON, moved=False)
    assert (saved(again).state, tasks(again)) == (SuspensionState.OFF, [])
    assert LOOKS in again.do
    over = suspensions.gave_up(going, "set by others", [reminder()], NOON, moved=True)
    assert (saved(over).state, tasks(over)) == (SuspensionState.ENDED, [replace(reminder(), done_at=NOON)])


# ---------------------------------------------------------------- switched on again by somebody else


def test_while_it_is_off_it_is_looked_at_every_minute_and_nothing_is_said() -> None:
    assert LOOKS in suspensions.was_set(asked(), (), Policy(), NOON).do
    off = asked(state=SuspensionState.OFF)
    assert suspensions.looked(off, "", [reminder()], NOON) == Decision(do=(LOOKS,))
    assert suspensions.unseen(off, NOON) == Decision(do=(LOOKS,))


def test_switched_on_by_somebody_else_is_said_and_nobody_is_reminded_any_more() -> None:
    other = replace(reminder(), id="INC-7/task/1", text="write it down")
    decision = suspensions.looked(asked(state=SuspensionState.OFF), "kubectl-edit", [other, reminder()], NOON)
    assert saved(decision).state is SuspensionState.ENDED
    (post,) = posts(decision)
    check_message(post.text, post.blocks)
    assert "was *switched on again* by kubectl-edit, and not by me" in post.text
    assert "rollout suspend checkout" in str(post.blocks)
    assert tasks(decision) == [replace(reminder(), done_at=NOON)]
    assert "was switched on again by kubectl-edit, and not by me" in decision.note[0].text
    assert LOOKS not in decision.do


@pytest.mark.parametrize("state", [SuspensionState.RESTORING, SuspensionState.ENDED])
def test_what_we_restore_ourselves_is_nobody_elses_doing(state: SuspensionState) -> None:
    assert suspensions.looked(asked(state=state), "watchkeeper", [reminder()], NOON) == Decision()
    assert suspensions.unseen(asked(state=state), NOON) == Decision()


def test_what_is_off_is_looked_at_now() -> None:
    assert suspensions.looked_after([asked(state=SuspensionState.OFF)]).do == (WatchGitOps("checkout/production/1"),)
