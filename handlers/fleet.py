"""The servers of a service: who should be there, what each runs, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from bot import dangers, skews
from bot.alerts import Seen
from bot.cards import fleet as cards
from bot.commands import Ask
from bot.consent import must_be_allowed
from bot.decision import Decision
from bot.errors import ProviderError, Refused
from bot.fleet import Approved, Authority, Expected, Fleet, Instance, Listing, compare, digest_of
from bot.model import BOT, Alert, Change, Revision, Rollout, RolloutPhase, Verb, is_stage, rollout_id
from bot.policy import Service, Verification
from bot.skews import Known
from bot.text import code
from handlers import alerts, targets
from handlers.world import Instances, Think, VersionPage, World, nothing
from storage.store import Tx

AT_ONCE = 8  # servers asked at the same time
WHY = 300  # characters
ACCEPT = re.compile(
    r"""(?:--|[—–])accept[\s=]+["“”']?(?P<why>.*?)["“”']?""", re.DOTALL
)  # Slack makes dashes and quotes of it
BUILDS = 50  # deploys of a service whose digests are known by name


# ---------------------------------------------------------------- commands


def show(world: World, ask: Ask, words: str) -> Decision:
    """`/rollout verify S [--accept why]`. Raises Refused, ProviderError."""
    service, rest = targets.find(world, ask, words, "verify")
    if rest:
        return accept(world, ask, service, rest)
    rollout = targets.read(world, service)
    return Decision(say=cards.fleet_card(service.called, look(world, service, rollout), moving(rollout)))


def accept(world: World, ask: Ask, service: Service, words: str) -> Decision:
    """Whoever may promote may say that the servers are good as they are. Raises Refused."""
    found = ACCEPT.fullmatch(words)
    why = " ".join((found["why"] if found else "").split())[:WHY]
    if not why:
        raise Refused(
            f"I did not understand {code(words, 60)}; nothing was changed.",
            instead=f'/rollout verify {service.called} --accept "why"',
        )
    circle = targets.circle(world, service, Verb.PROMOTE)

    def think(tx: Tx, now: datetime) -> Decision:
        here = targets.surroundings(tx, ask, service, now).incident
        must_be_allowed(
            ask.by, circle.allowed(world, tx, here), service.called, here.id if here else "", circle.rule.who
        )
        known = _known(world, tx, service, now)
        return skews.accepted(known.skew, known, world.policy, called=service.called, why=why, by=ask.by, now=now)

    return world.decide(think)


def moving(rollout: Rollout) -> str:
    """A rollout that is under way, in words; "" where one revision should be everywhere."""
    if not rollout.in_flight or rollout.aborted:
        return ""
    paused = rollout.phase is RolloutPhase.PAUSED
    why = f" ({rollout.message})" if paused and rollout.message else ""
    state = "paused" if paused else "under way"
    return f"{rollout.stable} → {rollout.current} is {state}, at {rollout.weight} % of the traffic{why}"


# ---------------------------------------------------------------- effects


def verify(world: World, id: str) -> Think:
    """One look of the check after a rollout. What cannot be read is unknown, not an error to give up on."""
    name, _, environment = id.rpartition("/")
    service = world.policy.service(name, environment)
    if service.rollout is None or targets.asks_only(service):
        return nothing
    try:
        rollout = targets.read(world, service)
        found = None if moving(rollout) else look(world, service, rollout)
    except ProviderError as error:
        return _unseen(world, service, error)
    except Refused:  # nobody says who should be there; whoever asks by hand is told so
        return nothing
    approved = str(_wanted(rollout))

    def think(tx: Tx, now: datetime) -> Decision:
        known = _known(world, tx, service, now)
        if is_stage(environment) and known.incident is None:  # the drill was ended while we looked
            return Decision()
        if found is None:
            under_way = known.skew is not None and known.skew.settled_at is None
            return skews.overtaken(known.skew, now) if known.skew and under_way else Decision()
        if skews.just_settled(known.skew, approved, now):
            return Decision()
        skew = skews.begun(service.name, environment, approved, known.skew, now)
        return skews.looked(skew, found, known, world.policy, now)

    return think


def _unseen(world: World, service: Service, error: ProviderError) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        known = _known(world, tx, service, now)
        if is_stage(service.environment) and known.incident is None:
            return Decision()
        approved = known.skew.approved if known.skew else "the approved version"
        skew = skews.begun(service.name, service.environment, approved, known.skew, now)
        return skews.unseen(skew, str(error), known, world.policy, now)

    return think


def _known(world: World, tx: Tx, service: Service, now: datetime) -> Known:
    id = rollout_id(service.name, service.environment)
    skew = tx.skew(id)
    return Known(
        skew=skew,
        hold=tx.find_hold(skews.hold_id(id)),
        incident=next(iter(tx.open_incident_of(service.name, service.environment)), None),
        seen=_triage(world, tx, service, now),
    )


def _triage(world: World, tx: Tx, service: Service, now: datetime) -> Seen:
    """What triage needs to know of the alert that a check may raise or clear."""
    id = rollout_id(service.name, service.environment)
    probe = Alert(
        key=skews.alert_key(id),
        group=id,
        title="",
        severity="",
        service=service.name,
        environment=service.environment,
        firing=True,
        starts_at=now,
        source=BOT,  # as the alert itself: no route takes it elsewhere
    )
    seen = alerts.seen(world, tx, now, [probe])
    return replace(seen, silences=()) if is_stage(service.environment) else seen


# ---------------------------------------------------------------- one look


def look(world: World, service: Service, rollout: Rollout) -> Fleet:
    """Raises ProviderError, or Refused where nobody says who should be there."""
    deploys = world.read(lambda tx: tx.deploys(service.name, service.environment, BUILDS))
    wanted = _wanted(rollout)
    approved = _approved(str(wanted), deploys)
    if moving(rollout):
        approved = replace(approved, leaving=_approved(str(rollout.stable), deploys))
    pods = _pods(world, service, wanted)
    said = [*_build_infos(world, service), *_version_pages(world, service, pods.seen)]
    expected = _expected(world, service, _targets(world, service), pods.expected)
    older = {r.hash: str(r) for r in (*rollout.history, rollout.current)}
    given_up = rollout.current.hash if wanted != rollout.current else ""
    seen = [*(_named(_leaving(pod, given_up), older) for pod in pods.seen), *said]
    return compare(replace(approved, newer=_newer(approved.version, rollout, deploys)), expected, seen, pods.notes)


def _leaving(pod: Instance, given_up: str) -> Instance:
    """The pods of what was aborted get no traffic, and go by themselves."""
    return replace(pod, ending=pod.ending or (bool(given_up) and pod.older == given_up))


def _newer(version: str, rollout: Rollout, deploys: Sequence[Change]) -> frozenset[str]:
    """The versions that came after the one that should run: where there are any, it was gone back to."""
    others = {str(revision) for revision in (*rollout.history, rollout.current)} | {d.version for d in deploys}
    return frozenset(other for other in others if dangers.older(version, other, deploys))


def _wanted(rollout: Rollout) -> Revision:
    """The revision that should be everywhere: of an aborted rollout that is the one it went back to."""
    return rollout.stable if rollout.aborted and rollout.stable else rollout.current


def _approved(version: str, deploys: Sequence[Change]) -> Approved:
    """What the deploy of this version was reported with. What most servers run is no proof, so it is not asked."""
    deploy = next((d for d in deploys if d.version == version and d.digests), None)
    deploy = deploy or next((d for d in deploys if d.version == version), None)
    builds = {digest_of(digest): d.version for d in reversed(deploys) for digest in d.digests if digest_of(digest)}
    if deploy is None:
        return Approved(version=version, builds=builds)
    return Approved(version=version, digests=frozenset(deploy.digests), config_hash=deploy.config_hash, builds=builds)


def _pods(world: World, service: Service, wanted: Revision) -> Instances:
    if world.pods is None or service.rollout is None:
        return Instances()
    return world.pods.instances(service.rollout, service.verification, wanted.hash)


def _expected(world: World, service: Service, up: Expected | None, others: Sequence[Expected]) -> Expected:
    """The first that is there; never from what is checked."""
    if service.servers:
        names = frozenset(service.servers)
        return Expected(authority=Authority.INVENTORY, count=len(names), names=names)
    found = next(iter([*([up] if up else []), *others]), None)
    if found is None:
        raise Refused(
            f"Nobody says which servers {code(service.called)} should have: list them in "
            f"{code(f'{world.policy.key_of(service)}.servers')}.",
            instead=f"/rollout show {service.called}",
        )
    return found


def _named(pod: Instance, older: Mapping[str, str]) -> Instance:
    """The older revision of a pod as people call it."""
    return replace(pod, older=older.get(pod.older, pod.older)) if pod.older else pod


# ---------------------------------------------------------------- what is asked beside the pods


def _targets(world: World, service: Service) -> Expected | None:
    """What Prometheus would scrape, whether it reaches it or not."""
    series = _series(world, service, service.verification.up)
    names = frozenset(_name(labels) for labels in series)
    return Expected(authority=Authority.TARGETS, count=len(names), names=names) if names else None


def _build_infos(world: World, service: Service) -> Iterator[Instance]:
    for labels in _series(world, service, service.verification.build_info):
        yield Instance(
            name=_name(labels),
            listing=Listing.BUILD_INFO,
            address=_host(labels.get("instance", "")),
            version=labels.get("version", ""),
            build=labels.get("revision", ""),
            config_hash=labels.get(service.verification.config_key, "") if service.verification.config_key else "",
        )


def _series(world: World, service: Service, query: str) -> list[Mapping[str, str]]:
    if not query:
        return []
    if world.metrics is None:
        raise ProviderError("Prometheus", f"its url is not configured, and {service.called} is to be asked there")
    return [labels for labels, _ in world.metrics.query(query)]


def _name(labels: Mapping[str, str]) -> str:
    return labels.get("pod") or _host(labels.get("instance", ""))


def _host(instance: str) -> str:
    """Without the port; an IPv6 address without its brackets."""
    host, colon, port = instance.rpartition(":")
    return (host if colon and port.isdigit() else instance).strip("[]")


def _version_pages(world: World, service: Service, pods: Sequence[Instance]) -> list[Instance]:
    """Each server is asked by itself: behind one address it would be chance who answers."""
    reader = world.version_page
    if reader is None or not service.verification.version_url:
        return []
    asked = [(name, name) for name in service.servers]
    asked = asked or [(pod.name, pod.address) for pod in pods if pod.address and not pod.ending]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="versions") as pool:
        return list(pool.map(lambda pair: _version_page(reader, service.verification, *pair), asked))


def _version_page(reader: VersionPage, verification: Verification, name: str, address: str) -> Instance:
    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    url = verification.version_url.replace("{server}", host)
    page = Instance(name=name, listing=Listing.VERSION_PAGE, address=_host(address))
    try:
        return replace(page, version=reader.version(url, verification.version_field))
    except ProviderError as error:
        return replace(page, trouble=f"did not say its version ({error.message})")
