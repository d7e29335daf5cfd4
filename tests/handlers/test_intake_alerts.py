"""What an alert keeps beside its name: labels, runbook, what was measured, a picture; and when it began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.model import Alert
from handlers.intake import SENDERS as ALL
from handlers.intake import Delivery, facts, generic
from handlers.intake.generic import Map
from tests.handlers.test_intake import NOW, heard

SENDERS = Path(__file__).parent.parent / "samples" / "senders"


def sample(sender: str, name: str, **changed: Any) -> Alert:
    body = json.loads((SENDERS / sender / name).read_bytes())
    alert: Alert = heard(sender, json.dumps(body | changed).encode())[0]
    return alert


def test_alertmanager_gives_labels_and_runbook() -> None:
    alert = sample("alertmanager", "firing.json")
    assert alert.labels["team"] == "storefront"
    assert alert.runbook == "https://runbooks.example.com/checkout#errors"
    assert alert.dated


def test_prometheus_reads_value_runbook_and_picture_from_the_annotations() -> None:
    notes = {"runbook": "https://r.example/1", "value": 0.23, "image": "https://g.example/1.png"}
    [alert] = heard("prometheus", json.dumps([{"labels": {"alertname": "A"}, "annotations": notes}]).encode())
    assert (alert.runbook, alert.value, alert.image) == ("https://r.example/1", "0.23", "https://g.example/1.png")


def test_a_runbook_that_leads_nowhere_is_none() -> None:
    notes = {"runbook_url": "see the wiki", "runbook": "javascript:alert(1)"}
    [alert] = heard("prometheus", json.dumps([{"labels": {"alertname": "A"}, "annotations": notes}]).encode())
    assert alert.runbook is None


def test_grafana_gives_what_was_measured() -> None:
    alert = sample("grafana", "unified.json")
    assert (alert.value, alert.runbook) == ("B=44.23943737541908, C=1", "https://runbooks.example/memory")
    legacy = sample("grafana", "legacy.json")
    assert (legacy.value, legacy.image) == ("Count=1", "https://grafana.example/assets/img.png")
    assert not legacy.dated
    assert sample("grafana", "legacy.json", evalMatches=None).value == ""
    assert sample("grafana", "legacy.json", evalMatches=["odd"]).value == ""


def test_datadogs_date_is_that_of_the_event() -> None:
    """A monitor that goes from warning to alert is the same episode, though its date is later."""
    alert = sample("datadog", "triggered.json", snapshot="https://p.datadoghq.com/1.png", value="0.3")
    assert not alert.dated
    assert (alert.image, alert.value, alert.labels["team"]) == ("https://p.datadoghq.com/1.png", "0.3", "shop")


def test_a_mapped_sender_may_give_them_too() -> None:
    fields = {"key": "id", "title": "id", "labels": "tags", "runbook": "doc", "value": "temp", "image": "pic"}
    body = {"id": "x", "tags": {"room": "3"}, "doc": "https://d.example", "temp": 99, "pic": "no link"}
    delivery = Delivery(body=json.dumps(body).encode(), now=NOW)
    [alert] = generic.sender(Map(fields=fields), "boiler").parse(delivery)
    assert isinstance(alert, Alert)
    assert (alert.labels, alert.runbook, alert.value, alert.image) == ({"room": "3"}, "https://d.example", "99", None)


def test_a_page_of_labels_is_cut() -> None:
    labels = {f"label{n:03}" * 50: "x" * 9_999 for n in range(99)}
    alert = facts.alert("s", "k", "t", firing=True, now=NOW, labels=labels, value="v" * 999)
    assert len(alert.labels) == facts.LABELS
    assert max(map(len, alert.labels)) == facts.LABEL_NAME
    assert set(map(len, alert.labels.values())) == {facts.LABEL_VALUE}
    assert len(alert.value) == facts.VALUE


@pytest.mark.parametrize(
    ("said", "meant"), [(37, 37), ("37", 37), (0, 0), (-1, 0), (None, 0), ("many", 0), ([1], 0), (True, 0)]
)
@pytest.mark.parametrize("sender", ["alertmanager", "grafana"])
def test_how_many_were_left_out(sender: str, said: Any, meant: int) -> None:
    body = json.dumps({"alerts": [], "truncatedAlerts": said}).encode()
    assert ALL[sender].left_out(Delivery(body=body, now=NOW)) == meant
    assert ALL[sender].left_out(Delivery(body=b"[]", now=NOW)) == 0


def test_what_is_opened_again_begins_anew() -> None:
    """PagerDuty's and Sentry's own time of the beginning stays what it was at first."""
    event = json.loads((SENDERS / "pagerduty" / "triggered.json").read_bytes())["event"]
    reopened = event | {"event_type": "incident.reopened", "occurred_at": "2030-01-01T00:00:00Z"}
    assert sample("pagerduty", "triggered.json", event=reopened).starts_at.year == 2030
    again = sample("sentry", "issue-resolved.json", action="unresolved")
    assert (again.firing, again.starts_at) == (True, NOW)
