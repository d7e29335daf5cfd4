import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hearing import Odd, keep
from bot.model import Alert, Change, ChangeKind, ChangeStatus, Migration, Unparsed
from handlers import hearing
from handlers.intake import SENDERS, Delivery, Source, generic, shown
from handlers.intake.fields import Malformed, environment, to_text, to_time, to_url, to_whole
from handlers.intake.generic import BadMap, Map

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


INDEX, PLATFORM = f"sha256:{'1' * 64}", f"shop/checkout@sha256:{'a2' * 32}"


def test_a_deploy_says_what_was_approved_and_what_it_does_to_the_data():
    body = {
        "service": "checkout", "version": "v42", "status": "started", "digests": [INDEX, None, PLATFORM],
        "config_hash": "abc", "migration": "irreversible", "floor": "v40",
    }  # fmt: skip
    [change] = heard("deploys", json.dumps(body).encode())
    assert (change.digests, change.config_hash) == ((INDEX, PLATFORM), "abc")
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
        ("2026-11-21T01:20:11.1234567Z", "2026-11-21T01:20:11.123456+00:00"),
        ("2026-11-21T01:20:11.372+0000", "2026-11-21T01:20:11.372000+00:00"),
        ("2026-11-21t01:20:11z", "2026-11-21T01:20:11+00:00"),
        ("2021-04-28 21:50:00 +0200", "2021-04-28T19:50:00+00:00"),
        ("2026-11-21T00:20:11-04:30", "2026-11-21T04:50:11+00:00"),
        ("2025-02-15 14:59:03.26 +0000 UTC", "2025-02-15T14:59:03.260000+00:00"),
        ("2024/08/14 21:28:56 GMT", "2024-08-14T21:28:56+00:00"),
        ("Sat Oct 26 23:20:39 UTC 2024", "2024-10-26T23:20:39+00:00"),
        ("Sat, 26 Oct 2024 23:20:39 +0200", "2024-10-26T21:20:39+00:00"),
        ("2024-08-14", "2024-08-14T00:00:00+00:00"),
        (1795224300, "2026-11-21T01:25:00+00:00"),
        (1795224300.25, "2026-11-21T01:25:00.250000+00:00"),
        ("1795224300", "2026-11-21T01:25:00+00:00"),
        ("1795224300123", "2026-11-21T01:25:00.123000+00:00"),
        (1795224300123456, "2026-11-21T01:25:00.123456+00:00"),
        (1795224300123456789, "2026-11-21T01:25:00.123456+00:00"),
    ],
)
def test_times_seen_in_the_wild(text, iso):
    assert to_time(text).isoformat() == iso


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "0001-01-01T00:00:00Z",
        "yesterday",
        "+01.00",
        0,
        {},
        [],
        True,
        -5,
        12,
        "0",
        2**200,
        "9" * 30,
        "2026-11-21T01:20:11+01.00",
        "2026-13-41T01:20:11Z",
        "2026-11-21T01:20:11 somewhere",
        "Foo Bar 99 1:2:3 2024",
        "9999-12-31T23:59:59-23:59",
        "Sat Foo 26 23:20:39 UTC 2024",
    ],
)
def test_no_time_is_none(text):
    assert to_time(text) is None


@pytest.mark.parametrize(("word", "meant"), [("prod", "production"), ("", "production"), ("Staging", "staging")])
def test_environments_have_one_name(word, meant):
    assert environment(word) == meant


def test_a_deploy_says_what_it_does_to_the_data() -> None:
    told = {"migration": "irreversible", "floor": "v41", "digests": [INDEX, ""], "config_hash": "c0ffee"}
    body = json.dumps({"service": "checkout", "version": "v42", "status": "started"} | told).encode()
    (change,) = heard("deploys", body)
    assert (change.migration, change.floor) == (Migration.IRREVERSIBLE, "v41")
    assert (change.digests, change.config_hash) == ((INDEX,), "c0ffee")
    with pytest.raises(Malformed):
        heard("deploys", json.dumps({"service": "checkout", "status": "started", "migration": "maybe"}).encode())


@pytest.mark.parametrize("odd", ["v42", "shop/checkout:v42", "sha256:1", "sha256:<!channel>"])
def test_what_no_image_can_be_compared_with_is_no_digest(odd: str) -> None:
    """Each server would be wrong by it, which holds promotion and raises an alert."""
    with pytest.raises(Malformed, match="is no digest; write sha256"):
        heard("deploys", json.dumps({"service": "checkout", "status": "started", "digests": [INDEX, odd]}).encode())


@pytest.mark.parametrize(
    "value", ["$SERVICE", "{{ .Labels.x }}", "*insert your text*", "*alertFriendlyDuration*", "N/A", " nil "]
)
def test_a_template_that_nobody_filled_is_absent(value):
    assert to_text(value) == ""


@pytest.mark.parametrize("value", ["$5 off", "**bold**", "*", "a {{b}} c", "*NOT OK*", "nil pointer"])
def test_what_only_looks_like_one_stays(value):
    assert to_text(value) == value


@pytest.mark.parametrize(
    ("value", "whole"),
    [(7, 7), ("7", 7), ("7.0", 7), (2**62 + 1, 2**62 + 1), ("1795224300123456789", 1795224300123456789), ("0", 0),
     ("seven", None), (None, None), ({}, None), ("7.5", None)],
)  # fmt: skip
def test_whole_numbers_lose_no_digit(value, whole):
    assert to_whole(value) == whole


@pytest.mark.parametrize(
    "value", ["dontcare", "/check_mk/view", "server1.example.com", "javascript:x", "http://a b", "", 7]
)
def test_what_leads_nowhere_is_no_link(value):
    assert to_url(value) is None


def mapped(map_: Map, body: Any) -> list[dict[str, Any]]:
    return [
        shown(fact) for fact in generic.sender(map_, "boiler").parse(Delivery(body=json.dumps(body).encode(), now=NOW))
    ]


def test_anything_that_posts_json_can_be_mapped():
    map_ = Map(
        each="events[?type=='alarm']",
        fields={
            "key": "id",
            "title": "text",
            "status": "state",
            "service": "tags.service || 'boiler'",
            "starts_at": "at",
        },
        statuses={"ALARM": "firing", "OK": "resolved"},
    )
    alarm = {"type": "alarm", "id": 7, "text": "too hot", "state": "alarm", "at": 1795224300}
    [fact] = mapped(map_, {"events": [alarm, {"type": "chat"}]})
    assert (fact["key"], fact["title"], fact["status"], fact["service"]) == ("boiler/7", "too hot", "firing", "boiler")
    assert fact["starts_at"] == "2026-11-21T01:25:00.000Z"
    assert mapped(map_, {"events": [alarm | {"state": "OK"}]})[0]["status"] == "resolved"
    for wrong in ({"state": "sort of"}, {"id": None}):
        with pytest.raises(Malformed):
            mapped(map_, {"events": [alarm | wrong]})
    assert mapped(map_, {"other": 1}) == []


def source(*alarms: str, each: str = "events") -> Source:
    map_ = Map(
        each=each,
        fields={"key": "id", "title": "id", "status": "state"},
        statuses=dict.fromkeys(alarms, "firing"),
    )
    return Source(name="boiler", sender=generic.sender(map_, "boiler"))


def kept(odd: Odd | None) -> Unparsed:
    assert odd is not None
    (saved,) = keep(odd, None, 0, NOW).save
    assert isinstance(saved, Unparsed)
    return saved


def test_a_replay_reads_only_what_was_not_taken_in():
    """The others may have ended since, and would fire again."""
    states = {"a": "firing", "b": "ALARM", "c": "firing", "d": "ALERT"}
    body = json.dumps({"events": [{"id": id, "state": state} for id, state in states.items()]}).encode()
    first = hearing.understand(source(), Delivery(body=body, now=NOW))
    assert [fact.key for fact in first.facts] == ["boiler/a", "boiler/c"]
    waits = kept(first.odd)
    with pytest.raises(Malformed, match="status 'ALARM' is none of"):
        hearing.understand(source(), hearing.again(waits))
    both = hearing.understand(source("ALARM", "ALERT"), hearing.again(waits))
    assert ([fact.key for fact in both.facts], both.odd) == (["boiler/b", "boiler/d"], None)
    one = hearing.understand(source("ALARM"), hearing.again(waits))
    assert [fact.key for fact in one.facts] == ["boiler/b"]
    left = kept(one.odd)
    assert left.id != waits.id, "what is left is news, and waits in its place"
    assert "1 of 2 could not be read; item 4: status 'ALERT'" in left.reason
    rest = hearing.understand(source("ALARM", "ALERT"), hearing.again(left))
    assert [fact.key for fact in rest.facts] == ["boiler/d"]
    with pytest.raises(Malformed, match="of 4 items some were taken in, and now it is read as 2"):
        hearing.understand(source("ALARM", each="events[?state=='ALARM' || id=='a']"), hearing.again(waits))


def test_changes_and_vendors_can_be_mapped_too():
    change = Map(
        kind="change", fields={"service": "app", "status": "result", "version": "tag"}, statuses={"done": "succeeded"}
    )
    [fact] = mapped(change, {"app": "checkout", "result": "DONE", "tag": "v42"})
    assert (fact["kind"], fact["key"], fact["status"]) == ("change", "boiler/deploy/checkout//v42", "succeeded")
    vendor = Map(kind="vendor", fields={"key": "id", "vendor": "'Acme'", "status": "state", "component": "part"})
    [fact] = mapped(vendor, {"id": 1, "state": "major_outage", "part": "API"})
    assert (fact["kind"], fact["vendor"], fact["component"], fact["status"]) == (
        "vendor",
        "Acme",
        "API",
        "major_outage",
    )


@pytest.mark.parametrize(
    ("map_", "words"),
    [
        (Map(fields={"key": "id", "title": "["}), r"title: '\[' is no JMESPath: incomplete expression$"),
        (Map(fields={"key": "id", "title": "a b"}), "is no JMESPath: unexpected token: b: parse error at column 2"),
        (Map(fields={"key": "id", "title": ""}), "is no JMESPath: cannot be empty$"),
        (Map(fields={"key": "id"}), "name title"),
        (Map(kind="alrt", fields={}), "none of alert, change, vendor"),
        (Map(fields={"key": "id", "title": "t", "titel": "t"}), "'titel' is none of"),
        (Map(fields={"key": "id", "title": "t"}, statuses={"OK": "well"}), "'well' is none of firing, resolved"),
    ],
)
def test_a_map_that_cannot_work_is_told_at_the_start(map_, words):
    with pytest.raises(BadMap, match=words):
        map_.check()


def test_what_is_wrong_is_said_in_our_words():
    said = heard_or_not("deploys", b'{"service": "", "status": "started"}')
    assert said == "this is not a deploy event: service: name the service"


# ---------------------------------------------------------------- traps of one sender


def of_sample(sender: str, name: str, **changed: Any) -> list[Any]:
    path = SAMPLES.parent / sender / f"{name}.json"
    return heard(sender, json.dumps(json.loads(path.read_text()) | changed).encode())


def test_azures_sev1_is_an_error_and_not_our_sev1():
    assert [of_sample("azuremonitor", name)[0].severity for name in ("fired", "logs")] == ["error", "info"]


def test_an_alert_of_honeycombs_is_about_a_service_only_if_all_its_groups_are():
    groups = [{"Group": {"service.name": name, "env": "prod"}, "Result": 3} for name in ("checkout", "cart")]
    [both] = of_sample("honeycomb", "triggered", result_groups_triggered=groups)
    [one] = of_sample("honeycomb", "triggered", result_groups_triggered=groups[:1])
    assert (both.service, one.service) == ("", "checkout")
    assert both.key == one.key


def test_uptime_kumas_local_time_is_read_with_its_offset():
    [alert] = of_sample("uptimekuma", "down")
    assert alert.starts_at == datetime(2026, 11, 21, 1, 20, 11, tzinfo=UTC)


def test_a_plugins_quotes_and_ampersands_survive_a_form():
    [alert] = heard("nagios", b"type=PROBLEM&host=h&check=c&state=WARNING&output=%22a%22+%26+%3Cb%3E%3D")
    assert (alert.title, alert.severity) == ('h c: "a" & <b>=', "warning")


def test_a_host_and_a_check_on_it_are_two_alerts():
    keys = {heard("nagios", f"type=PROBLEM&host=h&state=DOWN&check={check}".encode())[0].key for check in ("", "c")}
    assert keys == {"nagios/h", "nagios/h/c"}


def test_a_macro_that_nobody_filled_is_absent():
    unfilled = ("$SERVICEDESC$", "{EVENT.ID}", "{ProblemURL}", "*UNKNOWN*", "*alertDateTime*", "{{GROUP_NAME}}")
    assert [to_text(text) for text in unfilled] == [""] * 6
    filled = ("$5 off", "{a: 1}", "*bold*", "{} is empty")
    assert [to_text(text) for text in filled] == list(filled)


def test_an_address_without_a_host_is_none():
    assert [to_url(text) for text in ("https://", "http:///x", "https://x")] == [None, None, "https://x"]


def test_a_maintenance_of_better_stacks_ends_by_the_clock():
    body = (SAMPLES.parent / "betterstack" / "maintenance.json").read_bytes()
    hours = (1, 2, 5)  # it lasts from 01:30 to 04:00
    said = [SENDERS["betterstack"].parse(Delivery(body=body, now=NOW.replace(hour=hour))) for hour in hours]
    assert [[fact.status for fact in facts] for facts in said] == [[], ["under_maintenance"], ["operational"]]
