"""What the Argo Rollouts controller does in one pass: read everything, compute the new status, say what to scale.

Pure: `decide` takes a Rollout, its ReplicaSets and AnalysisRuns and the time, and returns a Plan. Canary (with and
without traffic routing) and blue-green, with setWeight, pause, analysis and experiment steps; any other step counts as
done at once. The oddities are the real controller's: a full promotion beats an abort, a user's pause beats scaling
down, promoting an aborted rollout does nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.kube.analysis import UNFINISHED, told
from sandbox.kube.argo_status import Report
from sandbox.kube.blue_green import BlueGreen
from sandbox.kube.replicas import SCALE_DOWN_DELAY, Set, duration, parse
from sandbox.kube.store import Object, stamp

INCONCLUSIVE, INCONCLUSIVE_EXPERIMENT = "InconclusiveAnalysisRun", "InconclusiveExperiment"
STEP, BACKGROUND = "currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus"


@dataclass
class Plan:
    """What one pass wants. `scale` and `deadlines` are by pod-template hash; `wake` is when to look again.

    `analyses` and `experiments` are what to begin, by their names; what is not `alive` has nobody who waits for it.
    """

    status: Object
    scale: dict[str, int]
    deadlines: dict[str, datetime | None]
    events: list[tuple[str, str, str]] = field(default_factory=list)  # type, reason, message
    wake: datetime | None = None
    analyses: dict[str, Object] = field(default_factory=dict)
    experiments: dict[str, Object] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)

    def note(self, reason: str, message: str, type: str = "Normal") -> None:
        self.events.append((type, reason, message))

    def wake_at(self, at: datetime) -> None:
        self.wake = at if self.wake is None else min(self.wake, at)


def decide(
    rollout: Object,
    sets: Sequence[Set],
    at: datetime,
    runs: Mapping[str, Object] | None = None,
    experiments: Mapping[str, Object] | None = None,
) -> Plan:
    """One pass over a rollout. `sets` holds a ReplicaSet for its present template."""
    turn = Turn(rollout, sets, at, runs or {}, experiments or {})
    if not turn.observe():
        turn.promote_fully_or_abort()
        strategy = BlueGreen(turn) if "blueGreen" in turn.spec["strategy"] else Canary(turn)
        strategy.run()
    Report(turn).fill_in()
    return turn.plan


class Turn:
    """The facts of one pass, and what both strategies share."""

    def __init__(
        self,
        rollout: Object,
        sets: Sequence[Set],
        at: datetime,
        runs: Mapping[str, Object],
        experiments: Mapping[str, Object],
    ) -> None:
        self.name = str(rollout["metadata"]["name"])
        self.spec, self.old, self.at = rollout["spec"], rollout.get("status") or {}, at
        self.sets, self.runs, self.experiments = sets, runs, experiments
        self.new = sets[0]
        self.hash, self.revision = self.new.hash, self.new.revision
        self.stable_hash = str(self.old.get("stableRS", ""))
        self.stable = next((s for s in sets if s.hash == self.stable_hash), None)
        self.replicas = int(self.spec.get("replicas", 1))
        self.canary = self.spec["strategy"].get("canary") or {}
        self.blue_green = self.spec["strategy"].get("blueGreen") or {}
        self.steps: list[Object] = self.canary.get("steps") or []
        self.index = min(self.old.get("currentStepIndex") or 0, len(self.steps))
        self.paused_by_user = bool(self.spec.get("paused"))
        self.full = bool(self.old.get("promoteFull"))
        self.aborted = bool(self.old.get("abort"))
        self.pauses: list[Object] = list(self.old.get("pauseConditions") or [])
        self.unpaused = bool(self.old.get("controllerPause")) and not self.pauses  # somebody resumed it
        self.abort_reason = ""
        self.plan = Plan(
            status={"observedGeneration": str(rollout["metadata"]["generation"])},
            scale={s.hash: s.desired for s in sets},
            deadlines={s.hash: s.deadline for s in sets},
        )

    @property
    def idle(self) -> bool:
        return self.stable_hash == self.hash

    @property
    def others(self) -> list[Set]:
        return [s for s in self.sets if s.hash not in (self.hash, self.stable_hash)]

    def observe(self) -> bool:
        """A new template or new steps start over; True if so, and then nothing else happens in this pass."""
        seen = self.old.get("currentPodHash")
        steps = self.old.get("currentStepHash")
        if not seen or (seen == self.hash and steps in (None, self.step_hash)):
            return False
        self.aborted = self.full = False
        self.pauses = []
        self.index = 0
        if seen != self.hash:
            self.plan.note("RolloutUpdated", f"Rollout updated to revision {self.revision}")
        if self.idle or self.in_rollback_window():
            self.index = len(self.steps)
            self.plan.note("SkipSteps", "Rollback to stable ReplicaSets" if self.idle else "Rollback within the window")
        for part in ("canary", "blueGreen"):
            if part in self.old:
                self.plan.status[part] = self.old[part]
        return True

    @property
    def step_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.steps, sort_keys=True).encode()).hexdigest()[:10]

    def in_rollback_window(self) -> bool:
        """By creation time, not by revision number: rolling forward after a rollback is never in the window."""
        window = (self.spec.get("rollbackWindow") or {}).get("revisions", 0)
        if not window or self.stable is None or self.new.created_at >= self.stable.created_at:
            return False
        between = [s for s in self.sets if self.new.created_at < s.created_at < self.stable.created_at]
        return bool(len(between) < window)

    def promote_fully_or_abort(self) -> None:
        """A requested full promotion removes an abort; an abort of what is already stable is dropped."""
        if self.full:
            self.aborted, self.pauses, self.index = False, [], len(self.steps)
        if self.aborted and self.idle:
            self.aborted = False
        if self.aborted:
            self.pauses, self.index = [], 0
            if not self.old.get("abortedAt"):
                self.plan.note("RolloutAborted", self.abort_message, "Warning")

    def abort(self, why: str) -> None:
        """What a bad analysis does."""
        self.aborted, self.pauses, self.index, self.abort_reason = True, [], 0, f": {why}"
        self.plan.note("RolloutAborted", self.abort_message, "Warning")

    @property
    def abort_message(self) -> str:
        """Why it was aborted stands in the condition alone, from the pass that did it on."""
        before = next((c for c in self.old.get("conditions", []) if c["reason"] == "RolloutAborted"), None)
        if before and self.old.get("abort"):
            return str(before["message"])
        return f"Rollout aborted update to revision {self.revision}{self.abort_reason}"

    # --- analysis

    def examine(self, part: str, field: str, block: Object, suffix: str = "") -> str:
        """The phase of an analysis, which is begun if it has not been, or has to be again; a bad one aborts."""
        name = str(((self.old.get(part) or {}).get(field) or {}).get("name", ""))
        stem = "-".join(filter(None, [self.name, self.hash, str(self.revision), suffix]))
        run = self.runs.get(name)
        if run is None or not (name == stem or name.startswith(f"{stem}.")) or self.settled(part, field, run):
            again = sum(known == stem or known.startswith(f"{stem}.") for known in self.runs)
            name = f"{stem}.{again}" if again else stem
            self.plan.analyses[name] = block
            told_of = {"name": name, "status": "Pending"}
        else:
            told_of = told(run)
        self.plan.alive.add(name)
        self.plan.status.setdefault(part, {})[field] = told_of
        phase = str(told_of["status"])
        if phase in ("Failed", "Error"):
            self.abort(str(told_of["message"]))
        elif phase == "Inconclusive":
            self.pause(INCONCLUSIVE, None)
        return phase

    def experiment(self, block: Object) -> str:
        """The phase of the step's experiment; one that a person let go on without a verdict is begun anew."""
        name = str((self.old.get("canary") or {}).get("currentExperiment", ""))
        known = self.experiments.get(name)
        phase = str(known["status"]["phase"]) if known else ""
        if not known or (phase == "Inconclusive" and self.unpaused):
            stem = f"{self.name}-{self.hash}-{self.revision}-{self.index}"
            again = sum(other == stem or other.startswith(f"{stem}-") for other in self.experiments)
            name, phase = f"{stem}-{again}" if again else stem, "Pending"
            self.plan.experiments[name] = block
        self.plan.alive.add(name)
        if phase == "Successful":
            return phase
        self.plan.status.setdefault("canary", {})["currentExperiment"] = name
        if known and phase in ("Failed", "Error"):
            self.abort(str(known["status"]["message"]))
        elif phase == "Inconclusive":
            self.pause(INCONCLUSIVE_EXPERIMENT, None)
        return phase

    def settled(self, part: str, field: str, run: Object) -> bool:
        """Its verdict was drawn and a person went on all the same: it is time for another."""
        phase, before = told(run)["status"], self.old[part][field]["status"]
        return phase == before and (phase in ("Failed", "Error") or (phase == "Inconclusive" and self.unpaused))

    def recall(self, part: str, *names: str) -> None:
        """Go on telling of an analysis that nobody waits for."""
        for each in names:
            if before := (self.old.get(part) or {}).get(each):
                run = self.runs.get(before["name"])
                self.plan.status.setdefault(part, {})[each] = told(run) if run else before

    def want(self, target: Set, replicas: int) -> None:
        self.plan.scale[target.hash] = replicas
        self.plan.deadlines[target.hash] = None

    def retire(self, target: Set, after: int) -> None:
        """Scale to nothing, `after` seconds from when that was first wanted."""
        if not after or not target.desired:
            self.want(target, 0)
            return
        deadline = target.deadline or self.at.replace(microsecond=0) + timedelta(seconds=after)
        if deadline <= self.at:
            self.want(target, 0)
        else:
            self.plan.deadlines[target.hash] = deadline
            self.plan.wake_at(deadline)

    def pause(self, reason: str, seconds: float | None) -> bool:
        """Keep a pause going, begin it, or find that it is over (True): its time is up or somebody resumed it."""
        if self.unpaused:
            return True
        running = next((p for p in self.pauses if p["reason"] == reason), None)
        if running is None:
            running = {"reason": reason, "startTime": stamp(self.at)}
            self.pauses = [*self.pauses, running]
            self.plan.note("RolloutPaused", f"Rollout is paused ({reason})")
        if seconds is None:
            return False
        until = parse(running["startTime"]) + timedelta(seconds=seconds)
        if until <= self.at:
            self.pauses = []
            return True
        self.plan.wake_at(until)
        return False

    def become_stable(self, why: str) -> None:
        self.stable_hash, self.stable, self.full, self.index = self.hash, self.new, False, len(self.steps)
        self.plan.note("RolloutCompleted", f"Rollout completed update to revision {self.revision} ({self.hash}): {why}")


class Canary:
    """Steps of weight and waiting; weights are kept by a router, or approximated by the number of pods."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.routed = bool(turn.canary.get("trafficRouting"))

    def run(self) -> None:
        turn = self.turn
        if turn.idle:
            turn.index = len(turn.steps)
        self.advance()
        self.promote()
        if not turn.paused_by_user:
            self.scale()
        self.route()

    def count(self, weight: int) -> int:
        """How many canary pods a weight takes; never none for a weight above zero."""
        return math.ceil(self.turn.replicas * weight / 100)

    def weight_at(self, index: int) -> int:
        """The nearest setWeight at or before a step; 100 when all steps are done."""
        turn = self.turn
        if index >= len(turn.steps):
            return 100
        return next((s["setWeight"] for s in reversed(turn.steps[: index + 1]) if "setWeight" in s), 0)

    def advance(self) -> None:
        """Complete the current step if it is complete. A later pass at the same moment takes the next one."""
        turn = self.turn
        if turn.idle or turn.full or not turn.stable or turn.index >= len(turn.steps):
            turn.pauses = []
            return
        if turn.aborted:
            turn.recall("canary", STEP, BACKGROUND)
            return
        if self.judged_in_the_background() or turn.paused_by_user:
            return
        step = turn.steps[turn.index]
        if self.done(step):
            turn.index += 1
            turn.pauses = []
            turn.plan.note(
                "RolloutStepCompleted", f"Rollout step {turn.index}/{len(turn.steps)} completed ({in_words(step)})"
            )

    def judged_in_the_background(self) -> bool:
        """An analysis that goes on beside the steps; True if it stops them."""
        turn, block = self.turn, self.turn.canary.get("analysis")
        if not block or turn.index < block.get("startingStep", 0):
            return False
        return turn.examine("canary", BACKGROUND, block) not in (*UNFINISHED, "Successful")

    def done(self, step: Object) -> bool:
        if "pause" in step:
            return self.turn.pause("CanaryPauseStep", duration((step["pause"] or {}).get("duration")))
        if "setWeight" in step:
            return self.turn.new.ready >= self.count(step["setWeight"])
        if "analysis" in step:
            return self.turn.examine("canary", STEP, step["analysis"], str(self.turn.index)) == "Successful"
        if "experiment" in step:
            return self.turn.experiment(step["experiment"]) == "Successful"
        return True

    def promote(self) -> None:
        turn = self.turn
        if turn.idle or turn.aborted or turn.new.ready < turn.replicas:
            turn.full = turn.full and not turn.idle
        elif not turn.stable:
            turn.become_stable("Initial deploy")
        elif turn.full:
            turn.become_stable("Full promotion requested")
        elif turn.index >= len(turn.steps):
            turn.become_stable(f"Completed all {len(turn.steps)} canary steps")

    def scale(self) -> None:
        turn = self.turn
        if turn.idle or not turn.stable:
            turn.want(turn.new, turn.replicas)
            for old in turn.others:
                turn.retire(old, turn.canary.get("scaleDownDelaySeconds", SCALE_DOWN_DELAY) if self.routed else 0)
            return
        if turn.aborted:
            turn.want(turn.stable, turn.replicas)
            turn.retire(turn.new, turn.canary.get("abortScaleDownDelaySeconds", SCALE_DOWN_DELAY) if self.routed else 0)
        else:
            wanted = turn.replicas if turn.full else self.count(self.weight_at(turn.index))
            turn.want(turn.new, wanted)
            kept = turn.replicas if self.routed else turn.replicas - min(turn.new.ready, wanted)
            turn.want(turn.stable, kept)
        for old in turn.others:
            turn.want(old, 0)

    def route(self) -> None:
        turn = self.turn
        canary: Object = turn.plan.status.setdefault("canary", {})
        if not self.routed or not turn.stable:
            return
        weight = self.weight()
        before = ((turn.old.get("canary") or {}).get("weights") or {}).get("canary", {}).get("weight", 0)
        if weight != before:
            turn.plan.note("TrafficWeightUpdated", f"Traffic weight updated from {before} to {weight}")
        canary["weights"] = {
            "canary": {
                "podTemplateHash": turn.hash,
                "serviceName": turn.canary.get("canaryService", ""),
                "weight": weight,
            },
            "stable": {
                "podTemplateHash": turn.stable_hash,
                "serviceName": turn.canary.get("stableService", ""),
                "weight": 100 - weight,
            },
            "verified": True,
        }

    def weight(self) -> int:
        """Traffic follows pods that are ready: a weight is set only when the canary can carry it."""
        turn = self.turn
        if turn.idle or turn.aborted or not turn.new.ready:
            return 0
        if turn.full:
            return min(100, 100 * turn.new.ready // turn.replicas)
        wanted = self.weight_at(turn.index)
        if turn.new.ready >= self.count(wanted):
            return wanted
        previous = [s["setWeight"] for s in turn.steps[: turn.index] if "setWeight" in s]
        return previous[-1] if previous else 0


def ephemeral(rollout: Object, status: Object, hash: str) -> Object:
    """The labels and annotations that pods wear for as long as they have a role in the release."""
    strategy = rollout["spec"]["strategy"]
    canary, blue_green = strategy.get("canary") or {}, strategy.get("blueGreen") or {}
    if hash == status.get("stableRS"):
        return dict(canary.get("stableMetadata") or blue_green.get("activeMetadata") or {})
    if hash == status.get("currentPodHash"):
        return dict(canary.get("canaryMetadata") or blue_green.get("previewMetadata") or {})
    return {}


def in_words(step: Object) -> str:
    kind, value = next(iter(step.items()))
    if kind == "pause":
        return f"pause: {value.get('duration', 'until promoted') if value else 'until promoted'}"
    return f"{kind}: {value}"
