"""Probes: what a page should be, whether it is, and what follows from several bad looks in a row."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

import jmespath
from jmespath.exceptions import JMESPathError

from bot.alerts import Seen, triage
from bot.cards import probe as cards
from bot.decision import Decision, PostCard, RunProbe, SendPost
from bot.hearing import SECRET
from bot.incidents import CHANNEL
from bot.model import BOT, Alert, Entry, EntryKind, Evidence, Finding, Incident, Post
from bot.policy import Expect, Policy, Probe
from bot.text import clip, one_line, span

KEPT = 50  # pieces of evidence of one probe; the next takes the place of the oldest
BEGINNING = 4096  # characters of a page that are kept
SHORT = 160  # of them on the timeline
HEADERS = 40
UNSEEN_AFTER = 4  # turns that were missed: then nothing is known, and nothing is not good
APOLOGIES = (200, 503)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from one address, "" for whoever the name leads to. `trouble`: why nothing did."""

    address: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    size: int = 0
    whole: bool = True  # else it is larger than what is read
    seconds: float = 0.0
    certificate_until: datetime | None = None
    trouble: str = ""
    asset: str = ""  # what is wrong with the asset that the page names


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `kind` says it without the figures that differ from look to look."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One look: what is wrong, the answer that shows it best, and what that means for traffic."""

    faults: tuple[Fault, ...]
    answer: Answer
    around: str = ""

    @property
    def good(self) -> bool:
        return not self.faults

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(fault.text for fault in self.faults)


# ---------------------------------------------------------------- one look


def judge(probe: Probe, answers: Sequence[Answer], now: datetime, apology: Answer | None = None) -> Outcome:
    """The first answer is that of the name; the others are of the addresses behind it, each by itself."""
    found = [(answer, tuple(faults(probe.expect, answer, now))) for answer in answers]
    worst = next((answer for answer, wrong in found if wrong), answers[0])
    around = [_places([(answer.address, not wrong) for answer, wrong in found[1:]]), _apology(apology)]
    wrong = tuple(_at(answer.address, fault) for answer, several in found for fault in several)
    return Outcome(faults=wrong, answer=worst, around="; ".join(filter(None, around)))


def faults(expect: Expect, answer: Answer, now: datetime) -> Iterator[Fault]:
    """What is not as expected, the plainest first."""
    if answer.trouble:
        yield Fault("trouble", answer.trouble)
        return
    if answer.status != expect.status:
        yield Fault("status", f"HTTP {answer.status}, not {expect.status}")
    for part in expect.text:
        if part not in answer.text:
            yield Fault(f"text {part}", f"“{clip(one_line(part), 80)}” is not in it")
    for part in expect.not_text:
        if part in answer.text:
            yield Fault(f"not_text {part}", f"“{clip(one_line(part), 80)}” is in it")
    yield from _json(expect.json, answer.text)
    yield from _measures(expect, answer, now)
    if answer.asset:
        yield Fault("asset", answer.asset)


def _json(wanted: Mapping[str, Any], text: str) -> Iterator[Fault]:
    if not wanted:
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        yield Fault("json", "it is no JSON")
        return
    for path, value in wanted.items():
        try:
            found = jmespath.search(path, content)
        except JMESPathError:  # such as a sum of words
            found = None
        if found != value or isinstance(found, bool) != isinstance(value, bool):
            yield Fault(f"json {path}", f"{clip(path, 80)} is {_shown(found)}, not {_shown(value)}")


def _shown(value: Any) -> str:
    return clip(json.dumps(value, ensure_ascii=False, default=str), 80)


def _measures(expect: Expect, answer: Answer, now: datetime) -> Iterator[Fault]:
    if answer.size < expect.smallest:
        yield Fault("smallest", f"{answer.size:,} bytes, and {expect.smallest:,} is the least")
    if expect.largest and (answer.size > expect.largest or not answer.whole):
        more = "" if answer.whole else "more than "
        yield Fault("largest", f"{more}{answer.size:,} bytes, and {expect.largest:,} is the most")
    if answer.seconds > expect.within.total_seconds():
        yield Fault("within", f"it took {answer.seconds:.1f} s, and {expect.within.total_seconds():g} s is the most")
    if answer.certificate_until and answer.certificate_until - now < timedelta(days=expect.certificate_days):
        left = answer.certificate_until - now
        yield Fault("certificate", f"its certificate ends in {span(left)}" if left > timedelta(0) else "it has ended")


def _at(address: str, fault: Fault) -> Fault:
    return Fault(f"{address} {fault.kind}", f"{address}: {fault.text}") if address else fault


def _places(places: Sequence[tuple[str, bool]]) -> str:
    """Whether traffic has somewhere healthy to go."""
    if not places:
        return ""
    healthy = [address for address, good in places if good]
    if len(healthy) == len(places):
        return f"all {len(places)} addresses answer well"
    if not healthy:
        return f"none of {len(places)} addresses answers well: traffic has nowhere healthy to go"
    return f"{', '.join(healthy)} of {len(places)} addresses answer well: traffic has somewhere healthy to go"


def _apology(answer: Answer | None) -> str:
    """The page that customers should see when all else is down; some servers send it as an error."""
    if answer is None:
        return ""
    if answer.trouble:
        return f"the apology page is not served: {answer.trouble}"
    served = answer.status in APOLOGIES and answer.size > 0
    return "the apology page is served" if served else f"the apology page is not served: HTTP {answer.status}"


def asset_url(page: str, base: str, asset: str) -> str:
    """The address of an asset: as it is, or the first in the page that has these words in it. "" if there is none."""
    if asset.startswith(("http://", "https://")):
        return asset
    named = re.search(rf"[\"'=]([^\"'<>\s=]*{re.escape(asset)}[^\"'<>\s]*)", page)
    return urljoin(base, named[1]) if named else ""


# ---------------------------------------------------------------- look after look


def looked(
    probe: Probe,
    before: Finding | None,
    outcome: Outcome,
    seen: Seen,
    incident: Incident | None,
    policy: Policy,
    now: datetime,
) -> Decision:
    """One look. The same look twice counts once. `incident`: an open one of the service."""
    if before and before.checked_at >= now:
        return Decision()
    finding = _counted(probe, before, outcome, now)
    over = finding.good and finding.alerted_at is not None and finding.in_a_row >= probe.after
    fires = not finding.good and finding.in_a_row >= probe.after
    if fires and finding.alerted_at is None:
        finding = replace(finding, red_since=finding.since)
    decision = Decision(do=(RunProbe(probe.name, due=now + turn(probe, now)),))
    if fires or over:
        decision += triage([_alert(probe, finding, firing=fires, now=now)], seen, policy, now)
    opened = next((noun.incident for noun in decision.save if isinstance(noun, Alert)), "")
    here = opened or (incident.id if incident else "")
    first = fires and finding.alerted_at is None
    finding = replace(finding, alerted_at=None if over else finding.alerted_at or (now if fires else None))
    if here and (first or over or _differs(before, finding)):
        decision += _told(probe, finding, outcome, here, first=first, over=over, now=now)
    if before is None or _differs(before, finding) or first:
        finding = replace(finding, kept=finding.kept + 1)
        kept = replace(evidence(probe, outcome, now), id=f"{probe.name}/{finding.kept % KEPT}", incident=here)
        decision += Decision(save=(kept,))
    return decision + Decision(save=(finding,))


def turn(probe: Probe, now: datetime) -> timedelta:
    """Until the next look: a little more or less each time, so that probes do not all ask at the same moment."""
    lot = int.from_bytes(sha256(f"{probe.name}/{now.isoformat()}".encode()).digest()[:2], "big") / 65535
    return probe.every * (0.9 + 0.2 * lot)


def _counted(probe: Probe, before: Finding | None, outcome: Outcome, now: datetime) -> Finding:
    same = before is not None and before.good == outcome.good
    return Finding(
        id=probe.name,
        service=probe.service,
        environment=probe.environment,
        faults=outcome.words,
        kinds=tuple(fault.kind for fault in outcome.faults),
        around=outcome.around,
        in_a_row=before.in_a_row + 1 if before and same else 1,
        since=before.since if before and same else now,
        checked_at=now,
        last_good_at=now if outcome.good else before.last_good_at if before else None,
        alerted_at=before.alerted_at if before else None,
        red_since=before.red_since if before else None,
        kept=before.kept if before else 0,
        version=before.version if before else 0,
    )


def _differs(before: Finding | None, now: Finding) -> bool:
    return before is not None and before.kinds != now.kinds


def alert_key(probe: str) -> str:
    return f"{BOT}/probe/{probe}"


def _alert(probe: Probe, finding: Finding, *, firing: bool, now: datetime) -> Alert:
    what = f": {finding.faults[0]}" if finding.faults else ""
    return Alert(
        key=alert_key(probe.name),
        group=alert_key(probe.name),
        title=f"Probe {probe.name}{what}",
        severity=probe.severity,
        service=probe.service,
        environment=probe.environment,
        firing=firing,
        starts_at=finding.red_since or finding.since,
        ends_at=None if firing else finding.since,
        url=probe.url,
        source=BOT,
    )


def asked_of(probe: Probe, now: datetime) -> Alert:
    """Whatever triage has to know of the alert that a look may raise or clear."""
    return _alert(probe, _counted(probe, None, Outcome(faults=(), answer=Answer()), now), firing=True, now=now)


def _told(
    probe: Probe, finding: Finding, outcome: Outcome, incident: str, *, first: bool, over: bool, now: datetime
) -> Decision:
    """On the timeline with its evidence; where it is red for good, or over, in the channel as well."""
    line = _line(finding, outcome)
    entry = Entry(incident=incident, at=now, kind=EntryKind.ALERT, text=line, source=probe.url)
    told = Decision(note=() if over else (entry,), do=(PostCard(incident),))  # that it cleared is noted with the alert
    if not first and not over:
        return told
    card = cards.turned(probe, finding, outcome.answer.text)
    id = f"{incident}/probe/{probe.name}/{int(finding.since.timestamp())}/{'red' if first else 'good'}"
    post = Post(id=id, incident=incident, channel=CHANNEL, text=card.text, blocks=card.blocks)
    return told + Decision(save=(post,), do=(SendPost(post.id),))


def _line(finding: Finding, outcome: Outcome) -> str:
    """ "probe prices is bad: “€” is not in it (HTTP 200, 812 bytes in 0.04 s: <title>Welcome…)"."""
    answer = outcome.answer
    got = f"HTTP {answer.status}, {answer.size:,} bytes in {answer.seconds:.2f} s" if answer.status else ""
    if finding.good:
        return f"probe {finding.id} is good again" + (f" ({got})" if got else "")
    page = f": {clip(one_line(answer.text), SHORT)}" if got and answer.text.strip() else ""
    proof = f" ({got}{page})" if got else ""
    around = f"; {finding.around}" if finding.around else ""
    return f"probe {finding.id} is bad: {'; '.join(finding.faults[:3])}{around}{proof}"


def evidence(probe: Probe, outcome: Outcome, now: datetime) -> Evidence:
    answer = outcome.answer
    return Evidence(
        id=probe.name,
        probe=probe.name,
        at=now,
        incident="",
        faults=outcome.words,
        status=answer.status,
        seconds=round(answer.seconds, 3),
        size=answer.size,
        headers=public(answer.headers),
        beginning=clip(answer.text, BEGINNING),
    )


def public(headers: Mapping[str, str]) -> dict[str, str]:
    """Without those that hold secrets."""
    shown = ((name.lower(), value) for name, value in headers.items())
    kept = [(name, clip(value, 500)) for name, value in shown if not any(word in name for word in SECRET)]
    return dict(kept[:HEADERS])


# ---------------------------------------------------------------- what follows


def run_all(names: Collection[str], now: datetime) -> Decision:
    """Look now: something is being done to their service."""
    return Decision(do=tuple(RunProbe(name, due=now) for name in names))


def standing(findings: Sequence[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Those of probes that are still configured."""
    return tuple(finding for finding in findings if finding.id in policy.probes)


def doubts(findings: Sequence[Finding], policy: Policy, now: datetime) -> tuple[str, ...]:
    """Why one cannot say that all is well, by the probes. What was not looked at is not good."""
    return tuple(filter(None, (_doubt(finding, policy, now) for finding in standing(findings, policy))))


def _doubt(finding: Finding, policy: Policy, now: datetime) -> str:
    unseen = now - finding.checked_at
    if unseen > max(UNSEEN_AFTER * policy.probes[finding.id].every, timedelta(minutes=2)):
        return f"probe {finding.id} has not looked for {span(unseen)}"
    if not finding.good:
        return f"probe {finding.id} is red: {finding.faults[0]}"
    if finding.alerted_at:
        after = policy.probes[finding.id].after
        return f"probe {finding.id} was good {finding.in_a_row} of {after} times since it was red"
    return ""
