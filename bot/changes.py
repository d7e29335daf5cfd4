"""What changed in the world, and what that means for the open incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import incidents, news
from bot.decision import Decision, PostCard, ShowRollout
from bot.intents import LEAVES
from bot.judgement import suspects
from bot.live import BEGUN, card_id
from bot.model import (
    BOT,
    Change,
    ChangeKind,
    ChangeStatus,
    Entry,
    EntryKind,
    Finding,
    Incident,
    Link,
    Post,
    Request,
    RequestState,
    Verdict,
)
from bot.policy import Policy
from bot.vendors import Trouble

CLUSTER = "cluster"  # the source of what the cluster itself has told
LATE = timedelta(minutes=10)  # by the clocks and queues between a pipeline and us
ENDED = frozenset(ChangeStatus) - {ChangeStatus.STARTED}
STANDING = frozenset({ChangeStatus.STARTED, ChangeStatus.SUCCEEDED})


def merge(change: Change, before: Change | None) -> Change:
    """What is known after this news. `at` stays the beginning: it is what ranking uses.

    The same version may be shipped again: a start later than the last one is a new beginning.
    """
    if before is None:
        return change
    starts, ended = change.status is ChangeStatus.STARTED, before.status in ENDED
    if starts and ended and change.at > before.at and not _late(change, before):
        return change
    if (starts and ended) or (not starts and not ended and change.at < before.at):  # an old copy, late
        return replace(
            before,
            at=min(change.at, before.at) if starts else before.at,
            url=before.url or change.url,
            actor=before.actor or change.actor,
        )
    return replace(
        change,
        at=min(change.at, before.at),
        title=change.title or before.title,
        url=change.url or before.url,
        actor=change.actor or before.actor,
        version=change.version or before.version,
        digests=change.digests or before.digests,
        migration=change.migration or before.migration,
        floor=change.floor or before.floor,
        config_hash=change.config_hash or before.config_hash,
    )


def _late(start: Change, before: Change) -> bool:
    """The cluster has seen it through before its pipeline has told that it begins."""
    return before.source == CLUSTER and before.status is ChangeStatus.SUCCEEDED and start.at - before.at < LATE


def receive(
    changes: Sequence[Change],
    known: Mapping[str, Change],
    open_ones: Iterable[Incident],
    policy: Policy,
    now: datetime,
    minutes: Mapping[str, Post] | None = None,
) -> Decision:
    """Keep the changes; those near an open incident are news to its responders.

    `minutes`: by incident, the message of this minute that tells of changes.
    """
    latest, heard = dict(known), list[Change]()
    for change in changes:  # the beginning and the end of one deploy may come together
        merged = merge(change, latest.get(change.key))
        if merged != latest.get(change.key):
            latest[change.key] = merged
            heard.append(change)
    decision = Decision(save=tuple(latest[key] for key in dict.fromkeys(change.key for change in heard)))
    begun = [change for key, change in latest.items() if news.begins(change, known.get(key))]
    for incident in open_ones:
        for said in heard:
            if news.concerns(said, incident, policy):
                decision += incidents.change_seen(incident, said, describe(said))
                decision += Decision(do=_shown(incident, said, policy, now))
        near = [change for change in begun if news.concerns(change, incident, policy)]
        decision += news.told(incident, near, (minutes or {}).get(incident.id), now)
    return decision


def _shown(incident: Incident, change: Change, policy: Policy, now: datetime) -> tuple[ShowRollout, ...]:
    """A release of the incident's own service begins: its channel looks on, once the cluster has begun too."""
    begins = change.change is ChangeKind.DEPLOY and change.status is ChangeStatus.STARTED
    same = (change.service, change.environment) == (incident.service, incident.environment)
    if not begins or not same or policy.service(change.service, change.environment).rollout is None:
        return ()
    return (ShowRollout(card_id(incident.id, change.service, change.environment), due=now + BEGUN),)


def describe(change: Change) -> str:
    """ "deploy of checkout v42 started"."""
    version = f" {change.version}" if change.version else ""
    title = f" ({change.title})" if change.title else ""
    return f"{change.change} of {change.called}{version} {change.status.value.replace('_', ' ')}{title}"


def rolled_back(request: Request, recent: Iterable[Change]) -> Decision:
    """A proven rollback or abort ended the deploys of the version it left, also those that CI had reported as done."""
    if request.verb not in LEAVES or request.state is not RequestState.DONE:
        return Decision()
    left = (ChangeKind.DEPLOY, request.service, request.environment, request.from_version)
    undone = (c for c in recent if (c.change, c.service, c.environment, c.version) == left and c.status in STANDING)
    return Decision(save=tuple(replace(change, status=ChangeStatus.ROLLED_BACK) for change in undone))


def suspects_named(
    incident: Incident,
    changes: Sequence[Change],
    links: Sequence[Link],
    policy: Policy,
    now: datetime,
    *,
    probes: Sequence[Finding] = (),
    vendors: Sequence[Trouble] = (),
) -> Decision:
    """Name the likely changes; a verdict that a person gave stays."""
    known = {link.change: link for link in links}
    near = policy.service(incident.service, incident.environment).depends_on
    decision = Decision()
    service, environment = incident.service, incident.environment
    for suspect in suspects.rank(incident.began, service, environment, near, changes, probes=probes, vendors=vendors):
        before = known.get(suspect.change.key)
        said = before and (before.by != BOT or before.verdict is not Verdict.SUSPECT)
        if before and (said or before.reasons == suspect.reasons):
            continue
        link = Link(
            incident=incident.id,
            change=suspect.change.key,
            verdict=Verdict.SUSPECT,
            reasons=suspect.reasons,
            by=BOT,
            at=now,
            score=round(suspect.score, 3),
            version=before.version if before else 0,
        )
        decision += Decision(save=(link,), note=() if before else _named(incident, suspect, now))
    return decision + Decision(do=(PostCard(incident.id),)) if decision.save else decision


def _named(incident: Incident, suspect: suspects.Suspect, now: datetime) -> tuple[Entry, ...]:
    """Two lines: the change at its own time, and the suspicion at ours."""
    change, reasons = suspect.change, ", ".join(suspect.reasons)
    return (
        begun(incident, change),
        Entry(
            incident=incident.id,
            at=now,
            kind=EntryKind.SUSPECT,
            source=change.url or "",
            text=f"suspect: {change.change} of {change.called} {change.version} ({reasons})",
        ),
    )


def begun(incident: Incident, change: Change) -> Entry:
    """The change at its own time, whatever has become of it since."""
    return Entry(
        incident=incident.id,
        at=change.at,
        kind=EntryKind.CHANGE,
        by=change.actor or change.source or BOT,
        text=describe(replace(change, status=ChangeStatus.STARTED)),
        source=change.url or "",
    )
