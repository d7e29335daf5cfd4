import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Alert, Change, ChangeKind, ChangeStatus, Migration
from handlers.intake import SENDERS, Delivery, shown
from handlers.intake.fields import Malformed, environment, to_time

SAMPLES = Path(__file__).parent.parent / "samples" / "senders" / "alertmanager"
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def heard(sender: str, body: bytes) -> list[Any]:
    return list(SENDERS[sender].parse(Delivery(body=body, now=NOW)))


def heard_or_not(sender: str, body: bytes) -> list[Any] | str:
    try:
        return heard(sender, body)
    except Malformed as error:
        return str(error)


def sample(name: str) -> list[Alert]:
    return heard("alertmanager", (SAMPLES / name).read_bytes())


def test_a_firing_alert():
    [alert] = sample("firing.json")
    assert shown(alert) == {
        "kind": "alert",
        "key": "alertmanager/fdbf0fc308c5123c",
        "group": '{}/{}:{alertname="CheckoutErrorRatioHigh", service="checkout"}',
        "title": "Checkout error ratio is 23% on 127.0.0.1:19101",
        "severity": "critical",
        "service": "checkout",
        "environment": "production",
        "status": "firing",
        "starts_at": "2026-11-21T01:20:11.372Z",
        "ends_at": None,
        "url": "http://vm:19091/graph?g0.expr=checkout_error_ratio+%3E+0.05&g0.tab=1",
    }


def test_the_same_alert_resolved_has_the_same_key_and_an_end():
    [alert] = sample("resolved.json")
    assert not alert.firing
    assert alert.key == sample("firing.json")[0].key
    assert alert.ends_at == datetime(2026, 11, 21, 1, 21, 7, 372000, tzinfo=UTC)


def test_status_is_per_alert_not_per_body():
    assert [(alert.service, alert.firing) for alert in sample("mixed.json")] == [("cart", False), ("search", True)]


def test_without_a_fingerprint_the_same_labels_are_the_same_alert():
    one, two = ({"alerts": [{"status": "firing", "labels": dict(order)}]} for order in (
        [("alertname", "A"), ("service", "s")], [("service", "s"), ("alertname", "A")]
    ))  # fmt: skip
    keys = {heard("alertmanager", json.dumps(body).encode())[0].key for body in (one, two)}
    assert len(keys) == 1


def test_odd_values_become_sensible_ones():
    body = {
        "groupKey": 17,
        "alerts": [{"labels": {"alertname": "A", "n": 3, "empty": ""}, "startsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "dontcare", "annotations": {"summary": "null"}}],
    }  # fmt: skip
    [alert] = heard("alertmanager", json.dumps(body).encode())
    assert (alert.group, alert.title, alert.starts_at, alert.url, alert.service) == ("17", "A", NOW, None, "")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b'{"alerts": 3}', b"[" * 100_000])
@pytest.mark.parametrize("sender", sorted(SENDERS))
def test_nonsense_is_refused_in_one_sentence(sender, body):
    said = heard_or_not(sender, body)
    if body == b"[]" and said == []:  # a list of nothing carries nothing
        return
    assert isinstance(said, str)
    assert "\n" not in said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_no_json_is_ever_a_crash(labels, start, whole):
    for body in ({"alerts": [{"labels": labels, "startsAt": start, "endsAt": start, "status": whole}]}, whole):
        try:
            facts = heard("alertmanager", json.dumps(body).encode())
        except Malformed:
            continue
        assert all(isinstance(fact, Alert) and fact.starts_at.tzinfo for fact in facts)


def test_a_deploy_in_six_fields():
    body = {
        "service": "checkout", "version": "v42", "environment": "prod", "status": "started",
        "url": "https://ci.example.com/1", "at": "2026-11-21T01:18:00Z",
    }  # fmt: skip
    [change] = heard("deploys", json.dumps(body).encode())
    assert isinstance(change, Change)
    assert (change.change, change.status, change.environment) == (ChangeKind.DEPLOY, ChangeStatus.STARTED, "production")
    assert shown(change)["at"] == "2026-11-21T01:18:00.000Z"


def test_a_deploy_says_what_was_approved_and_what_it_does_to_the_data():
    body = {
        "service": "checkout", "version": "v42", "status": "started", "digests": ["sha256:1", None, "sha256:2"],
        "config_hash": "abc", "migration": "irreversible", "floor": "v40",
    }  # fmt: skip
    [change] = heard("deploys", json.dumps(body).encode())
    assert (change.digests, change.config_hash) == (("sha256:1", "sha256:2"), "abc")
    assert (change.migration, change.floor) == (Migration.IRREVERSIBLE, "v40")


def test_start_and_end_of_a_deploy_share_a_key():
    bodies = [{"service": "s", "version": "v1", "status": status} for status in ("started", "succeeded")]
    assert len({change.key for change in heard("deploys", json.dumps(bodies).encode())}) == 1


def test_a_wrong_status_names_the_right_ones():
    with pytest.raises(Malformed, match="'started'"):
        heard("deploys", b'{"service": "s", "status": "done"}')


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-21T01:20:11.372Z", "2026-11-21T01:20:11.372000+00:00"),
        ("2026-11-21T01:20:11.123456789Z", "2026-11-21T01:20:11.123456+00:00"),
        ("2026-11-21T06:50:11+05:30", "2026-11-21T01:20:11+00:00"),
        ("2016-08-12 15:23:28 UTC", "2016-08-12T15:23:28+00:00"),
        ("2026-11-21T01:20:11", "2026-11-21T01:20:11+00:00"),
    ],
)
def test_times_seen_in_the_wild(text, iso):
    assert to_time(text).isoformat() == iso


@pytest.mark.parametrize("text", ["", None, "0001-01-01T00:00:00Z", "yesterday", "+01.00", 0, {}, []])
def test_no_time_is_none(text):
    assert to_time(text) is None


@pytest.mark.parametrize(("word", "meant"), [("prod", "production"), ("", "production"), ("Staging", "staging")])
def test_environments_have_one_name(word, meant):
    assert environment(word) == meant


def test_a_deploy_says_what_it_does_to_the_data() -> None:
    told = {"migration": "irreversible", "floor": "v41", "digests": ["sha256:aa", ""], "config_hash": "c0ffee"}
    body = json.dumps({"service": "checkout", "version": "v42", "status": "started"} | told).encode()
    (change,) = heard("deploys", body)
    assert (change.migration, change.floor) == (Migration.IRREVERSIBLE, "v41")
    assert (change.digests, change.config_hash) == (("sha256:aa",), "c0ffee")
    with pytest.raises(Malformed):
        heard("deploys", json.dumps({"service": "checkout", "status": "started", "migration": "maybe"}).encode())
