"""What an alert's rule measures, as far as one can tell from the link to it."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from bot.expressions import LONGEST, Measure, measure_of

RATIO = 'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'


def asked(query: str) -> Measure | None:
    return measure_of(f"http://prometheus.example:9090/graph?g0.expr={quote_plus(query)}&g0.tab=1")


@pytest.mark.parametrize(
    ("query", "left", "limit"),
    [
        (f"{RATIO} > 0.05", RATIO, 0.05),
        ("up == bool 0", "up", 0.0),
        ("0.05 < errors", "errors", 0.05),
        ("free_bytes <= 1e9", "free_bytes", 1e9),
        ('max(x{a!="> 3"} > 2)', 'max(x{a!="> 3"} > 2)', None),
        ("a > b", "a > b", None),
        ("a > 1 and b > 2", "a > 1 and b > 2", None),
        ("a unless b > 2", "a unless b > 2", None),
        ("absent(up)", "absent(up)", None),
        ("a >\n  3", "a", 3.0),
    ],
)
def test_the_limit_is_taken_off_where_it_is_one(query: str, left: str, limit: float | None) -> None:
    assert asked(query) == Measure(query=left, limit=limit)


@pytest.mark.parametrize(
    "url", [None, "", "https://grafana.example/alerting", "http://[", "/graph?g0.expr=", f"/?g0.expr={'x' * 9999}"]
)
def test_any_other_link_measures_nothing(url: str | None) -> None:
    assert measure_of(url) is None
    assert asked("x" * LONGEST) is not None
