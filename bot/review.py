"""What is reviewed before it is done: what it takes to do it, and whether the review still counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape

from bot.consent import Consent, Facts, exposure, irreversible
from bot.errors import Refused
from bot.glass import FLAG
from bot.intents import FULLY, UNDER_WAY, UNDOES, Intent, Plan
from bot.model import Request, Rollout, Stable, Vote
from bot.preflight import Preflight, Safety, Surroundings, preflight
from bot.promises import noun
from bot.proof import fulfilled, moved, shows
from bot.text import code, esc

MENTION = re.compile(r"<@(\w+)>")
PREVIEW_LASTS = timedelta(minutes=10)
APPROVAL_LASTS = timedelta(minutes=15)  # others have to read it first


def what(request: Request) -> str:
    """ "rollback of checkout: v42 → v41", "pause of checkout at v42"; plain text."""
    if request.intent == Intent.PROMOTE_FULLY:
        return f"full promotion of {request.called} at {request.from_version}"
    if request.from_revision == request.to_revision:
        return f"{noun(request)} of {request.called} at {request.from_version}"
    return f"{noun(request)} of {request.called}: {request.from_version} → {request.to_version}"


def facts(meant: Plan, rollout: Rollout, around: Surroundings) -> Facts:
    asking = around.incident if around.near else None  # an incident of something else is no reason for anything here
    near = [incident for incident in (asking, *around.others) if incident and incident.is_open]
    return Facts(
        intent=meant.intent,
        environment=rollout.environment,
        exposure=exposure(meant.intent, rollout, meant.to.hash),
        irreversible=irreversible(rollout, around.deploys),
        severity=min((incident.severity for incident in near), default=None),
    )


def reviewed(request: Request, checked: Preflight, consent: Consent, broken_glass: str) -> Request:
    """With what was shown and what it takes. Glass is broken only where something is behind it."""
    shown = replace(
        request,
        verdict=checked.verdict,
        reasons=tuple(str(reason) for reason in checked.reasons if reason.weight is not Safety.SAFE),
        approvals=consent.approvals,
        typed=consent.typed,
        expires_at=request.at + (APPROVAL_LASTS if consent.approvals else PREVIEW_LASTS),
    )
    if broken_glass and (consent.approvals or checked.verdict is Safety.BLOCKED):
        # Who breaks the glass has typed enough.
        expires_at = request.at + PREVIEW_LASTS
        return replace(shown, approvals=0, typed=False, broken_glass=broken_glass, expires_at=expires_at)
    return shown


def blocked(request: Request, checked: Preflight, flags: str = "") -> Refused:
    """Each reason, and whether it may be overridden. `flags`: what was asked for beside the verb, as it is typed."""
    lines = [
        f"• {reason} ({'nobody can override this' if reason.firm else 'breaking the glass overrides it'})"
        for reason in checked.reasons
        if reason.weight is Safety.BLOCKED
    ]
    why = "\n".join([f"The {esc(what(request))} is blocked; nothing was changed.", *lines])
    ways = [reason.instead for reason in checked.reasons if reason.weight is Safety.BLOCKED]
    if all(ways):  # nothing has to be broken for what anybody may lift
        return Refused(why, instead=ways[0])
    override = f'/rollout {request.verb} {request.called}{flags} {FLAG} "why"'
    return Refused(why, instead=override if checked.overridable else f"/rollout check {request.called}")


def missing(request: Request, votes: Iterable[Vote]) -> int:
    """How many approvals it still needs."""
    return max(0, request.approvals - sum(vote.approves for vote in votes))


def is_named(request: Request, name: str) -> bool:
    """Whether somebody has typed whose request it is; that it is in production needs no word, and may have one."""
    return name in (request.called, f"{request.service} {request.environment}")


def must_be_named(request: Request, name: str) -> None:
    """A name that was typed must be right, also where none is asked for: it says what the person has in mind."""
    if is_named(request, name) or not (name or request.typed):
        return
    typed = f"You typed {code(name, 60)}, but this is" if name else "This is"
    raise Refused(
        f"{typed} the {esc(what(request))}; nothing was changed. Type the service's name to confirm it.",
        instead=f"/rollout confirm {request.id} {request.called}",
    )


def void(request: Request, rollout: Rollout, allowed: Collection[str], now: datetime) -> str:
    """Why what was reviewed no longer counts; "" while it does. Plain text."""
    lasts = (request.expires_at or request.at + PREVIEW_LASTS) - request.at
    if now - request.at > lasts:
        return f"the preview is older than {int(lasts.total_seconds() // 60)} minutes"
    if request.approvals and request.by not in allowed:
        return "whoever asked for it may no longer do that"
    if why := moved(request, rollout):
        return why
    if not fulfilled(request, rollout):
        return ""
    # An abort lifts the pause, too; what was to go on went back.
    back = request.intent == Intent.RESUME and rollout.aborted
    return f"{'it was aborted' if back else 'it is done already'}; the cluster shows {shows(rollout)}"


def blocked_since(request: Request, rollout: Rollout, stables: Sequence[Stable], around: Surroundings | None) -> str:
    """What came to forbid it after it was reviewed, such as a freeze; plain text."""
    if around is None:
        return ""
    around = replace(around, requests=[r for r in around.requests if r.state not in UNDER_WAY])
    intent = Intent(request.intent)
    to = request.to_revision if intent in UNDOES else ""
    checked = preflight(request.verb, rollout, stables, around, to=to, full=intent in FULLY)
    if checked.verdict is not Safety.BLOCKED or (request.broken_glass and checked.overridable):
        return ""
    why = "; ".join(str(r) for r in checked.reasons if r.weight is Safety.BLOCKED)  # mrkdwn, and this is plain text
    return "it is blocked by now: " + unescape(MENTION.sub(r"\1", why))
