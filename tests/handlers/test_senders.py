"""What every sender must do. A new one is found here by itself: samples, signature, docs, and no input that crashes it.

tests/samples/senders/NAME/ holds bodies as they were sent: SAMPLE.json (or another ending), the facts that they are in
SAMPLE.expected.json (`GOLDEN=write` writes it, for a person to read), headers if it has any in SAMPLE.headers.json.
"""

import json
import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.intake import SENDERS, Delivery, Fact, Source, shown
from handlers.intake.fields import Malformed, Partly, to_list
from handlers.intake.sender import MOST_ODD, each
from handlers.intake.signatures import SCHEMES, Untrusted
from handlers.intake.source import prove
from tests.signing import SHOWN, SIGNERS, TIMED
from tests.values import alert

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples" / "senders"
DOCS = (ROOT.parent / "docs" / "senders.md").read_text()
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SECRET, OLD_SECRET = "correct-horse-battery", "staple-of-last-year"


@dataclass(frozen=True)
class Sample:
    sender: str
    path: Path

    def __str__(self) -> str:
        return f"{self.sender}/{self.path.name}"

    def beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{ending}.json")

    def delivery(self, body: bytes | None = None) -> Delivery:
        beside = self.beside("headers")
        headers = json.loads(beside.read_text()) if beside.exists() else {}
        lower = {name.lower(): value for name, value in headers.items()}
        return Delivery(body=self.path.read_bytes() if body is None else body, now=NOW, headers=lower)


def samples_of(sender: str) -> list[Sample]:
    bodies = sorted(
        path for path in (SAMPLES / sender).glob("*") if not re.search(r"\.(expected|headers)\.", path.name)
    )
    return [Sample(sender, path) for path in bodies]


SENT = [sample for sender in SENDERS for sample in samples_of(sender)]
every_sender = pytest.mark.parametrize("sender", SENDERS)
every_sample = pytest.mark.parametrize("sample", SENT, ids=str)


@every_sender
def test_it_has_a_sample(sender: str) -> None:
    assert samples_of(sender), f"put a body as {sender} sends it into tests/samples/senders/{sender}/"


def test_no_samples_are_of_nobody() -> None:
    assert {path.name for path in SAMPLES.iterdir()} <= set(SENDERS)


@every_sample
def test_a_sample_becomes_the_facts_beside_it(sample: Sample) -> None:
    facts = [shown(fact) for fact in SENDERS[sample.sender].parse(sample.delivery())]
    expected = sample.beside("expected")
    if os.environ.get("GOLDEN") == "write":
        expected.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    assert facts == json.loads(expected.read_text())


@every_sample
def test_the_same_request_has_the_same_id_and_keys(sample: Sample) -> None:
    sender, later = SENDERS[sample.sender], replace(sample.delivery(), now=NOW + timedelta(hours=1))
    assert sender.delivery(sample.delivery()) == sender.delivery(later)
    assert [fact.key for fact in sender.parse(sample.delivery())] == [fact.key for fact in sender.parse(later)]


LISTS = {"alertmanager": "alerts", "grafana": "alerts", "signoz": "alerts"} | dict.fromkeys(
    ("cloudevents", "deploys", "generic", "prometheus", "updown"), ""
)


@pytest.mark.parametrize("sample", [sample for sample in SENT if sample.sender in LISTS], ids=str)
def test_an_odd_item_of_a_list_costs_none_of_the_others(sample: Sample) -> None:
    parse, delivery, within = SENDERS[sample.sender].parse, sample.delivery(), LISTS[sample.sender]
    if "ce-type" in delivery.headers or (within and within not in delivery.content):
        return  # one event with its envelope in the headers; one alert of Grafana 8
    facts, items = parse(delivery), delivery.content[within] if within else to_list(delivery.content)
    body = [*items, "odd"] if not within else {**delivery.content, within: [*items, "odd"]}
    with pytest.raises(Partly) as caught:
        parse(sample.delivery(json.dumps(body).encode()))
    assert list(caught.value.facts) == facts
    assert f"1 of {len(items) + 1} could not be read" in str(caught.value)
    rest = json.loads(caught.value.rest)
    assert (rest[within] if within else rest) == ["odd"]
    with pytest.raises(Malformed) as whole:
        parse(sample.delivery(caught.value.rest))
    assert not isinstance(whole.value, Partly)


def test_a_body_of_nothing_but_odd_items_is_soon_refused() -> None:
    asked: list[int] = []

    def read(item: int) -> list[Fact]:
        asked.append(item)
        raise Malformed("odd")

    with pytest.raises(Malformed, match="more than 100 of 9999 items could not be read, such as: odd"):
        each(Delivery(body=b"", now=NOW), range(9999), read, "")
    assert len(asked) == MOST_ODD + 1


def test_many_odd_items_cost_none_of_more_good_ones() -> None:
    def read(item: int) -> list[Fact]:
        if item % 3 == 2:
            raise Malformed("odd")
        return [alert(f"k{item}")]

    with pytest.raises(Partly, match="300 of 900 could not be read") as caught:
        each(Delivery(body=b"", now=NOW), range(900), read, "")
    assert len(caught.value.facts) == 600


# ---------------------------------------------------------------- docs


@every_sender
def test_it_is_in_the_docs_with_something_to_copy(sender: str) -> None:
    row = re.search(rf"^\| `{sender}` \| (.*?) \| `?([\w-]+)`? ", DOCS, re.MULTILINE)
    assert row, f"docs/senders.md has no row for {sender}"
    assert row.groups() == (SENDERS[sender].title, SENDERS[sender].auth)
    section = re.search(rf"^### [^\n]*`{sender}`.*?(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert section, f"docs/senders.md has no section for {sender}"
    assert "```" in section[0], f"docs/senders.md shows nothing to copy for {sender}"


# ---------------------------------------------------------------- authentication


def guarded(auth: str, *secrets: str) -> Source:
    return Source(name="x", sender=SENDERS["deploys"], schemes=(auth,), secrets=secrets or (SECRET,))


def signed(auth: str, body: bytes, secret: str = SECRET, now: datetime = NOW) -> Delivery:
    return Delivery(body=body, now=NOW, headers=SIGNERS[auth](body, secret, now))


def refusal(source: Source, delivery: Delivery) -> str:
    with pytest.raises(Untrusted) as error:
        prove(source, delivery, SCHEMES)
    return str(error.value)


every_scheme = pytest.mark.parametrize("auth", SCHEMES)


@every_sender
def test_its_scheme_is_known(sender: str) -> None:
    assert SENDERS[sender].auth in {*SCHEMES, "sns"}
    assert SENDERS[sender].odd in (202, 400)


@every_sample
def test_a_samples_own_signature_is_accepted_and_a_changed_body_refused(sample: Sample) -> None:
    auth, body = SENDERS[sample.sender].auth, sample.path.read_bytes()
    if auth == "sns":
        pytest.skip("tests/handlers/test_sns.py has the certificates that it takes")
    assert prove(guarded(auth), signed(auth, body), SCHEMES)
    if auth not in SHOWN:
        assert "fit" in refusal(guarded(auth), replace(signed(auth, body), body=body + b" "))


@every_scheme
def test_every_scheme_refuses_what_is_missing_or_wrong(auth: str) -> None:
    refusal(guarded(auth), Delivery(body=b"{}", now=NOW))
    refusal(guarded(auth), signed(auth, b"{}", "another secret"))
    refusal(
        guarded(auth), Delivery(body=b"{}", now=NOW, headers=dict.fromkeys(signed(auth, b"{}").headers, "é=,;.\x00"))
    )
    refusal(guarded(auth, ""), signed(auth, b"{}", ""))


@every_scheme
def test_while_a_secret_is_changed_both_open(auth: str) -> None:
    source = guarded(auth, SECRET, OLD_SECRET)
    assert prove(source, signed(auth, b"{}"), SCHEMES)
    assert prove(source, signed(auth, b"{}", OLD_SECRET), SCHEMES)
    refusal(guarded(auth, SECRET), signed(auth, b"{}", OLD_SECRET))


@pytest.mark.parametrize("auth", sorted(TIMED))
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signed_time_that_is_not_now_is_refused(auth: str, minutes: int) -> None:
    assert prove(guarded(auth), signed(auth, b"{}", now=NOW - timedelta(minutes=4)), SCHEMES)
    assert "5 minutes" in refusal(guarded(auth), signed(auth, b"{}", now=NOW + timedelta(minutes=minutes)))


@every_scheme
def test_no_refusal_prints_the_secret(auth: str) -> None:
    sent = (Delivery(body=b"{}", now=NOW), signed(auth, b"{}", "another secret"), signed(auth, b"[]"))
    for delivery in (
        *sent[:2],
        replace(sent[2], headers={name: value[:-1] for name, value in sent[2].headers.items()}),
    ):
        said = refusal(guarded(auth), delivery)
        assert SECRET not in said
        assert "another secret" not in said
    assert SECRET not in repr(guarded(auth))


def test_every_scheme_is_signed_here() -> None:
    assert set(SIGNERS) == set(SCHEMES)


# ---------------------------------------------------------------- no input crashes it

ODD = st.sampled_from(
    [
        None, True, 0, -1, 1.5, 2**70, 1795224300000000001, "", " ", "null", "$SERVICE", "*insert text*", "0", "1e400",
        "0001-01-01T00:00:00Z", "+01.00", "2021-04-28 21:50:00 +0200", "9999-12-31T23:59:59-23:59", "dontcare", "/path",
        "javascript:alert(1)", "<!channel> & <@U1>", "\x00\ud800", "x" * 5000, [], {}, [[]], [None], [1, "a", {}],
        {"": None}, {"a": {"b": {"c": []}}}, [{"status": 3}], "[" * 200, 10**30,
    ]
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inside for place in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], how: Any, drop: bool) -> Any:
    """The value with one place in it made odd, or dropped."""
    if not path:
        return how
    copy = dict(value) if isinstance(value, dict) else list(value)
    if drop and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(value[path[0]], path[1:], how, drop)
    return copy


@st.composite
def mutations(draw: st.DrawFn, whole: Any) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        whole = changed(whole, draw(st.sampled_from(places(whole))), draw(ODD), draw(st.booleans()))
    return whole


def parsed(sender: str, delivery: Delivery) -> list[Fact]:
    try:
        SENDERS[sender].delivery(delivery)
        return list(SENDERS[sender].parse(delivery))
    except Malformed as malformed:
        said = str(malformed)
    assert "\n" not in said
    return []


@every_sender
@given(data=st.data())
def test_no_odd_body_is_ever_a_crash(sender: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(samples_of(sender)))
    body = sample.path.read_bytes()
    if sample.path.suffix == ".json":
        body = json.dumps(data.draw(mutations(json.loads(body)))).encode()
    else:
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(st.binary(max_size=20)) + body[at + data.draw(st.integers(0, 200)) :]
    delivery = sample.delivery(body)
    if data.draw(st.integers(0, 5)) == 0:
        delivery = replace(delivery, headers={})
    for fact in parsed(sender, delivery):
        json.dumps(told := shown(fact))
        assert told["key"]
        assert told["url"] is None or told["url"].startswith(("http://", "https://"))
        times = [value for name, value in vars(fact).items() if name.endswith("at") and value]
        assert all(isinstance(at, datetime) and at.tzinfo for at in times)
