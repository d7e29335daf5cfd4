"""After an act: look on until what is wanted is what runs, and stays so; say once when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import promises
from bot.cards import gitops as cards
from bot.dangers import SICK, Figures
from bot.decision import Card, Decision, SendPost, WatchRollout
from bot.intents import LEAVES
from bot.model import Entry, EntryKind, Post, Request, RequestState, Rollout, RolloutPhase, Verb, Vigil
from bot.policy import Policy
from bot.promises import holds, put_back
from bot.proof import shows
from bot.text import when

HELD = "held"
FIRST_LOOK = timedelta(seconds=10)  # Argo CD heals after five


def begin(request: Request, others: Sequence[Vigil], policy: Policy, now: datetime) -> Decision:
    """What came true is watched, and a rollback that was put back before that. It ends the vigils before it."""
    failed = request.state is RequestState.FAILED and request.verb is Verb.ROLLBACK
    if request.state is not RequestState.DONE and not failed:
        return Decision()
    ended = Decision(save=tuple(replace(vigil, ended_at=now) for vigil in others if vigil.id != request.id))
    vigil = Vigil(
        id=request.id,
        service=request.service,
        environment=request.environment,
        incident=request.incident,
        channel=request.channel,
        revision=request.to_revision,
        revision_version=request.to_version,
        since=now,
        until=now + policy.vigil_lasts,
    )
    first = now if failed else now + min(FIRST_LOOK, policy.vigil_every)
    return ended + Decision(save=(vigil,), do=(WatchRollout(vigil.id, due=first),))


def looked(
    vigil: Vigil,
    request: Request,
    rollout: Rollout,
    figures: Figures | None,
    policy: Policy,
    now: datetime,
    *,
    acting: bool = False,
    doubts: Sequence[str] | None = None,
) -> Decision:
    """What one look at the rollout means. `rollout` is examined where it is not as wanted.

    `doubts`: why all is not well by the probes of the service, None where it has none.
    `acting`: something else is being done to it on our behalf, and whoever asked for that hears of it.
    """
    if vigil.ended_at is not None:
        return Decision()
    if acting:
        return _go_on(vigil, request, policy, now, "something else was asked for")
    if holds(request, rollout):
        return _holding(vigil, request, good(rollout, figures, doubts or ()), doubts is not None, policy, now)
    if why := promises.overtaken(request, rollout):
        return _ended(vigil, now, f"overtaken: {why}")
    if put_back(request, rollout):
        return _put_back(vigil, request, rollout, policy, now)
    if why := promises.broken(request, rollout):
        return _broken(vigil, request, rollout, why, now)
    return _go_on(vigil, request, policy, now, _on_its_way(request, rollout))


def looks_broken(request: Request, rollout: Rollout) -> bool:
    """Worth a closer look: who has done it, and what would last."""
    return put_back(request, rollout) or bool(promises.broken(request, rollout))


def _on_its_way(request: Request, rollout: Rollout) -> str:
    so_far = "not known to have held" if request.verb in LEAVES else "it is not over yet"
    return f"{so_far}; the cluster shows {shows(rollout)}"


def good(rollout: Rollout, figures: Figures | None, doubts: Sequence[str] = ()) -> str:
    """Why the evidence is not good; "" where it is. Missing data is not green."""
    if rollout.phase is not RolloutPhase.HEALTHY and not rollout.aborted:
        return f"it is {rollout.phase}"
    if rollout.stable_available < rollout.desired:
        return f"{rollout.stable_available}/{rollout.desired} replicas available"
    if doubts:
        return "; ".join(doubts)
    if figures is None or not figures.configured:
        return ""
    version = rollout.stable.version if rollout.stable else ""
    errors = figures.of(version)
    if figures.missing or errors is None:
        return f"no error figures for {version}" + (f" ({figures.missing})" if figures.missing else "")
    return f"{version} fails {errors:.1%} of requests" if errors >= SICK else ""


def _holding(vigil: Vigil, request: Request, unwell: str, probed: bool, policy: Policy, now: datetime) -> Decision:
    back = replace(vigil, broken_at=None)
    noted = Decision()
    if vigil.broken_at is not None:
        noted = Decision(save=(back,), note=(_entry(vigil, now, f"{vigil.revision_version} serves again"),))
    if now < vigil.until:
        return noted + Decision(do=(_again(vigil, policy, now),))
    # A pause is no cure: how the release does that it keeps from going on is for people to see.
    if request.verb is not Verb.PAUSE and unwell:
        text = f"{promises.title(request)} {HELD}, but I cannot call it well: {unwell}"
        return _post(vigil, "unwell", cards.words_of(text)) + _ended(back, now, text)
    proof = ", and its probes are good" if probed and not unwell else ""
    return _ended(back, now, f"{promises.title(request)} {HELD}{proof}")


def _broken(vigil: Vigil, request: Request, rollout: Rollout, why: str, now: datetime) -> Decision:
    """Said once, and nothing more is looked for: what stands still or goes on now does so for people to see."""
    over = replace(vigil, broken_at=now, told=why)
    text = f"the {promises.title(request)} did not hold: {why}"
    return _post(vigil, "broken", cards.not_held(request, rollout, why)) + _ended(over, now, text)


def _put_back(vigil: Vigil, request: Request, rollout: Rollout, policy: Policy, now: datetime) -> Decision:
    who = rollout.written_by or "somebody"
    what = f"{request.from_version} was put back by {_named(rollout, who)}"
    if vigil.broken_at is not None:
        return _go_on(vigil, request, policy, now, f"it did not stick: {what}")
    broken = replace(vigil, broken_at=rollout.written_at or now, told=vigil.told or what)
    text = f"the {promises.noun(request)} of {vigil.called} did not stick: {what}"
    noted = Decision(note=(_entry(vigil, now, text),))
    if vigil.told:  # said already: it only swings to and fro
        return noted + _go_on(broken, request, policy, now, what)
    at = f" at {when(rollout.written_at)}" if rollout.written_at else ""
    card = cards.put_back(vigil, request, rollout, _named(rollout, who), at)
    return noted + _post(vigil, "put-back", card) + _go_on(broken, request, policy, now, what)


def _named(rollout: Rollout, who: str) -> str:
    return f"{rollout.keeper} ({who})" if rollout.keeper and rollout.keeper.name else who


def unseen(vigil: Vigil, request: Request, why: str, policy: Policy, now: datetime) -> Decision:
    """The cluster does not answer: nothing is known, and nothing is said before the time is up."""
    return Decision() if vigil.ended_at else _go_on(vigil, request, policy, now, f"not known whether it held; {why}")


def _go_on(vigil: Vigil, request: Request, policy: Policy, now: datetime, why: str) -> Decision:
    if now >= vigil.until:
        return _ended(vigil, now, f"watch over the {promises.noun(request)} of {vigil.called} ends: {why}")
    return Decision(save=(vigil,), do=(_again(vigil, policy, now),))


def _again(vigil: Vigil, policy: Policy, now: datetime) -> WatchRollout:
    return WatchRollout(vigil.id, due=min(now + policy.vigil_every, max(now, vigil.until)))


def _ended(vigil: Vigil, now: datetime, why: str) -> Decision:
    return Decision(save=(replace(vigil, ended_at=now),), note=(_entry(vigil, now, why),))


def _post(vigil: Vigil, name: str, card: Card) -> Decision:
    if not vigil.channel:
        return Decision()
    post = Post(
        id=f"{vigil.id}/{name}",
        incident=vigil.incident,
        channel=vigil.channel,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def _entry(vigil: Vigil, now: datetime, text: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, incident=vigil.incident, source=vigil.id)
