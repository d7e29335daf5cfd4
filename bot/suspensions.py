"""GitOps is switched off for a while: what it was is kept, somebody is reminded, and it is put back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import tasks
from bot.cards import gitops as cards
from bot.consent import must_be_allowed
from bot.decision import Card, Decision, SendPost, SetGitOps, WatchGitOps
from bot.errors import Refused
from bot.incidents import CHANNEL
from bot.model import Entry, EntryKind, Incident, Post, Reverts, Rollout, Suspension, SuspensionState, Task
from bot.policy import WHO, Policy
from bot.text import brief, code, mention

LOOK_AGAIN = timedelta(minutes=1)


def suspend(
    rollout: Rollout,
    held: Suspension | None,
    incident: Incident | None,
    *,
    by: str,
    channel: str,
    allowed: Collection[str],
    number: int,
    now: datetime,
    who: Sequence[str] = WHO,
) -> Decision:
    """`held` is the suspension that there is already. Raises Refused."""
    called, keeper = rollout.called, rollout.keeper
    must_be_allowed(by, allowed, called, incident.id if incident else "", who)
    if held is not None:
        raise Refused(
            f"{brief(str(held), 150)} is switched off already, by {mention(held.by)}; nothing was changed.",
            instead=f"/rollout restore {called}",
        )
    if keeper is None or not keeper.can_be_stopped:
        raise Refused(_why_not(rollout), instead=f"/rollout check {called}")
    suspension = Suspension(
        id=f"{rollout.service}/{rollout.environment}/{number}",
        service=rollout.service,
        environment=rollout.environment,
        incident=incident.id if incident else "",
        channel=CHANNEL if incident else channel,
        tool=keeper.tool,
        kind=keeper.kind,
        namespace=keeper.namespace,
        name=keeper.name,
        setting=keeper.setting,
        commit=keeper.commit,
        by=by,
        at=now,
    )
    parent = f" {brief(keeper.parent, 100)} may switch it on again." if keeper.parent else ""
    return Decision(
        save=(suspension,),
        note=(_entry(suspension, now, f"switches {suspension} off, which was {keeper.setting}", by),),
        do=(SetGitOps(suspension.id),),
        say=f"Switching {brief(str(suspension), 150)} off; I will report here.{parent}",
    )


def _why_not(rollout: Rollout) -> str:
    keeper, called = rollout.keeper, code(rollout.called)
    if keeper is None:
        more = f" Not all could be looked at: {brief(rollout.unexamined, 200)}." if rollout.unexamined else ""
        return f"Nothing that I can switch off puts the spec of {called} back; nothing was changed.{more}"
    name = brief(str(keeper), 100)
    if keeper.reverts is Reverts.NEVER:
        return f"{name} does nothing by itself now; there is nothing to switch off."
    why = f": {brief(keeper.why, 200)}" if keeper.why else ""
    return f"{name} cannot be switched off by me{why}; nothing was changed."


def restore(
    held: Suspension | None,
    called: str,
    *,
    by: str,
    allowed: Collection[str],
    incident: str,
    now: datetime,
    who: Sequence[str] = WHO,
) -> Decision:
    """Raises Refused."""
    must_be_allowed(by, allowed, called, incident, who)
    if held is None:
        raise Refused(
            f"I have switched nothing off for {code(called)}; there is nothing to restore.",
            instead=f"/rollout check {called}",
        )
    if held.state is not SuspensionState.OFF:
        raise Refused(f"{brief(str(held), 150)} is being set just now; ask again in a moment.")
    going = replace(held, state=SuspensionState.RESTORING, ended_by=by)
    return Decision(
        save=(going,),
        note=(_entry(held, now, f"restores {held} to {held.setting}", by),),
        do=(SetGitOps(held.id),),
        say=f"Restoring {brief(str(held), 150)}; I will report here. Then it brings back whatever Git says.",
    )


def was_set(suspension: Suspension, tasks_there: Sequence[Task], policy: Policy, now: datetime) -> Decision:
    """The cluster took it. A follow-up reminds of it from now on, or no longer does."""
    if suspension.state is SuspensionState.WANTED:
        off = replace(suspension, state=SuspensionState.OFF)
        revert = f", after `git revert {off.commit}`" if off.commit else ""
        text = f"{_reminder(off)}{revert}"
        number = len(tasks_there) + 1
        remind = tasks.followup(
            off.incident, number, text, owner=off.by, by=off.by, now=now, after=policy.restore_after
        )
        return (
            Decision(save=(off,), note=(_entry(off, now, f"{off} is switched off"),), do=(_again(off, now),))
            + _post(off, "off", cards.stopped(off))
            + remind
        )
    if suspension.state is SuspensionState.RESTORING:
        ended = replace(suspension, state=SuspensionState.ENDED, outcome="restored")
        said = _post(ended, "restored", cards.restored(ended))
        noted = Decision(save=(ended,), note=(_entry(ended, now, f"{ended} is restored to {ended.setting}"),))
        return said + noted + _reminds_no_more(ended, tasks_there, now)
    return Decision()


def looked(suspension: Suspension, on_by: str, tasks_there: Sequence[Task], now: datetime) -> Decision:
    """`on_by`: who has switched it on again, "" while it is off. Then there is nothing left to restore."""
    if suspension.state is not SuspensionState.OFF:
        return Decision()
    if not on_by:
        return Decision(do=(_again(suspension, now),))
    ended = replace(suspension, state=SuspensionState.ENDED, outcome=f"switched on again by {on_by}")
    said = _post(ended, "switched-on", cards.switched_on(ended, on_by))
    text = f"{ended} was switched on again by {on_by}, and not by me"
    noted = Decision(save=(ended,), note=(_entry(ended, now, text),))
    return said + noted + _reminds_no_more(ended, tasks_there, now)


def cleared(suspension: Suspension, tasks_there: Sequence[Task], now: datetime) -> Decision:
    """The stage that it was on is no more, so there is nothing to restore."""
    ended = replace(suspension, state=SuspensionState.ENDED, outcome="the drill is over")
    return Decision(save=(ended,)) + _reminds_no_more(ended, tasks_there, now)


def looked_after(off: Sequence[Suspension]) -> Decision:
    """Each is looked at now, and then again and again: an earlier version did not look."""
    return Decision(do=tuple(WatchGitOps(suspension.id) for suspension in off))


def unseen(suspension: Suspension, now: datetime) -> Decision:
    """Whether it is still off is not known: it is looked at again, and restored when somebody asks for it."""
    return Decision(do=(_again(suspension, now),)) if suspension.state is SuspensionState.OFF else Decision()


def _again(suspension: Suspension, now: datetime) -> WatchGitOps:
    return WatchGitOps(suspension.id, due=now + LOOK_AGAIN)


def _reminder(suspension: Suspension) -> str:
    return f"restore {suspension} of {suspension.called} with /rollout restore {suspension.called}"


def _reminds_no_more(suspension: Suspension, tasks_there: Sequence[Task], now: datetime) -> Decision:
    mine = [task for task in tasks_there if task.text.startswith(_reminder(suspension))]
    return sum((tasks.moot(task, suspension.outcome, now) for task in mine), Decision())


def gave_up(suspension: Suspension, why: str, tasks_there: Sequence[Task], now: datetime, *, moved: bool) -> Decision:
    """It will not be tried again by itself. A restore that failed may be asked for once more, but where somebody has
    set it otherwise there is nothing left to restore.
    """
    off = suspension.state is SuspensionState.WANTED
    if not off and suspension.state is not SuspensionState.RESTORING:
        return Decision()
    after = SuspensionState.ENDED if off or moved else SuspensionState.OFF
    ended = replace(suspension, state=after, outcome=why)
    words = "was not switched off" if off else "was not restored"
    said = _post(ended, f"failed-{suspension.version}", cards.not_done(ended, why, off=off))
    left = _reminds_no_more(ended, tasks_there, now) if moved else Decision()
    # It stands as it was, so whether somebody else switches it on is still of interest.
    again = Decision(do=(_again(ended, now),)) if ended.state is SuspensionState.OFF else Decision()
    return said + Decision(save=(ended,), note=(_entry(ended, now, f"{ended} {words}: {why}"),)) + left + again


def _post(suspension: Suspension, name: str, card: Card) -> Decision:
    if not suspension.channel:
        return Decision()
    post = Post(
        id=f"{suspension.incident or 'rollout'}/gitops/{suspension.id}/{name}",
        incident=suspension.incident,
        channel=suspension.channel,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def _entry(suspension: Suspension, now: datetime, text: str, by: str = "") -> Entry:
    entry = Entry(at=now, kind=EntryKind.ACTION, text=text, incident=suspension.incident, source=suspension.id)
    return replace(entry, by=by) if by else entry
