"""Every verb on a canary in every phase, with our webhooks and without: what is answered, sent or refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.canaries import with_gates
from bot.errors import ProviderError, Refused
from bot.gated import by_gates
from bot.gates import Kind
from bot.intents import Intent
from bot.model import Gate, Hold, Request, RequestState, Rollout, Stable, Verb
from bot.preflight import Surroundings
from bot.rollouts import propose
from handlers.providers.deployment import HASH
from handlers.providers.flagger import analysed_again, next_call
from handlers.providers.flagger_status import SKIPPED_FOR, Seen, template_of, understand
from handlers.providers.workloads import Call
from tests.canary import NAME, TYPES, WEIGHTS, canary, hooks
from tests.providers.shops import target
from tests.values import NOON, minutes

Json = dict[str, Any]

# ---------------------------------------------------------------- what may be done

GATE = "at our gates"
SUSPEND, RESUME = "spec.suspend=true", "spec.suspend=false"
FAIL, SKIP = "status.failedChecks=3", "spec.skipAnalysis=true"
RESUME_AND_SKIP, AGAIN, UNDO = "spec.skipAnalysis=true spec.suspend=false", "spec.skipAnalysis=false", "template=v41"
CELLS: dict[str, tuple[Intent, list[str]]] = {
    "hold": (Intent.PAUSE, [GATE]),
    "suspend": (Intent.PAUSE, [SUSPEND]),
    "unhold": (Intent.RESUME, [GATE]),
    "unsuspend": (Intent.RESUME, [RESUME]),
    "once": (Intent.RESUME, [GATE]),
    "order": (Intent.ABORT, [GATE]),
    "fail": (Intent.ABORT, [FAIL]),
    "fail,lift": (Intent.ABORT, [FAIL, RESUME]),
    "skip…again": (Intent.PROMOTE_FULLY, [SKIP, AGAIN]),
    "lift+skip…again": (Intent.PROMOTE_FULLY, [RESUME_AND_SKIP, AGAIN]),
    "undo": (Intent.UNDO, [UNDO]),
    "skip,undo…again": (Intent.UNDO_FULLY, [SKIP, UNDO, AGAIN]),
}
REFUSALS = {
    "-idle": "there is nothing to pause",
    "-already": "already paused by hand",
    "-return": "on its way back; a pause would stop that",
    "-running": "is not paused; there is nothing to resume",
    "-itself": "goes on by itself at its next tick",
    "-held": "Somebody paused",
    "-first": "first deploy",
    "-stable": "is fully promoted",
    "-unseen": "has not seen that yet",
    "-aborted": "looks at it again only when its template changes; to",
    "-fully": "already being promoted fully",
    "-back": "is already aborted",
    "-retry": "cannot be started over",
    "-unknown": "not seen an earlier revision",
    "-here": "is already at v41",
    "-started": "has not started",
    "-deaf": "does not look whether its analysis is to be skipped",
    "-foreign": "is not one of mine",
}
VERBS = ("pause", "resume", "promote", "--full", "abort", "retry", "rollback", "--now", "--to v41")

# ---------------------------------------------------------------- the tables

GATED = """
first deploy          | hold     -running  -first   -first          -first     -retry -first     -first          -first
idle                  | -idle    -running  -stable  -stable         -stable    -retry -unknown   -unknown        -here
waiting to start      | hold     once      once     -deaf           -started   -retry -started   -started        -started
under analysis        | hold     -running  -itself  skip…again      order      -retry order      order           order
told to wait          | hold     once      once     skip…again      order      -retry order      order           order
held by a person      | -already unhold    -held    skip…again      order      -retry order      order           order
suspended             | -already unsuspend -held    lift+skip…again fail,lift  -retry fail,lift  fail,lift       fail,lift
waiting for promotion | hold     once      once     skip…again      order      -retry order      order           order
analysis skipped      | hold     -running  -fully   -fully          order      -retry order      order           order
promoting             | -idle    -running  -stable  -stable         -stable    -retry undo       skip,undo…again undo
failed                | -return  -aborted  -aborted -aborted        -back      -retry -back      -back           undo
failed, mended        | -idle    -running  -stable  -stable         -stable    -retry -unknown   -unknown        -here
not seen yet          | hold     -running  -unseen  -unseen         -unseen    -retry -unseen    -unseen         -unseen
finished              | -idle    -running  -stable  -stable         -stable    -retry undo       skip,undo…again undo
"""  # noqa: E501
BARE = """
first deploy          | suspend  -running  -first   -first          -first     -retry -first     -first          -first
idle                  | -idle    -running  -stable  -stable         -stable    -retry -unknown   -unknown        -here
waiting to start      | suspend  -foreign  -foreign -deaf           -started   -retry -started   -started        -started
under analysis        | suspend  -running  -itself  skip…again      fail       -retry fail       fail            fail
suspended             | -already unsuspend -held    lift+skip…again fail,lift  -retry fail,lift  fail,lift       fail,lift
waiting for promotion | suspend  -foreign  -foreign skip…again      fail       -retry fail       fail            fail
analysis skipped      | suspend  -running  -fully   -fully          fail       -retry fail       fail            fail
promoting             | -idle    -running  -stable  -stable         -stable    -retry undo       skip,undo…again undo
failed                | -return  -aborted  -aborted -aborted        -back      -retry -back      -back           undo
failed, mended        | -idle    -running  -stable  -stable         -stable    -retry -unknown   -unknown        -here
not seen yet          | suspend  -running  -unseen  -unseen         -unseen    -retry -unseen    -unseen         -unseen
finished              | -idle    -running  -stable  -stable         -stable    -retry undo       skip,undo…again undo
"""  # noqa: E501


def rows(table: str) -> dict[str, dict[str, str]]:
    """Phase → verb → cell."""
    lines = [line.split("|") for line in table.strip().splitlines()]
    return {phase.strip(): dict(zip(VERBS, cells.split(), strict=True)) for phase, cells in lines}


TABLE = {"our webhooks": rows(GATED), "none of them": rows(BARE)}

# ---------------------------------------------------------------- the cluster in each phase

ALONE = {"first deploy", "idle"}  # v41 is all there ever was
AT_REST = {"failed, mended"}
PHASES: dict[str, Json] = {
    "first deploy": {"phase": "Initializing"},
    "idle": {"phase": "Initialized"},
    "waiting to start": {"phase": "Waiting"},
    "under analysis": {"phase": "Progressing", "canaryWeight": 20},
    "told to wait": {"phase": "Progressing", "canaryWeight": 20},
    "held by a person": {"phase": "Progressing", "canaryWeight": 20},
    "suspended": {"phase": "Progressing", "canaryWeight": 20},
    "waiting for promotion": {"phase": "WaitingPromotion", "canaryWeight": 0},
    "analysis skipped": {"phase": "Progressing", "canaryWeight": 20},
    "promoting": {"phase": "Promoting"},
    "failed": {"phase": "Failed"},
    "failed, mended": {"phase": "Failed"},
    "not seen yet": {"phase": "Succeeded"},
    "finished": {"phase": "Succeeded"},
}
ONLY_WITH_GATES = {"told to wait", "held by a person"}
PROMOTED = {"promoting": "v42", "finished": "v42"}  # what the primary runs, else v41
SPECS: dict[str, Json] = {"suspended": {"suspend": True}, "analysis skipped": {"skipAnalysis": True}}


def template(version: str) -> Json:
    return {
        "metadata": {"labels": {"app": NAME}},
        "spec": {"containers": [{"name": "app", "image": f"shop/{NAME}:{version}"}]},
    }


def replica_set(version: str, number: int) -> Json:
    hash, made = f"hash{version[1:]}", template(version)
    made["metadata"]["labels"] |= {HASH: hash}
    return {
        "metadata": {
            "labels": {HASH: hash},
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"uid": "u1", "controller": True}],
        },
        "spec": {"template": made},
        "status": {"availableReplicas": 4},
    }


def deployment(name: str, made: Json) -> Json:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 4)
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": "u1", "generation": 1, "resourceVersion": "9"},
        "spec": {"replicas": 4, "template": made},
        "status": {"observedGeneration": 1} | counts,
    }


def primary(version: str) -> Json:
    """As Flagger copies it: other labels, and a mark."""
    made = template(version)
    made["metadata"] = {"labels": {"app": f"{NAME}-primary"}, "annotations": {"flagger-id": "abc"}}
    return deployment(f"{NAME}-primary", made)


def cluster(wiring: str, phase: str) -> Seen:
    """v42 on its way over v41, but for what the phase says."""
    webhooks = hooks(*TYPES) if wiring == "our webhooks" else hooks(*TYPES, base="http://others/")
    object = copy.deepcopy(canary(WEIGHTS, webhooks))
    object["metadata"] |= {"resourceVersion": "9"}
    object["spec"] |= SPECS.get(phase, {})
    object["status"] = {"lastTransitionTime": "2026-03-05T11:59:00Z", "failedChecks": 0} | PHASES[phase]
    versions = ["v41"] if phase in ALONE else ["v41", "v42"]
    asked = "v41" if phase in ALONE | AT_REST else "v42"
    serving = {} if phase == "first deploy" else primary(PROMOTED.get(phase, "v41"))
    sets = tuple(replica_set(version, number) for number, version in enumerate(versions, 1))
    return Seen(object, deployment(NAME, template(asked)), serving, sets)


def shown(seen: Seen, phase: str) -> Rollout:
    """With what only we know of it."""
    rollout = understand(seen, target(NAME), NAME, "production")
    at = NOON - minutes(1)
    hold = Hold(id="h", service=NAME, environment="production", holder="U0BOB", why="", at=at)
    gate = Gate(
        service=NAME, environment="production", gate=Kind.INCREASE, checksum="", phase="", open=False, why="", at=at
    )
    holds = [hold] if phase == "held by a person" else []
    return with_gates(rollout, holds, {Kind.INCREASE: gate} if phase == "told to wait" else {})


# ---------------------------------------------------------------- asked, and done


def asks(seen: Seen, phase: str, verb: str) -> Request:
    stables = [
        Stable(service=NAME, environment="production", revision=f"hash{n}", version=f"v{n}", at=NOON - minutes(99 - n))
        for n in ((42, 41) if phase in PROMOTED else (41,))
    ]
    known = {"--full": Verb.PROMOTE, "--now": Verb.ROLLBACK, "--to v41": Verb.ROLLBACK}
    decision = propose(
        known.get(verb) or Verb(verb),
        shown(seen, phase),
        stables,
        Surroundings(respec=True),  # which is of no use under Flagger
        by="U0DANA",
        channel="C1",
        allowed={"U0DANA"},
        number=1,
        now=NOON,
        to="v41" if verb == "--to v41" else "",
        full=verb in ("--full", "--now"),
    )
    (request,) = [noun for noun in decision.save if isinstance(noun, Request)]
    return replace(request, state=RequestState.CONFIRMED, confirmed_by="U0DANA")


def done(seen: Seen, phase: str, request: Request) -> list[str]:
    """What is answered or sent, with a Flagger that looks when nothing more comes."""
    if by_gates(Intent(request.intent), request.reviewed_wait, understand(seen, target(NAME), NAME, "production")):
        return [GATE]
    sent: list[str] = []
    for _ in range(6):
        call = next_call(seen, understand(seen, target(NAME), NAME, "production"), request, len(sent))
        if call is None and request.state is RequestState.ACTING:
            call = analysed_again(seen)
        if call is not None:
            sent.append(words(call))
            apply(seen, call)
        elif request.state is RequestState.ACTING:
            return sent
        else:
            tick(seen)
            request = replace(request, state=RequestState.ACTING)
    raise AssertionError(f"it never comes to an end: {sent}")


def words(call: Call) -> str:
    if isinstance(call.body, list):
        assert call.path.endswith(f"/deployments/{NAME}")
        return f"template={call.body[1]['value']['spec']['containers'][0]['image'].rpartition(':')[2]}"
    assert call.body["metadata"]["resourceVersion"] == "9"
    (part,) = call.body.keys() - {"metadata"}
    assert (part == "status") is call.status
    return " ".join(sorted(f"{part}.{key}={json.dumps(value)}" for key, value in call.body[part].items()))


def apply(seen: Seen, call: Call) -> None:
    if isinstance(call.body, list):
        seen.target["spec"]["template"] = call.body[1]["value"]
        del seen.__dict__["template"], seen.__dict__["current"]  # cached of the object as it was
        return
    seen.object["metadata"].setdefault("annotations", {}).update(call.body["metadata"].get("annotations", {}))
    for part in ("spec", "status"):
        seen.object[part] |= call.body.get(part, {})


def tick(seen: Seen) -> None:
    """What skips its analysis is promoted."""
    if seen.skips_analysis and not seen.suspended:
        seen.primary["spec"]["template"] = copy.deepcopy(seen.target["spec"]["template"])
        seen.object["status"]["phase"] = "Succeeded"
        seen.__dict__.pop("promoted", None)


CASES = [
    (wiring, phase, verb, cell)
    for wiring, table in TABLE.items()
    for phase, row in table.items()
    for verb, cell in row.items()
]


@pytest.mark.parametrize(("wiring", "phase", "verb", "cell"), CASES)
def test_every_verb_in_every_phase(wiring: str, phase: str, verb: str, cell: str) -> None:
    seen = cluster(wiring, phase)
    if cell in REFUSALS:
        with pytest.raises(Refused) as caught:
            asks(seen, phase, verb)
        assert REFUSALS[cell] in caught.value.why
        assert caught.value.instead.startswith("/rollout")
        return
    intent, calls = CELLS[cell]
    request = asks(seen, phase, verb)
    assert request.intent == intent
    assert done(seen, phase, request) == calls


def test_the_table_is_complete() -> None:
    assert {word for word in VERBS if not word.startswith("--")} == set(Verb)
    assert set(TABLE["our webhooks"]) == set(PHASES)
    assert set(TABLE["none of them"]) == set(PHASES) - ONLY_WITH_GATES
    assert {cell for *_, cell in CASES} == set(CELLS) | set(REFUSALS)


def test_what_is_for_its_gates_is_never_sent_to_the_cluster() -> None:
    seen = cluster("our webhooks", "waiting for promotion")
    request = asks(seen, "waiting for promotion", "promote")
    with pytest.raises(ProviderError, match="opened where it asks") as caught:
        next_call(seen, shown(seen, "waiting for promotion"), request)
    assert caught.value.permanent


def test_a_skip_that_somebody_else_set_is_left_alone() -> None:
    seen = cluster("none of them", "finished")
    seen.object["spec"]["skipAnalysis"] = True
    assert analysed_again(seen) is None
    seen.object["metadata"]["annotations"] = {SKIPPED_FOR: "hash42"}
    call = analysed_again(seen)
    assert call is not None
    assert call.body["metadata"]["annotations"] == {SKIPPED_FOR: None}
    assert template_of(seen.sets[0]) == template("v41")
