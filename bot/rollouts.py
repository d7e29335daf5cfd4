"""The life of one action on a rollout: proposed, confirmed, sent, proven.

Everything is compared with what was reviewed. What the cluster shows afterwards is the outcome, never what we sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import skews
from bot.cards import rollout as cards
from bot.decision import ActOnRollout, Card, Decision, PostCard, SendPost, VerifyRollout
from bot.errors import Moved, ProviderError, Refused
from bot.intents import UNDER_WAY, Plan, plan, waits_for
from bot.model import (
    Assignment,
    Entry,
    EntryKind,
    Incident,
    Post,
    Request,
    RequestState,
    Rollout,
    RolloutPhase,
    Stable,
    Verb,
)
from bot.policy import Service
from bot.preflight import Safety, Surroundings, preflight
from bot.proof import Finding, failed, fulfilled, judge, moved, shows
from bot.text import code, esc, mention

CHANNEL = "@incident"
PREVIEW_LASTS = timedelta(minutes=10)
ACT_WITHIN = timedelta(minutes=20)  # from the preview: a cluster that comes back later gets no surprise
LOOK_AGAIN = timedelta(seconds=2)
LOOK_SELDOM = timedelta(seconds=10)
SLOW = timedelta(seconds=60)
DEADLINE = timedelta(minutes=30)


# ---------------------------------------------------------------- who may


def who_may(service: Service, roles: Sequence[Assignment], oncall: Collection[str]) -> frozenset[str]:
    """Who may resume, promote and roll back. Pausing is open to everybody."""
    return frozenset({a.user for a in roles if a.user} | set(service.owners) | set(oncall))


def must_be_allowed(by: str, allowed: Collection[str], service: str) -> None:
    if by not in allowed:
        raise Refused(
            f"Only who holds a role in the incident, owns {code(service)} or is on call for it may do that; "
            "nothing was changed. Everybody may pause.",
            instead="/incident role ops",
        )


# ---------------------------------------------------------------- asked


def propose(
    verb: Verb,
    rollout: Rollout,
    stables: Sequence[Stable],
    around: Surroundings,
    *,
    by: str,
    channel: str,
    allowed: Collection[str],
    number: int,
    now: datetime,
    to: str = "",
) -> Decision:
    """A pause is due at once; everything else is first shown to whoever asked. Raises Refused.

    `number` makes the id unique; `channel` is where the outcome goes if there is no incident.
    """
    if verb is not Verb.PAUSE:
        must_be_allowed(by, allowed, rollout.service)
    ended = _overtaken(around.requests, verb, by, now)
    around = replace(around, requests=[r for r in around.requests if r.state not in UNDER_WAY])
    meant = plan(verb, rollout, stables, to)
    checked = preflight(verb, rollout, stables, around, to=to)
    request = _request(verb, meant, rollout, around.incident, channel, by, number, now)
    if verb is Verb.PAUSE:
        risks = "".join(f" Note: {reason}." for reason in checked.reasons if checked.verdict is Safety.RISKY)
        return ended + _confirmed(request, by, now, f"Pausing {code(rollout.service)}. I will report here.{risks}")
    if checked.verdict is Safety.BLOCKED:
        why = "; ".join(str(reason) for reason in checked.reasons if reason.weight is Safety.BLOCKED)
        raise Refused(f"{_title(request)} is blocked: {why}. Nothing was changed.", instead=_check(request))
    return Decision(
        save=(request,),
        note=(_entry(request, now, f"asks for {what(request)}", by),),
        say=cards.preview(request, rollout, checked, PREVIEW_LASTS),
    )


def _check(request: Request) -> str:
    return f"/rollout check {request.service}"


def _overtaken(requests: Sequence[Request], verb: Verb, by: str, now: datetime) -> Decision:
    """One action at a time. But what was sent and only waits for its proof must not keep people from the next: a pause
    may come at once, the rest once it takes long. Raises Refused.
    """
    ended = Decision()
    for request in requests:
        sent_at = request.acted_at if request.state is RequestState.ACTING else None
        if sent_at and (verb is Verb.PAUSE or now - sent_at >= SLOW):
            why = f"overtaken by {verb} before it was proven"
            done = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome=why)
            ended += Decision(save=(done,), note=(_entry(done, now, f"{what(done)} {why}", by),))
        elif request.state in UNDER_WAY:
            who = mention(request.confirmed_by or request.by)
            raise Refused(
                f"{_title(request)}, confirmed by {who}, is still under way; nothing was changed.",
                instead=f"/rollout show {request.service}",
            )
    return ended


def _request(
    verb: Verb,
    meant: Plan,
    rollout: Rollout,
    incident: Incident | None,
    channel: str,
    by: str,
    number: int,
    now: datetime,
) -> Request:
    home = incident.id if incident else "rollout"
    return Request(
        id=f"{home}/{verb}/{rollout.service}/{number}",
        incident=incident.id if incident else "",
        verb=verb,
        service=rollout.service,
        environment=rollout.environment,
        intent=meant.intent.value,
        from_revision=rollout.current.hash,
        from_version=str(rollout.current),
        to_revision=meant.to.hash,
        to_version=str(meant.to),
        reviewed_step=rollout.step,
        reviewed_wait=waits_for(rollout),
        channel=CHANNEL if incident else channel,
        by=by,
        at=now,
    )


def what(request: Request) -> str:
    """ "rollback of checkout: v42 → v41", "pause of checkout at v42"; plain text."""
    if request.from_revision == request.to_revision:
        return f"{request.verb} of {request.service} at {request.from_version}"
    return f"{request.verb} of {request.service}: {request.from_version} → {request.to_version}"


def _title(request: Request) -> str:
    words = esc(what(request))
    return words[0].upper() + words[1:]


# ---------------------------------------------------------------- confirmed or not


def confirm(
    request: Request,
    rollout: Rollout,
    *,
    by: str,
    allowed: Collection[str],
    others: Sequence[Request],
    now: datetime,
) -> Decision:
    """Due now, if the rollout is still where the preview showed it. Raises Refused where nothing is to be saved."""
    must_be_open(request)
    must_be_allowed(by, allowed, request.service)
    ended = _overtaken([other for other in others if other.id != request.id], request.verb, by, now)
    if now - request.at > PREVIEW_LASTS:
        return _withdrawn(request, now, "the preview is older than 10 minutes")
    if why := moved(request, rollout):
        return _withdrawn(request, now, why)
    if fulfilled(request, rollout):
        return _withdrawn(request, now, f"it is done already; the cluster shows {shows(rollout)}")
    return ended + _confirmed(request, by, now, f"{_title(request)}. I will report here.")


def must_be_open(request: Request) -> None:
    if request.confirmed_by:
        raise Refused(f"{_title(request)} was already confirmed by {mention(request.confirmed_by)}.")
    if request.state is not RequestState.PROPOSED:
        raise Refused(f"{_title(request)} was withdrawn; nothing was changed. Ask again to see it anew.")


def _confirmed(request: Request, by: str, now: datetime, say: str) -> Decision:
    confirmed = replace(request, state=RequestState.CONFIRMED, confirmed_by=by)
    verb = "asks for" if request.verb is Verb.PAUSE else "confirms"
    return Decision(
        save=(confirmed,),
        note=(_entry(confirmed, now, f"{verb} {what(confirmed)}", by),),
        do=(ActOnRollout(confirmed.id), *_card(confirmed)),
        say=say,
    )


def _withdrawn(request: Request, now: datetime, why: str) -> Decision:
    gone = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome=why)
    return Decision(
        save=(gone,),
        note=(_entry(gone, now, f"{what(gone)} withdrawn: {why}"),),
        say=f":no_entry: Not done: {esc(why)}. Nothing was changed; ask again to see it as it is now.",
    )


def cancel(request: Request, by: str, now: datetime) -> Decision:
    must_be_open(request)
    gone = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome="cancelled")
    return Decision(
        save=(gone,),
        note=(_entry(gone, now, f"cancels {what(gone)}", by),),
        say=f"{_title(gone)} is cancelled; nothing was changed.",
    )


# ---------------------------------------------------------------- sent


def too_late(request: Request, now: datetime) -> bool:
    return now - request.at > ACT_WITHIN


def acted(request: Request, rollout: Rollout, now: datetime) -> Decision:
    """The cluster took it. `rollout` is what it showed right after, which may be proof already."""
    if request.state is not RequestState.CONFIRMED:
        return Decision()
    acting = replace(request, state=RequestState.ACTING, acted_at=now)
    sent = Decision(note=(_entry(acting, now, f"{what(acting)}: {acting.intent} sent to cluster {rollout.cluster}"),))
    finding = judge(acting, rollout)
    if finding.state is RequestState.ACTING:
        again = VerifyRollout(acting.id, due=now + LOOK_AGAIN)
        return sent + Decision(save=(acting,), do=(again, *_card(acting)))
    return sent + settle(acting, finding, now)


def verify(request: Request, rollout: Rollout, now: datetime, *, told: bool = False) -> Decision:
    """Proven, failed, or look again. `told`: the channel knows already that it takes long."""
    if request.state is not RequestState.ACTING or request.acted_at is None:
        return Decision()
    finding, waited = judge(request, rollout), now - request.acted_at
    if finding.state is not RequestState.ACTING:
        return settle(request, finding, now)
    if waited >= DEADLINE:
        return settle(request, failed(f"not known to be done; the cluster shows {shows(rollout)}"), now)
    again = Decision(do=(VerifyRollout(request.id, due=now + (LOOK_AGAIN if waited < SLOW else LOOK_SELDOM)),))
    return again if told or waited < SLOW else again + _slow(request, finding.why, now)


def unseen(request: Request, error: ProviderError, now: datetime) -> Decision | None:
    """The cluster does not answer: None while there is time to ask again."""
    if request.state is not RequestState.ACTING or request.acted_at is None or now - request.acted_at < DEADLINE:
        return None
    return settle(request, failed(f"not known to be done; {error}"), now)


def gave_up(request: Request, error: ProviderError, now: datetime) -> Decision:
    """The effect will not be tried again: say what is known of the cluster, in the channel."""
    if request.state not in UNDER_WAY:
        return Decision()
    refused = request.state is RequestState.CONFIRMED and error.permanent and not error.unknown
    if refused:
        why = error.message if isinstance(error, Moved) else str(error)
        return settle(request, Finding(RequestState.NOTHING, f"nothing was sent: {why}"), now)
    return settle(request, failed(f"not known to be done; {error}"), now)


# ---------------------------------------------------------------- settled


def settle(request: Request, finding: Finding, now: datetime) -> Decision:
    """The end of a request: on the timeline, in the channel, on the card."""
    settled = replace(request, state=finding.state, settled_at=now, outcome=finding.why)
    words = {RequestState.DONE: "proven", RequestState.NOTHING: "changed nothing"}.get(finding.state, "failed")
    card = cards.outcome(settled, _title(settled))
    posted = _post(settled, "outcome", card)
    return (
        posted
        + _servers(settled, now)
        + Decision(
            save=(settled,),
            note=(_entry(settled, now, f"{what(settled)} {words}: {finding.why}"),),
            do=_card(settled),
        )
    )


def _servers(request: Request, now: datetime) -> Decision:
    """What the cluster calls done may have left a server behind."""
    if request.state is not RequestState.DONE or request.verb is Verb.PAUSE:
        return Decision()
    return skews.after(request.service, request.environment, now)


def _slow(request: Request, why: str, now: datetime) -> Decision:
    text = f":hourglass_flowing_sand: {_title(request)} takes long. The cluster shows {esc(why)}. I keep looking."
    note = Decision(note=(_entry(request, now, f"{what(request)} takes long: {why}"),))
    return _post(request, "slow", cards.words(text)) + note


def slow_post(request: str) -> str:
    """The id of the post that says that a request takes long."""
    return f"{request}/slow"


def _post(request: Request, name: str, card: Card) -> Decision:
    if not request.channel:
        return Decision()
    post = Post(
        id=f"{request.id}/{name}",
        incident=request.incident,
        channel=request.channel,
        text=card.text,
        blocks=card.blocks,
    )
    return Decision(save=(post,), do=(SendPost(post.id),))


def _card(request: Request) -> tuple[PostCard, ...]:
    return (PostCard(request.incident),) if request.incident else ()


def _entry(request: Request, now: datetime, text: str, by: str = "") -> Entry:
    entry = Entry(at=now, kind=EntryKind.ACTION, text=text, incident=request.incident, source=request.id)
    return replace(entry, by=by) if by else entry


# ---------------------------------------------------------------- remembered


def observed(rollout: Rollout, stables: Sequence[Stable], now: datetime) -> Decision:
    """Our own record of what became stable: the cluster keeps none. `stables`: newest first."""
    proven = rollout.observed and rollout.phase is RolloutPhase.HEALTHY and not rollout.in_flight
    if not proven or rollout.stable is None or (stables and stables[0].revision == rollout.stable.hash):
        return Decision()
    stable = Stable(
        service=rollout.service,
        environment=rollout.environment,
        revision=rollout.stable.hash,
        version=str(rollout.stable),
        at=now,
    )
    return Decision(save=(stable,)) + skews.after(rollout.service, rollout.environment, now)
