"""What is different under Flagger: two Deployments, gates in the place of pauses, and calls that it does not hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.errors import Refused
from bot.gates import UNDER_WAY, Kind
from bot.model import Gate, Hold, Rollout, RolloutPhase, Verb
from bot.text import brief, code, is_person, one_line

FLAGGER = "Flagger canary"
HELD = "held at its gates"
BY_METRICS = "its metrics are still checked, and it still rolls back by itself"


def can_be_held(rollout: Rollout) -> bool:
    """It asks us before each weight and before the promotion, so closing those keeps it where it is."""
    return set(UNDER_WAY) <= set(rollout.gates)


def with_gates(rollout: Rollout, holds: Sequence[Hold], seen: Mapping[str, Gate]) -> Rollout:
    """With what only we know: a hold of a person's, and a weight step that was told to wait."""
    if not rollout.in_flight or rollout.aborted:
        return rollout
    held = next((hold for hold in holds if is_person(hold.holder) and hold.lifted_at is None), None)
    if held and can_be_held(rollout):
        why = f": {one_line(held.why)}" if held.why else ""
        return replace(
            rollout,
            held=not rollout.paused,
            paused=True,
            phase=RolloutPhase.PAUSED,
            message=f"{HELD}{why}; {BY_METRICS}",
        )
    asked = seen.get(Kind.INCREASE)
    if rollout.waiting or rollout.paused or Kind.INCREASE not in rollout.gates or asked is None or asked.open:
        return rollout
    last = max((gate.at for gate in seen.values() if gate.gate in UNDER_WAY), default=asked.at)
    newer = (gate for kind, gate in seen.items() if kind != Kind.DEPLOY and gate.at > asked.at)
    if asked.at < last or any(gate.checksum != asked.checksum for gate in newer):
        return rollout  # it has gone on to ask for its promotion since, or that was another revision
    return replace(rollout, waiting=Kind.INCREASE.value, for_person=True, phase=RolloutPhase.PAUSED, message=asked.why)


def must_be_heard(verb: Verb, rollout: Rollout, *, full: bool) -> None:
    """Raises Refused where Flagger would not hear it, or hear something else than the word says."""
    called, show = rollout.called, f"/rollout show {rollout.called}"
    if verb is Verb.RETRY:
        raise Refused(
            f"{code(called)} is a Canary, which cannot be started over: Flagger analyses a revision again only when "
            "its template changes. Deploy it again.",
            instead=show,
        )
    if not rollout.in_flight or rollout.aborted or not rollout.observed:
        return
    if verb in (Verb.ABORT, Verb.ROLLBACK) and rollout.waiting == Kind.START:
        raise Refused(
            f"{brief(str(rollout.current), 100)} of {code(called)} has not started: it waits at its gate "
            f"{Kind.START} and has no traffic, and there Flagger hears no order to roll back. Keep the gate closed, "
            "and deploy something else.",
            instead=f'/rollout freeze {called} --for 2h --why "…"',
        )
    if verb is Verb.PROMOTE and full and rollout.waiting == Kind.START:
        raise Refused(
            f"{code(called)} waits at its gate {Kind.START}, where Flagger does not look whether its analysis is to "
            "be skipped. Let it start first.",
            instead=f"/rollout promote {called}",
        )
    if rollout.paused or rollout.full_promotion or full:
        return
    if verb in (Verb.PROMOTE, Verb.RESUME) and rollout.waiting and rollout.waiting not in rollout.gates:
        raise Refused(
            f"{code(called)} waits at a gate {code(rollout.waiting)} that is not one of mine. Open it where it is.",
            instead=f"/rollout promote {called} --full",
        )
    if verb is Verb.PROMOTE and not rollout.waiting:
        raise Refused(
            f"Nothing holds {code(called)}: Flagger goes on by itself at its next tick, and no step can be skipped.",
            instead=f"/rollout promote {called} --full",
        )
