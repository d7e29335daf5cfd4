"""Argo's AnalysisRuns: each asks Prometheus again and again, and comes to a verdict on a release.

A run is made of the AnalysisTemplates that a Rollout names. Its metrics are measured at their moments; as in Argo, a
metric without data is an error and not a success, and neither good nor bad is inconclusive.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.kube.replicas import duration, owner_reference, parse
from sandbox.kube.store import ANALYSIS_RUNS, ANALYSIS_TEMPLATES, STATUS, Object, Store, fresh, stamp

CONTROLLER = "rollouts-controller"
WORST_FIRST = ("Failed", "Error", "Inconclusive")
UNFINISHED = ("", "Pending", "Running")
RETRY_AFTER = timedelta(seconds=10)  # when a measurement was an error
COMPARISON = re.compile(r"\s*result\[0\]\s*(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
# The limits of a metric, and what is worse than them: which verdict, what is counted, the default. The later wins.
LIMITS = (
    ("Failed", "failed", "failureLimit", 0),
    ("Inconclusive", "inconclusive", "inconclusiveLimit", 0),
    ("Error", "consecutiveError", "consecutiveErrorLimit", 4),
)


def nobody(query: str, at: datetime) -> Sequence[float]:
    raise ValueError("no Prometheus answers")


@dataclass
class Analyses:
    """The AnalysisRun controller. `ask` is Prometheus: a query's values at a moment; it raises ValueError."""

    store: Store
    ask: Callable[[str, datetime], Sequence[float]] = nobody

    def of(self, rollout: Object) -> dict[str, Object]:
        return {run["metadata"]["name"]: run for run in self.store.owned(ANALYSIS_RUNS, rollout)}

    def settle(self, rollout: Object, at: datetime) -> datetime | None:
        """Bring the rollout's runs up to `at`; answers when the next measurement is due."""
        runs = [fresh(run) for run in self.of(rollout).values() if phase_of(run) in UNFINISHED]
        waits = [self._measure(run, at) for run in runs]
        return min((w for w in waits if w), default=None)

    def follow(self, rollout: Object, wanted: Mapping[str, Object], alive: Collection[str]) -> None:
        """Begin what is wanted, and terminate what the rollout no longer waits for."""
        namespace = rollout["metadata"]["namespace"]
        for name, block in wanted.items():
            meta = {"name": name, "namespace": namespace, "ownerReferences": [owner_reference(rollout)]}
            spec = {"metrics": self._metrics(namespace, block), "args": block.get("args", [])}
            self.store.create(ANALYSIS_RUNS, {"metadata": meta, "spec": spec}, CONTROLLER)
        for name, run in self.of(rollout).items():
            if name not in alive and name not in wanted and phase_of(run) in UNFINISHED:
                self.store.update(ANALYSIS_RUNS, run | {"spec": run["spec"] | {"terminate": True}}, CONTROLLER)

    def _metrics(self, namespace: str, block: Object) -> list[Object]:
        names = [template["templateName"] for template in block["templates"]]
        return [m for name in names for m in self.store.get(ANALYSIS_TEMPLATES, namespace, name)["spec"]["metrics"]]

    def _measure(self, run: Object, at: datetime) -> datetime | None:
        status = run.get("status") or {"phase": "Running", "startedAt": stamp(at), "metricResults": []}
        if run["spec"].get("terminate"):
            status |= {"phase": "Successful", "message": "Run Terminated"}
            self._keep(run, status)
            return None
        results = {result["name"]: result for result in status["metricResults"]}
        for metric in run["spec"]["metrics"]:
            result = results.setdefault(metric["name"], {"name": metric["name"], "phase": "Running"})
            if result["phase"] == "Running" and due(metric, result, status) <= at:
                count(metric, result, self._answer(run, metric, at), at)
        status["metricResults"] = list(results.values())
        conclude(status)
        self._keep(run, status)
        if status["phase"] != "Running":
            return None
        going = [m for m in run["spec"]["metrics"] if results[m["name"]]["phase"] == "Running"]
        return min((due(metric, results[metric["name"]], status) for metric in going), default=None)

    def _answer(self, run: Object, metric: Object, at: datetime) -> Object:
        """One measurement: its phase, and its value or why there is none."""
        query = str(metric["provider"]["prometheus"]["query"])
        for arg in run["spec"]["args"]:
            query = query.replace("{{args." + arg["name"] + "}}", str(arg["value"]))
        try:
            values = self.ask(query, at)
            return {"phase": judged(metric, values), "value": f"[{','.join(f'{v:g}' for v in values)}]"}
        except ValueError as error:
            return {"phase": "Error", "message": str(error)}

    def _keep(self, run: Object, status: Object) -> None:
        self.store.update(ANALYSIS_RUNS, run | {"status": status}, CONTROLLER, STATUS)


def phase_of(run: Object) -> str:
    return str((run.get("status") or {}).get("phase", ""))


def told(run: Object) -> Object:
    """What the status of a Rollout says of a run."""
    status = run.get("status") or {}
    message = {"message": status["message"]} if status.get("message") else {}
    return {"name": run["metadata"]["name"], "status": status.get("phase", "Pending")} | message


# --- one metric


def judged(metric: Object, values: Sequence[float]) -> str:
    """The phase of one measurement. With both conditions, failure wins, and neither is inconclusive."""
    success, failure = (metric.get(key, "") for key in ("successCondition", "failureCondition"))
    failed = bool(failure) and holds(failure, values)
    if failed:
        return "Failed"
    if success and not holds(success, values):
        return "Inconclusive" if failure else "Failed"
    return "Successful"


def holds(condition: str, values: Sequence[float]) -> bool:
    return all(compares(part, values) for part in condition.split("&&"))


def compares(condition: str, values: Sequence[float]) -> bool:
    match = COMPARISON.fullmatch(condition)
    if match is None:
        raise ValueError(f"the condition {condition!r} is not spoken here")
    if not values:
        raise ValueError("reflect: slice index out of range")
    return OPERATORS[match[1]](values[0], float(match[2]))


def count(metric: Object, result: Object, measurement: Object, at: datetime) -> None:
    """Add a measurement to a metric's result, and judge the metric by its limits."""
    phase, now = measurement["phase"].lower(), stamp(at)
    result[phase] = result.get(phase, 0) + 1
    result["consecutiveError"] = result.get("consecutiveError", 0) + 1 if phase == "error" else 0
    if phase != "error":
        result["count"] = result.get("count", 0) + 1
    measured = result.setdefault("measurements", [])
    measured.append(measurement | {"startedAt": now, "finishedAt": now})
    for verdict, counted, limit, default in LIMITS:
        allowed = metric.get(limit, default)
        if result.get(counted, 0) > allowed >= 0:
            message = f"{counted} ({result[counted]}) > {limit} ({allowed})"
            result |= {"phase": verdict, "message": message}
    # Without an interval it is measured once, and without a count but with an interval for as long as it is asked.
    wanted = metric.get("count", 0 if "interval" in metric else 1)
    if result["phase"] == "Running" and wanted and result.get("count", 0) >= wanted:
        result["phase"] = "Successful"


def due(metric: Object, result: Object, status: Object) -> datetime:
    measured = result.get("measurements")
    if not measured:
        return parse(status["startedAt"]) + seconds(metric.get("initialDelay", 0))
    last = measured[-1]
    return parse(last["finishedAt"]) + (RETRY_AFTER if last["phase"] == "Error" else seconds(metric["interval"]))


def seconds(text: object) -> timedelta:
    return timedelta(seconds=duration(text) or 0)


def conclude(status: Object) -> None:
    """A run is as bad as its worst metric, and ends with the first that is bad."""
    results = status["metricResults"]
    for phase, result in verdicts(results):
        status |= {"phase": phase, "message": f'Metric "{result["name"]}" assessed {phase} due to {result["message"]}'}
        return
    if all(result["phase"] == "Successful" for result in results):
        status["phase"] = "Successful"


def verdicts(results: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    for phase in WORST_FIRST:
        yield from ((phase, result) for result in results if result["phase"] == phase)
