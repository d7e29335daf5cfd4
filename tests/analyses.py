"""AnalysisTemplates for tests: how the errors of a canary are judged."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
ERRORS = (
    'sum(rate(http_requests_total{service="{{args.service}}",track="canary",code=~"5.."}[30s]))'
    ' / sum(rate(http_requests_total{service="{{args.service}}",track="canary"}[30s]))'
)


def template(name: str = "errors", **metric: Any) -> Json:
    """Without more words it is measured once, and more than 5 % of errors are a failure."""
    judged = {"successCondition": "result[0] <= 0.05"} if not metric.keys() & {"successCondition"} else {}
    provider = {"prometheus": {"address": "http://prometheus", "query": metric.pop("query", ERRORS)}}
    return {
        "kind": "AnalysisTemplate",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"metrics": [{"name": name, "provider": provider} | judged | metric]},
    }


def analysis(service: str = "checkout", name: str = "errors", **more: Any) -> Json:
    return {"templates": [{"templateName": name}], "args": [{"name": "service", "value": service}]} | more


def undecided() -> Json:
    """Neither good nor bad: between 5 and 50 % of errors."""
    return {"successCondition": "result[0] <= 0.05", "failureCondition": "result[0] >= 0.5"}


def steps_with_analysis(wait: str = "30s") -> Json:
    """To 20 %, wait, judge, to 100 %."""
    judged = [{"setWeight": 20}, {"pause": {"duration": wait}}, {"analysis": analysis()}, {"setWeight": 100}]
    return {"spec": {"strategy": {"canary": {"steps": judged}}}}
