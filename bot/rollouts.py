"""The life of one action on a rollout: proposed, confirmed, sent, proven.

Everything is compared with what was reviewed. What the cluster shows afterwards is the outcome, never what we sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import skews
from bot.cards import consent as consent_cards
from bot.cards import rollout as cards
from bot.consent import Consent, must_be_allowed, needed
from bot.decision import (
    ActOnRollout,
    Decision,
    ExpireRequest,
    ShowRequest,
    VerifyRollout,
)
from bot.errors import Moved, ProviderError, Refused
from bot.incidents import CHANNEL
from bot.intents import BY_HAND, UNDER_WAY, WITHOUT_STEPS, Intent, Plan, waits_for
from bot.model import (
    Incident,
    Post,
    Request,
    RequestState,
    Rollout,
    RolloutPhase,
    Stable,
    Verb,
    Vote,
)
from bot.policy import WHO, Rule
from bot.preflight import Preflight, Safety, Surroundings, meant_by, preflight
from bot.proof import Finding, failed, judge, progress, shows
from bot.requests import entry, live_card, on_cards, shown, tell, title
from bot.review import (
    APPROVAL_LASTS,
    PREVIEW_LASTS,
    blocked,
    blocked_since,
    facts,
    missing,
    must_be_named,
    reviewed,
    void,
)
from bot.review import what as what
from bot.text import channel as channel_link
from bot.text import code, esc, mention, plural, span

ACT_WITHIN = timedelta(minutes=20)  # from the preview: a cluster that comes back later gets no surprise
LOOK_AGAIN = timedelta(seconds=2)
LOOK_SELDOM = timedelta(seconds=10)
SLOW = timedelta(seconds=60)
DEADLINE = timedelta(minutes=30)


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
    full: bool = False,
    rule: Rule | None = None,
    broken_glass: str = "",
    why: str = "",
) -> Decision:
    """A pause is due at once; everything else is first shown to whoever asked, or to those who have to agree.

    `number` makes the id unique; `channel` is where the outcome goes if there is no incident. `broken_glass`: why the
    rules are to be overridden; `why` a pause is asked for. Raises Refused.
    """
    rule = rule or Rule()
    if verb is not Verb.PAUSE:
        home = around.incident.id if around.incident else ""
        must_be_allowed(by, allowed, rollout.called, home, rule.who)
    ended = _overtaken(around.requests, verb, by, now)
    around = replace(around, requests=[r for r in around.requests if r.state not in UNDER_WAY])
    meant = meant_by(verb, rollout, stables, around, to=to, full=full)
    checked = preflight(verb, rollout, stables, around, to=to, full=full)
    request = _request(verb, meant, rollout, around.incident, channel, by, number, now)
    if verb is Verb.PAUSE:
        risks = "".join(f" Note: {reason}." for reason in checked.reasons if checked.verdict is Safety.RISKY)
        said = f"Pausing {code(rollout.called)}. {_report(request)}{risks}"
        return ended + _confirmed(request, by, now, said, why)
    consent = needed(facts(meant, rollout, around), rule)
    request = reviewed(request, checked, consent, broken_glass)
    if checked.verdict is Safety.BLOCKED and not (request.broken_glass and checked.overridable):
        raise blocked(request, checked, _flags(verb, to, full))
    if request.approvals:
        return _asked(request, rollout, checked, consent, around.incident, set(allowed) - {by})
    return Decision(
        save=(request,),
        note=(entry(request, now, _asks(request), by),),
        do=live_card(request),
        say=cards.preview(request, rollout, checked, PREVIEW_LASTS),
    )


def _flags(verb: Verb, to: str, full: bool) -> str:
    at_once = " --full" if verb is Verb.PROMOTE else " --now"
    return (f" --to {to}" if to else "") + (at_once if full else "")


def _asks(request: Request) -> str:
    why = f", breaking the glass: {request.broken_glass}" if request.broken_glass else ""
    return f"asks for {what(request)}{why}"


def _asked(
    request: Request,
    rollout: Rollout,
    checked: Preflight,
    consent: Consent,
    incident: Incident | None,
    others: Collection[str],
) -> Decision:
    """The card on which others agree, where they are. `others`: who may."""
    count = plural(request.approvals, "approval")
    if not request.channel:
        raise Refused(
            f"{title(request)} needs {count} of others. Ask for it in a channel, so that they see it; "
            "nothing was changed."
        )
    card = consent_cards.asked(request, rollout, checked, consent.why)
    post = Post(
        id=approval_post(request.id),
        incident=request.incident,
        channel=request.channel,
        text=card.text,
        blocks=card.blocks,
    )
    few = f" Only {plural(len(others), 'other person', 'other people')} may agree now." if _few(request, others) else ""
    where = channel_link(incident.channel, incident.channel_name) if incident and incident.channel else "the channel"
    return Decision(
        save=(request, post),
        note=(
            entry(request, request.at, f"{_asks(request)}; {plural(request.approvals, 'approval')} needed", request.by),
        ),
        do=(ShowRequest(request.id), ExpireRequest(request.id, due=request.expires_at), *live_card(request)),
        say=f"{title(request)} needs {count}: {'; '.join(consent.why)}. I asked for it in {where}; it is good for "
        f"{span(APPROVAL_LASTS)}.{few}",
    )


def _few(request: Request, others: Collection[str]) -> bool:
    return len(others) < request.approvals


def approval_post(request: str) -> str:
    """The id of the post on which others agree to a request."""
    return f"{request}/approval"


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
            ended += Decision(save=(done,), note=(entry(done, now, f"{what(done)} {why}", by),))
        elif request.state in UNDER_WAY:
            who = mention(request.confirmed_by or request.by)
            raise Refused(
                f"{title(request)}, confirmed by {who}, is still under way; nothing was changed.",
                instead=f"/rollout show {request.called}",
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


def _report(request: Request) -> str:
    """Where the outcome can be read; what was typed outside of Slack has no channel."""
    return "I will report here." if request.channel else f"Ask for `/rollout show {request.called}` to see it done."


# ---------------------------------------------------------------- confirmed or not


def confirm(
    request: Request,
    rollout: Rollout,
    *,
    by: str,
    allowed: Collection[str],
    others: Sequence[Request],
    now: datetime,
    votes: Iterable[Vote] = (),
    around: Surroundings | None = None,
    stables: Sequence[Stable] = (),
    who: Sequence[str] = WHO,
    name: str = "",
) -> Decision:
    """Due now, if enough have agreed and the rollout is still where the preview showed it.

    `name` is what was typed as the service's. Raises Refused where nothing is to be saved.
    """
    must_be_open(request)
    must_be_allowed(by, allowed, request.called, request.incident, who)
    if left := missing(request, votes):
        raise Refused(
            f"{title(request)} still needs {plural(left, 'approval')} of others; nothing was changed.",
            instead=f"/rollout approve {request.id}",
        )
    must_be_named(request, name)
    ended = _overtaken([other for other in others if other.id != request.id], request.verb, by, now)
    if why := void(request, rollout, allowed, now) or blocked_since(request, rollout, stables, around):
        return withdrawn(request, now, why)
    return ended + _confirmed(request, by, now, f"{title(request)}. {_report(request)}")


def must_be_open(request: Request) -> None:
    if request.confirmed_by:
        raise Refused(f"{title(request)} was already confirmed by {mention(request.confirmed_by)}.")
    if request.state is not RequestState.PROPOSED:
        why = f" ({esc(request.outcome)})" if request.outcome else ""
        raise Refused(f"{title(request)} was withdrawn{why}; nothing was changed. Ask again to see it anew.")


def _confirmed(request: Request, by: str, now: datetime, say: str, why: str = "") -> Decision:
    confirmed = replace(request, state=RequestState.CONFIRMED, confirmed_by=by)
    verb = "asks for" if request.verb is Verb.PAUSE else "confirms"
    broken = f", breaking the glass: {request.broken_glass}" if request.broken_glass else ""
    because = f": {why}" if why else ""
    return Decision(
        save=(confirmed,),
        note=(entry(confirmed, now, f"{verb} {what(confirmed)}{broken}{because}", by),),
        do=(ActOnRollout(confirmed.id), *on_cards(confirmed)),
        say=say,
    )


def withdrawn(request: Request, now: datetime, why: str) -> Decision:
    gone = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome=why)
    return Decision(
        save=(gone,),
        note=(entry(gone, now, f"{what(gone)} withdrawn: {why}"),),
        do=shown(gone),
        say=f":no_entry: Not done: {esc(why)}. Nothing was changed; ask again to see it as it is now.",
    )


def cancel(request: Request, by: str, now: datetime) -> Decision:
    must_be_open(request)
    if by != request.by:
        raise Refused(
            f"{title(request)} is {mention(request.by)}'s to cancel; nothing was changed. You may object to it.",
            instead=f"/rollout object {request.id} why",
        )
    gone = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome="cancelled")
    return Decision(
        save=(gone,),
        note=(entry(gone, now, f"cancels {what(gone)}", by),),
        do=shown(gone),
        say=f"{title(gone)} is cancelled; nothing was changed.",
    )


def expire(request: Request, now: datetime) -> Decision:
    """Nobody confirmed it in time, or not enough agreed."""
    if request.state is not RequestState.PROPOSED or request.expires_at is None:
        return Decision()
    if now < request.expires_at:
        return Decision(do=(ExpireRequest(request.id, due=request.expires_at),))
    return replace(withdrawn(request, now, "nobody confirmed it in time"), say="")


# ---------------------------------------------------------------- sent


def too_late(request: Request, now: datetime) -> bool:
    return now - request.at > ACT_WITHIN


def acted(request: Request, rollout: Rollout, now: datetime, *, how: str = "") -> Decision:
    """The cluster took it. `rollout` is what it showed right after, which may be proof already.

    `how` it was done, where that was not by a call to the cluster.
    """
    if request.state is not RequestState.CONFIRMED:
        return Decision()
    acting = replace(request, state=RequestState.ACTING, acted_at=now)
    how = how or _sent(acting, rollout)
    sent = Decision(note=(entry(acting, now, f"{what(acting)}: {how}"),))
    finding = judge(acting, rollout)
    if finding.state is RequestState.ACTING:
        again = VerifyRollout(acting.id, due=now + LOOK_AGAIN)
        return sent + Decision(save=(acting,), do=(again, *on_cards(acting)))
    return sent + settle(acting, finding, now)


def _sent(request: Request, rollout: Rollout) -> str:
    if rollout.untouched:
        return f"nothing was left to send to cluster {rollout.cluster}, as it is so already"
    return f"{request.intent} sent to cluster {rollout.cluster}"


def in_parts(request: Request, now: datetime) -> bool:
    """Whether a call may still be missing: one that waits until the controller has seen the one before.

    Not long after it was asked for: what comes late is a surprise.
    """
    intent, lifts = Intent(request.intent), request.reviewed_wait == BY_HAND
    two = intent is Intent.UNDO_FULLY or (intent is Intent.PROMOTE_FULLY and lifts)
    return request.state is RequestState.ACTING and two and not too_late(request, now)


def verify(request: Request, rollout: Rollout, now: datetime, *, told: bool = False) -> Decision:
    """Proven, failed, or look again. `told`: the channel knows already that it takes long."""
    if request.state is not RequestState.ACTING or request.acted_at is None:
        return Decision()
    finding, waited = judge(request, rollout), now - request.acted_at
    if finding.state is not RequestState.ACTING:
        return settle(request, finding, now)
    if waited >= DEADLINE:
        far = progress(rollout)
        still = f"not done yet, still moving: {far}" if far else "not known to be done"
        return settle(request, failed(f"{still}; the cluster shows {shows(rollout)}"), now)
    again = Decision(do=(VerifyRollout(request.id, due=now + (LOOK_AGAIN if waited < SLOW else LOOK_SELDOM)),))
    return again if told or waited < SLOW else again + _slow(request, rollout, finding.why, now)


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
        why = f"nothing was sent: {error.message}" if isinstance(error, Moved) else str(error)
        return settle(request, Finding(RequestState.NOTHING, why), now)
    return settle(request, failed(f"not known to be done; {error}"), now)


# ---------------------------------------------------------------- settled


def settle(request: Request, finding: Finding, now: datetime) -> Decision:
    """The end of a request: on the timeline, in the channel, on the card."""
    settled = replace(request, state=finding.state, settled_at=now, outcome=finding.why)
    words = {RequestState.DONE: "proven", RequestState.NOTHING: "changed nothing"}.get(finding.state, "failed")
    card = cards.outcome(settled, title(settled))
    posted = tell(settled, "outcome", card)
    return (
        posted
        + _servers(settled, now)
        + Decision(
            save=(settled,),
            note=(entry(settled, now, f"{what(settled)} {words}: {finding.why}"),),
            do=on_cards(settled),
        )
    )


def _servers(request: Request, now: datetime) -> Decision:
    """What the cluster calls done may have left a server behind."""
    if request.state is not RequestState.DONE or request.verb is Verb.PAUSE:
        return Decision()
    return skews.after(request.service, request.environment, now)


def _slow(request: Request, rollout: Rollout, why: str, now: datetime) -> Decision:
    far = progress(rollout)
    state = f"takes long, still moving: {far}" if far else "takes long"
    if rollout.message and rollout.message not in why:
        why = f"{why}; {rollout.message}"
    text = f":hourglass_flowing_sand: {title(request)} {state}. The cluster shows {esc(why)}. I keep looking."
    note = Decision(note=(entry(request, now, f"{what(request)} {state}: {why}"),))
    return tell(request, "slow", cards.words(text)) + note


def slow_post(request: str) -> str:
    """The id of the post that says that a request takes long."""
    return f"{request}/slow"


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


def unsure(rollout: Rollout) -> bool:
    """Nothing in the cluster says which revision was stable before the one that is coming up."""
    return rollout.strategy in WITHOUT_STEPS and (rollout.stable is None or rollout.in_flight)


def remembered(rollout: Rollout, stables: Sequence[Stable]) -> Rollout:
    """With what we saw being stable, newest first, in the place of what the cluster can only guess."""
    if not unsure(rollout):
        return rollout
    held = {revision.hash: revision for revision in (*rollout.history, rollout.current)}
    known = next((held[stable.revision] for stable in stables if stable.revision in held), None)
    return replace(rollout, stable=known, stable_available=known.available) if known else rollout
