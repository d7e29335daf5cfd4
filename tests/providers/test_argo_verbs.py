"""Every verb on every strategy in every phase: what is sent to the cluster, in which order, or why it is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import Refused
from bot.intents import Intent
from bot.model import Request, RequestState, Stable, Verb
from bot.preflight import Surroundings
from bot.rollouts import propose
from handlers.providers.argo import Call, next_call
from handlers.providers.argo_status import HASH, Seen, observed, understand
from handlers.providers.argo_template import template_of
from tests.providers.shops import target
from tests.values import NOON, minutes

Json = dict[str, Any]

# ---------------------------------------------------------------- what may be sent

LIFT, RESUME = "spec.paused=false", "status.pauseConditions=null"
ABORT = "status.abort=true status.promoteFull=false"
FULL, UNDO, WAIT = "status.promoteFull=true", "spec.template=v41", "…"  # WAIT: until the controller has seen it
CELLS: dict[str, tuple[Intent, list[str]]] = {
    "pause": (Intent.PAUSE, ["spec.paused=true"]),
    "lift": (Intent.RESUME, [LIFT]),
    "resume": (Intent.RESUME, [RESUME]),
    "complete": (Intent.RESUME, [f"status.controllerPause=false status.currentStepIndex=3 {RESUME}"]),
    "skip": (Intent.SKIP, [f"status.currentStepIndex=+1 {RESUME}"]),
    "full": (Intent.PROMOTE_FULLY, [FULL]),
    "lift…full": (Intent.PROMOTE_FULLY, [LIFT, WAIT, FULL]),
    "let-go": (Intent.PROMOTE_FULLY, [LIFT]),  # the full promotion is asked for already
    "abort": (Intent.ABORT, [ABORT]),
    "abort,lift": (Intent.ABORT, [ABORT, LIFT]),
    "finish": (Intent.ABORT, [LIFT]),
    "abort,undo": (Intent.ABORT_UNDO, [ABORT, UNDO]),
    "abort,undo,lift": (Intent.ABORT_UNDO, [ABORT, UNDO, LIFT]),
    "retry": (Intent.RETRY, ["status.abort=false"]),
    "undo": (Intent.UNDO, [UNDO]),
    "undo,lift": (Intent.UNDO, [UNDO, LIFT]),
    "undo…full": (Intent.UNDO_FULLY, [UNDO, WAIT, FULL]),
    "undo,lift…full": (Intent.UNDO_FULLY, [UNDO, LIFT, WAIT, FULL]),
}
REFUSALS = {
    "-idle": "there is nothing to pause",
    "-already": "already paused by hand",
    "-return": "on its way back; a pause would stop that",
    "-running": "is not paused; there is nothing to resume",
    "-held": "Somebody paused",
    "-first": "first deploy",
    "-stable": "is fully promoted",
    "-unseen": "has not seen that yet",
    "-aborted": "was aborted; to",
    "-dropped": "would drop the abort and give it all the traffic",
    "-fully": "already being promoted fully",
    "-last": "no step left",
    "-back": "is already aborted",
    "-alive": "is not aborted; there is nothing to start over",
    "-unknown": "not seen an earlier revision",
    "-here": "is already at v41",
    "-switched": "puts an abort off",
}

# ---------------------------------------------------------------- the table

# respec: a rollback with the policy that the spec is mended too.
VERBS = ("pause", "resume", "promote", "--full", "abort", "retry", "rollback", "--now", "--to v41", "respec")
CANARY = """
first deploy                | pause    -running -first   -first    -first     -alive -first     -first         -first     -first
idle                        | -idle    -running -stable  -stable   -stable    -alive -unknown   -unknown       -here      -unknown
in a setWeight              | pause    -running skip     full      abort      -alive abort      abort          abort      abort,undo
at a timed pause            | pause    resume   resume   full      abort      -alive abort      abort          abort      abort,undo
at an open-ended pause      | pause    resume   resume   full      abort      -alive abort      abort          abort      abort,undo
running analysis            | pause    -running skip     full      abort      -alive abort      abort          abort      abort,undo
inconclusive analysis       | pause    complete complete full      abort      -alive abort      abort          abort      abort,undo
after its last step         | pause    -running -last    -last     abort      -alive abort      abort          abort      abort,undo
paused by hand              | -already lift     -held    lift…full abort,lift -alive abort,lift abort,lift     abort,lift abort,undo,lift
aborted                     | -return  -aborted -aborted -dropped  -back      retry  -back      -back          undo       undo
aborted, paused by hand     | -already lift     -aborted -dropped  finish     -held  finish     finish         undo,lift  undo,lift
full promotion pending      | pause    -running -fully   -fully    abort      -alive abort      abort          abort      abort,undo
pending, paused by hand     | -already lift     -held    let-go    abort,lift -alive abort,lift abort,lift     abort,lift abort,undo,lift
unobserved                  | pause    -running -unseen  -unseen   -unseen    -alive -unseen    -unseen        -unseen    -unseen
finished                    | -idle    -running -stable  -stable   -stable    -alive undo       undo…full      undo       undo
finished, paused by hand    | -already lift     -stable  -stable   -stable    -alive undo,lift  undo,lift…full undo,lift  undo,lift
finished, in the window     | -idle    -running -stable  -stable   -stable    -alive undo       undo           undo       undo
degraded after finish       | -idle    -running -stable  -stable   -stable    -alive undo       undo…full      undo       undo
"""  # noqa: E501
BLUE_GREEN = """
first deploy                | pause    -running -first   -first    -first     -alive -first     -first         -first     -first
idle                        | -idle    -running -stable  -stable   -stable    -alive -unknown   -unknown       -here      -unknown
pods coming up              | pause    -running -last    full      abort      -alive abort      abort          abort      abort,undo
at a timed pause            | pause    resume   resume   full      abort      -alive abort      abort          abort      abort,undo
at an open-ended pause      | pause    resume   resume   full      abort      -alive abort      abort          abort      abort,undo
running analysis            | pause    -running -last    full      abort      -alive abort      abort          abort      abort,undo
inconclusive analysis       | pause    resume   resume   full      abort      -alive abort      abort          abort      abort,undo
paused by hand              | -already lift     -held    lift…full abort,lift -alive abort,lift abort,lift     abort,lift abort,undo,lift
aborted                     | -return  -aborted -aborted -dropped  -back      retry  -back      -back          undo       undo
aborted, paused by hand     | -already lift     -aborted -dropped  finish     -held  finish     finish         undo,lift  undo,lift
full promotion pending      | pause    -running -fully   -fully    abort      -alive abort      abort          abort      abort,undo
pending, paused by hand     | -already lift     -held    let-go    abort,lift -alive abort,lift abort,lift     abort,lift abort,undo,lift
after the switch            | pause    -running -last    full      -switched  -alive undo       undo           undo       undo
switched, paused by hand    | -already lift     -held    lift…full -switched  -alive undo,lift  undo,lift      undo,lift  undo,lift
switched, then aborted      | -return  -aborted -aborted -dropped  -switched  retry  undo       undo           undo       undo
unobserved                  | pause    -running -unseen  -unseen   -unseen    -alive -unseen    -unseen        -unseen    -unseen
finished                    | -idle    -running -stable  -stable   -stable    -alive undo       undo…full      undo       undo
finished, paused by hand    | -already lift     -stable  -stable   -stable    -alive undo,lift  undo,lift…full undo,lift  undo,lift
finished, old pods still up | -idle    -running -stable  -stable   -stable    -alive undo       undo…full      undo       undo
degraded after finish       | -idle    -running -stable  -stable   -stable    -alive undo       undo…full      undo       undo
"""  # noqa: E501


def rows(table: str) -> dict[str, dict[str, str]]:
    """Phase → verb → cell."""
    lines = [line.split("|") for line in table.strip().splitlines()]
    return {phase.strip(): dict(zip(VERBS, cells.split(), strict=True)) for phase, cells in lines}


TABLE = {
    "canary, routed": rows(CANARY),
    "canary, by pods": rows(CANARY),
    "canary, workloadRef": rows(CANARY),  # the template is put back in the Deployment that it lives in
    "blue-green": rows(BLUE_GREEN),
}

# ---------------------------------------------------------------- the cluster in each phase

STEPS = [{"setWeight": 20}, {"pause": {"duration": "5m"}}, {"analysis": {}}, {"pause": {}}, {"setWeight": 100}]
STRATEGIES: dict[str, Json] = {
    "canary, routed": {"canary": {"steps": STEPS, "trafficRouting": {"nginx": {}}}},
    "canary, by pods": {"canary": {"steps": STEPS}},
    "canary, workloadRef": {"canary": {"steps": STEPS}},
    "blue-green": {"blueGreen": {"activeService": "checkout"}},
}


def waits(reason: str, index: int = 0) -> Json:
    return {
        "status": {
            "currentStepIndex": index,
            "pauseConditions": [{"reason": reason, "startTime": "2026-03-05T11:59:00Z"}],
            "controllerPause": True,
            "phase": "Paused",
        }
    }


def paused(part: Json) -> Json:
    return part | {"spec": part.get("spec", {}) | {"paused": True}}


def analysis(status: str, index: int = 2) -> Json:
    return {"currentStepIndex": index, "canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": status}}}


ABORTED: Json = {"status": {"abort": True, "currentStepIndex": 0, "phase": "Degraded"}}
PENDING: Json = {"status": {"promoteFull": True, "currentStepIndex": 5}}
FINISHED: Json = {"status": {"stableRS": "hash42", "currentStepIndex": 5, "phase": "Healthy"}}
SWITCHED: Json = {"status": {"blueGreen": {"activeSelector": "hash42"}}}
SHARED: dict[str, Json] = {
    "first deploy": {"status": {"stableRS": ""}, "gone": "v41"},
    "idle": {
        "status": {"stableRS": "hash41", "currentPodHash": "hash41", "currentStepIndex": 5, "phase": "Healthy"},
        "gone": "v42",
    },
    "paused by hand": paused({}),
    "aborted": ABORTED,
    "aborted, paused by hand": paused(ABORTED),
    "full promotion pending": PENDING,
    "pending, paused by hand": paused(PENDING),
    "unobserved": FINISHED | {"metadata": {"generation": 4}},
    "finished": FINISHED,
    "finished, paused by hand": paused(FINISHED),
    "degraded after finish": {"status": FINISHED["status"] | {"phase": "Degraded"}},
}
ON_A_CANARY: dict[str, Json] = SHARED | {
    "in a setWeight": {"status": {"currentStepIndex": 0}},
    "at a timed pause": waits("CanaryPauseStep", 1),
    "at an open-ended pause": waits("CanaryPauseStep", 3),
    "running analysis": {"status": analysis("Running")},
    "inconclusive analysis": {"status": waits("InconclusiveAnalysisRun")["status"] | analysis("Inconclusive")},
    "after its last step": {"status": {"currentStepIndex": 5}},
    "finished, in the window": FINISHED | {"spec": {"rollbackWindow": {"revisions": 1}}},
}
ON_A_BLUE_GREEN: dict[str, Json] = SHARED | {
    "pods coming up": {},
    "at a timed pause": waits("BlueGreenPause") | {"blueGreen": {"autoPromotionSeconds": 60}},
    "at an open-ended pause": waits("BlueGreenPause") | {"blueGreen": {"autoPromotionEnabled": False}},
    "running analysis": {
        "status": {"blueGreen": {"prePromotionAnalysisRunStatus": {"name": "a", "status": "Running"}}}
    },
    "inconclusive analysis": waits("InconclusiveAnalysisRun"),
    "after the switch": SWITCHED,
    "switched, paused by hand": paused(SWITCHED),
    "switched, then aborted": {"status": SWITCHED["status"] | ABORTED["status"]},
    "finished, old pods still up": FINISHED | {"kept": "2026-03-05T12:00:20Z"},
}


def phases(strategy: str) -> dict[str, Json]:
    return ON_A_BLUE_GREEN if strategy == "blue-green" else ON_A_CANARY


def replica_set(version: str, number: int, kept: str = "") -> Json:
    hash = f"hash{version[1:]}"
    return {
        "metadata": {
            "labels": {HASH: hash},
            "annotations": {"rollout.argoproj.io/revision": str(number)}
            | ({"scale-down-deadline": kept} if kept else {}),
            "creationTimestamp": f"2026-03-0{number}T09:00:00Z",
            "ownerReferences": [{"uid": "u1", "controller": True}],
        },
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "checkout", HASH: hash}},
                "spec": {"containers": [{"name": "app", "image": f"shop/checkout:{version}"}]},
            }
        },
        "status": {"availableReplicas": 4},
    }


def cluster(strategy: str, phase: str) -> Seen:
    """v42 on its way over v41, but for what the phase says."""
    part = phases(strategy)[phase]
    gone = part.get("gone")
    sets = tuple(
        replica_set(version, number, part.get("kept", "") if number == 1 else "")
        for number, version in enumerate(("v41", "v42"), 1)
        if version != gone
    )
    now = part.get("status", {})
    current = next(rs for rs in sets if rs["metadata"]["labels"][HASH] == now.get("currentPodHash", "hash42"))
    spec = {"replicas": 4, "strategy": copy.deepcopy(STRATEGIES[strategy]), "template": template_of(current)}
    if "blueGreen" in spec["strategy"]:
        spec["strategy"]["blueGreen"] |= part.get("blueGreen", {})
    workload: Json = {}
    if "workloadRef" in strategy:
        spec |= {"workloadRef": {"kind": "Deployment", "name": "checkout"}}
        workload = {"metadata": {"generation": 1, "resourceVersion": "9"}, "spec": {"template": spec.pop("template")}}
    status = {
        "observedGeneration": "3",
        "phase": "Progressing",
        "currentPodHash": "hash42",
        "stableRS": "hash41",
        "currentStepIndex": 0,
        "availableReplicas": 4,
        "blueGreen": {"activeSelector": "hash41"} if strategy == "blue-green" else {},
    }
    status = status | now | {"blueGreen": status["blueGreen"] | now.get("blueGreen", {})}
    meta = {"uid": "u1", "generation": 3, "resourceVersion": "9"} | part.get("metadata", {})
    if workload:
        status["workloadObservedGeneration"] = "1"
    rollout = {"metadata": meta, "spec": spec | part.get("spec", {}), "status": status}
    return Seen(copy.deepcopy(rollout), sets, copy.deepcopy(workload))


# ---------------------------------------------------------------- asked, and sent


def asks(seen: Seen, verb: str) -> Request:
    rollout = understand(seen, target("checkout"), "checkout", "production")
    stables = [
        Stable(
            service="checkout",
            environment="production",
            revision=f"hash{n}",
            version=f"v{n}",
            at=NOON - minutes(99 - n),
        )
        for n in (42, 41)
    ]
    known = {"--full": Verb.PROMOTE, "--now": Verb.ROLLBACK, "--to v41": Verb.ROLLBACK, "respec": Verb.ROLLBACK}
    decision = propose(
        known.get(verb) or Verb(verb),
        rollout,
        stables,
        Surroundings(respec=verb == "respec"),
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


def sends(seen: Seen, request: Request) -> list[str]:
    """Every call until nothing is missing, with a controller that looks when nothing more comes."""
    sent: list[str] = []
    for _ in range(9):
        rollout = understand(seen, target("checkout"), "checkout", "production")
        call = next_call(seen, rollout, request, len(sent))
        if call is not None:
            sent.append(words(call, seen.index))
            apply(seen, call)
        elif observed(seen) or request.intent == Intent.PAUSE:
            return sent[:-1] if sent[-1] == WAIT else sent
        else:
            sent.append(WAIT)
            look(seen)
            request = replace(request, state=RequestState.ACTING)
    raise AssertionError(f"it never comes to an end: {sent}")


def words(call: Call, index: int) -> str:
    if isinstance(call.body, list):
        image = call.body[1]["value"]["spec"]["containers"][0]["image"]
        return f"spec.template={image.rpartition(':')[2]}"
    assert call.body["metadata"] == {"resourceVersion": "9"}
    (part,) = call.body.keys() - {"metadata"}
    assert (part == "status") is call.status
    said = {key: json.dumps(value) for key, value in call.body[part].items()}
    if said.get("currentStepIndex") == str(index + 1) and "controllerPause" not in said:
        said["currentStepIndex"] = "+1"
    return " ".join(sorted(f"{part}.{key}={value}" for key, value in said.items()))


def apply(seen: Seen, call: Call) -> None:
    if isinstance(call.body, list):
        holder = seen.workload if call.path else seen.object
        assert call.path.endswith("/deployments/checkout") or holder is seen.object
        holder["spec"]["template"] = call.body[1]["value"]
    for part in ("spec", "status"):
        for key, value in (call.body.get(part, {}) if isinstance(call.body, dict) else {}).items():
            seen.object[part][key] = value
    if not call.status:
        (seen.workload["metadata"] if call.path else seen.meta)["generation"] += 1


def look(seen: Seen) -> None:
    """A new template starts over, and whatever was asked of the one before is forgotten."""
    current = next(rs for rs in seen.sets if template_of(rs) == seen.template)
    hash = current["metadata"]["labels"][HASH]
    if hash != seen.status["currentPodHash"]:
        seen.status.update(currentPodHash=hash, currentStepIndex=0, abort=False, promoteFull=False, pauseConditions=[])
    seen.status["observedGeneration"] = str(seen.meta["generation"])
    if seen.workload:
        seen.status["workloadObservedGeneration"] = str(seen.workload["metadata"]["generation"])


CASES = [
    (strategy, phase, verb, cell)
    for strategy, table in TABLE.items()
    for phase, row in table.items()
    for verb, cell in row.items()
]


@pytest.mark.parametrize(("strategy", "phase", "verb", "cell"), CASES)
def test_every_verb_on_every_strategy_in_every_phase(strategy: str, phase: str, verb: str, cell: str) -> None:
    seen = cluster(strategy, phase)
    if cell in REFUSALS:
        with pytest.raises(Refused) as caught:
            asks(seen, verb)
        assert REFUSALS[cell] in caught.value.why
        assert caught.value.instead.startswith("/rollout")
        return
    intent, calls = CELLS[cell]
    request = asks(seen, verb)
    assert request.intent == intent
    assert sends(seen, request) == calls


def test_the_table_is_complete() -> None:
    """A verb, a strategy or a phase without a cell would be one that nobody has thought about."""
    assert {word for word in VERBS if not word.startswith("--") and word != "respec"} == set(Verb)
    assert set(TABLE) == set(STRATEGIES)
    for strategy, table in TABLE.items():
        assert set(table) == set(phases(strategy)), strategy
        assert all(tuple(row) == VERBS for row in table.values()), strategy
    used = {cell for *_, cell in CASES}
    assert used == set(CELLS) | set(REFUSALS)
    assert {CELLS[cell][0] for cell in used & set(CELLS)} == set(Intent)
