"""Does every server of a service run what was approved? Pure: the approved build, who should be there, and who is.

Knight Capital updated seven servers of eight, and every one that was looked at was right. So who should be there has to
come from another source than the one that is checked, and what cannot be known is unknown, never right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.text import plural


class Listing(StrEnum):
    """Where a server was seen. None of these can say how many there should be."""

    PODS = "pods"
    BUILD_INFO = "build_info"
    VERSION_PAGE = "version page"


class Authority(StrEnum):
    """Who says which servers there should be: the first that is there counts."""

    INVENTORY = "the configured servers"
    TARGETS = "the targets of Prometheus"
    REPLICAS = "the replicas that are asked for"
    ENDPOINTS = "the endpoints of its Service"


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    LEAVING = "leaving"  # is right as it was, and its turn is still to come in the release that is under way


WORST = (State.WRONG, State.UNKNOWN, State.OK)


@dataclass(frozen=True, kw_only=True)
class Approved:
    """What should run. `digests`: the index of the image, and every platform's manifest and configuration.

    `builds`: digest → version, of earlier deploys too, so that a wrong server can be named by what it runs.
    `leaving`: what a release that is under way has still to replace; None where one version should be everywhere.
    `newer`: the versions that were made after it, where it was gone back to.
    """

    version: str
    digests: frozenset[str] = frozenset()
    config_hash: str = ""
    builds: Mapping[str, str] = field(default_factory=dict)
    leaving: Approved | None = None
    newer: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Who should be there. Without names only their number is known. Raises TypeError for a list that is checked."""

    authority: Authority
    count: int
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not isinstance(self.authority, Authority):
            raise TypeError(f"{self.authority} is what is checked, so it cannot say what is expected")


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container of a pod beside the one that is compared."""

    name: str
    image_id: str


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One server as one source saw it. `image_id` is None where the source knows no images."""

    name: str
    listing: Listing
    address: str = ""  # without a port
    image_id: str | None = None
    version: str = ""  # that it says itself
    build: str = ""  # the commit that it says it was built from
    config_hash: str = ""
    others: tuple[Container, ...] = ()  # sidecars, init containers
    older: str = ""  # the revision that it belongs to, if that is not the approved one
    stray: bool = False  # gets the service's traffic, and is none of the workload's
    ending: bool = False  # on its way out: it is no longer compared, and not missed
    trouble: str = ""  # why it did not say what it runs


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server, judged by all that saw it. `runs` is the version it was found to run, if that has a name."""

    name: str
    state: State
    why: str
    runs: str = ""
    stray: bool = False


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Who matches, who does not, and both differences between who should be there and who is."""

    approved: Approved
    expected: Expected
    servers: tuple[Server, ...]
    missing: tuple[str, ...] = ()  # names; without names "1 more"
    notes: tuple[str, ...] = ()  # what else is to be known
    known: bool = True  # there is something to compare with
    alike: bool = False  # every image that was seen is of one build

    @property
    def matching(self) -> int:
        return sum(server.state is State.OK for server in self.servers)

    @property
    def under_way(self) -> bool:
        return self.approved.leaving is not None

    @property
    def arrived(self) -> int:
        """How many a release has reached; where nothing proves a build, the cluster's word counts."""
        there = {State.OK} if self.known else {State.OK, State.UNKNOWN}
        return sum(server.state in there and not server.stray for server in self.servers)

    @property
    def stray(self) -> tuple[Server, ...]:
        return tuple(server for server in self.servers if server.stray)

    @property
    def odd(self) -> tuple[Server, ...]:
        """Those that are not ok, the wrong ones first."""
        return tuple(s for state in WORST[:2] for s in self.servers if s.state is state)

    @property
    def surplus(self) -> int:
        """How many more there are than should be, strays apart."""
        return max(0, len(self.servers) - len(self.stray) - self.expected.count)

    @property
    def state(self) -> State:
        """OK only where everybody is there and is right, and nobody else is. WRONG where one is known not to be.

        While a release is under way nothing is OK yet, and a pod that is just being replaced is not missing.
        """
        if any(server.state is State.WRONG for server in self.servers) or (self.missing and not self.under_way):
            return State.WRONG
        if self.under_way:
            return State.UNKNOWN
        whole = self.matching == len(self.servers) == self.expected.count > 0 and self.known
        return State.OK if whole else State.UNKNOWN

    @property
    def uniform(self) -> bool:
        """Everybody is there, of one build under the approved tag: without digests nothing better can be seen."""
        whole = not self.known and self.alike and not self.missing and not self.under_way
        return whole and self.state is State.UNKNOWN and len(self.servers) == self.expected.count > 0

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The versions that servers run which should run the approved one."""
        return tuple(dict.fromkeys(s.runs for s in self.odd if s.runs and s.runs != self.approved.version))


def compare(approved: Approved, expected: Expected, seen: Sequence[Instance], notes: Sequence[str] = ()) -> Fleet:
    """Every server that was seen against what was approved, and all of them against who should be there."""
    leaving = _on_their_way_out(seen)
    alive = [instance for instance in seen if not instance.ending and not leaving & _names([instance])]
    expected = _without(expected, leaving)
    found = _grouped(alive)
    servers = [_judged(sights, approved, expected, alive) for sights in found]
    return Fleet(
        approved=approved,
        expected=expected,
        servers=tuple(sorted(servers, key=lambda server: server.name)),
        missing=_missing(expected, found, servers),
        notes=(*notes, *_unknown_digests(approved, alive), *_unlike(alive)),
        known=bool(approved.digests) or all(instance.image_id is None for instance in alive),
        alike=_alike(alive),
    )


# ---------------------------------------------------------------- who is who


def _on_their_way_out(seen: Sequence[Instance]) -> set[str]:
    """The names and addresses of pods that go: who else still hears of them hears of nothing that is wrong.

    An address may have been given to another pod meanwhile, which stays.
    """
    staying = [instance for instance in seen if instance.listing is Listing.PODS and not instance.ending]
    return _names([instance for instance in seen if instance.ending]) - _names(staying)


def _without(expected: Expected, leaving: Collection[str]) -> Expected:
    """What is scraped or sent traffic until it is gone is not missed; what people wrote into a list is."""
    if expected.authority is Authority.INVENTORY or not expected.names & set(leaving):
        return expected
    names = expected.names - set(leaving)
    return replace(expected, names=names, count=len(names))


def _grouped(instances: Sequence[Instance]) -> list[list[Instance]]:
    """What several sources saw of one server, together: by its name, or by its address."""
    groups: list[list[Instance]] = []
    known: dict[str, list[Instance]] = {}
    for instance in instances:
        keys = [key for key in (instance.name, instance.address) if key]
        group = next((known[key] for key in keys if key in known), None)
        if group is None:
            groups.append(group := [])
        group.append(instance)
        known.update(dict.fromkeys(keys, group))
    return groups


def _names(sights: Sequence[Instance]) -> set[str]:
    return {key for sight in sights for key in (sight.name, sight.address) if key}


def _missing(expected: Expected, found: Sequence[Sequence[Instance]], servers: Sequence[Server]) -> tuple[str, ...]:
    if expected.names:
        here = {name for sights in found for name in _names(sights)}
        return tuple(sorted(expected.names - here))
    fewer = expected.count - sum(not server.stray for server in servers)
    return (f"{fewer} more",) if fewer > 0 else ()


# ---------------------------------------------------------------- one server


def _judged(sights: Sequence[Instance], approved: Approved, expected: Expected, alive: Sequence[Instance]) -> Server:
    if approved.leaving and _leaves(sights, approved, approved.leaving):
        return _to_be_replaced(sights, approved.leaving, expected, alive)
    first = sights[0]
    stray = _is_stray(sights, approved, expected)
    usual = _usual_build(alive, approved.version)
    facts = [fact for sight in sights for fact in _facts(sight, approved, usual)]
    facts += _configuration(sights, approved)
    if stray:
        facts.append((State.WRONG, "gets its traffic, and is not one of its servers"))
    if not facts:
        facts.append((State.UNKNOWN, "does not say what it runs"))
    state = next(state for state in WORST if any(fact == state for fact, _ in facts))
    why = [text for fact, text in facts if fact == state]
    return Server(
        name=first.name,
        state=state,
        why="; ".join(dict.fromkeys(why)),
        runs=_runs(sights, approved),
        stray=stray,
    )


def _leaves(sights: Sequence[Instance], approved: Approved, leaving: Approved) -> bool:
    """Of the revision that is on its way out; where no pod is seen, by the version that it says."""
    of_pods = [sight.older for sight in sights if sight.listing is Listing.PODS]
    if of_pods:
        return leaving.version in of_pods
    return leaving.version != approved.version and any(sight.version == leaving.version for sight in sights)


def _to_be_replaced(
    sights: Sequence[Instance], leaving: Approved, expected: Expected, alive: Sequence[Instance]
) -> Server:
    """It should still be what it was, as far as that can be known; another build is wrong during a release, too."""
    server = _judged([replace(sight, older="") for sight in sights], leaving, expected, alive)
    runs = server.runs or leaving.version
    state = State.WRONG if server.state is State.WRONG else State.LEAVING
    return replace(server, state=state, runs=runs)


def _is_stray(sights: Sequence[Instance], approved: Approved, expected: Expected) -> bool:
    """A pod that a release has just made is on no list yet but that of its owner."""
    if any(sight.stray for sight in sights):
        return True
    listed = bool(expected.names) and (approved.leaving is None or expected.authority is Authority.INVENTORY)
    return listed and not expected.names & _names(sights)


def _facts(sight: Instance, approved: Approved, usual: str) -> list[tuple[State, str]]:
    facts: list[tuple[State, str]] = []
    if sight.older:
        facts.append((State.WRONG, f"is of the older revision {sight.older}"))
    if sight.image_id is not None:
        facts.append(_image(sight.image_id, approved))
    if sight.trouble:
        facts.append((State.UNKNOWN, sight.trouble))
    elif sight.version:
        facts.append(_said(sight, approved, usual))
    return facts


def _image(image_id: str, approved: Approved) -> tuple[State, str]:
    """Only the digest counts: the image's name and tag in a pod's status may be those of another."""
    if not image_id.strip():
        return State.UNKNOWN, "reports no image yet"
    digest = digest_of(image_id)
    if not digest:
        return State.UNKNOWN, f"reports an image without a digest ({image_id[:80]})"
    if digest in normal(approved.digests):
        return State.OK, f"runs {approved.version}"
    if version := approved.builds.get(digest):
        return State.WRONG, f"runs {version}"
    if not approved.digests:
        return State.UNKNOWN, f"runs {short(digest)}, and no digest is approved to compare it with"
    if is_bare(image_id):  # the configuration of an image, which is no manifest: it may be of the approved one
        return State.UNKNOWN, f"reports {short(digest)}, which is not the digest of a manifest"
    return State.WRONG, f"runs another build ({short(digest)})"


def _said(sight: Instance, approved: Approved, usual: str) -> tuple[State, str]:
    if sight.version != approved.version:
        return State.WRONG, f"runs {sight.version}"
    if usual and sight.build and sight.build != usual:  # the same tag is not the same build
        return State.UNKNOWN, f"says {sight.version}, but of another build than the others ({sight.build[:12]})"
    return State.OK, f"says {sight.version}"


def _configuration(sights: Sequence[Instance], approved: Approved) -> list[tuple[State, str]]:
    """The same build with a reused flag or an old configuration is not the same server."""
    if not approved.config_hash:
        return []
    hashes = {sight.config_hash for sight in sights if sight.config_hash}
    if not hashes:
        return [(State.UNKNOWN, "does not say which configuration it has")]
    wrong = sorted(hashes - {approved.config_hash})
    return [(State.WRONG, f"has the configuration {wrong[0][:20]}")] if wrong else []


def _runs(sights: Sequence[Instance], approved: Approved) -> str:
    """What its image is known to be, before what it says, before what it should have been."""
    for sight in sights:
        digest = digest_of(sight.image_id or "")
        if digest in normal(approved.digests):
            return approved.version
        if digest and digest in approved.builds:
            return approved.builds[digest]
    said = (word for sight in sights for word in (sight.version, sight.older))
    return next(filter(None, said), "")


def _usual_build(instances: Iterable[Instance], version: str) -> str:
    """The build that most servers of a version say; "" while they agree."""
    builds = Counter(instance.build for instance in instances if instance.build and instance.version == version)
    return builds.most_common(1)[0][0] if len(builds) > 1 else ""


# ---------------------------------------------------------------- what else is to be known


def _unknown_digests(approved: Approved, instances: Sequence[Instance]) -> tuple[str, ...]:
    images = [digest_of(instance.image_id) for instance in instances if instance.image_id]
    if approved.digests or not images:
        return ()
    kinds = plural(len(set(images)), "build")
    return (f"No approved digest is known for {approved.version}; compared among themselves, they run {kinds}",)


def _alike(instances: Sequence[Instance]) -> bool:
    """A pod that reports no digest may be of any build."""
    images = [digest_of(instance.image_id) for instance in instances if instance.image_id is not None]
    return bool(images) and all(images) and len(set(images)) == 1


def _unlike(instances: Sequence[Instance]) -> tuple[str, ...]:
    """Sidecars and init containers are no part of the approval; that they differ is worth knowing."""
    seen: dict[str, Counter[str]] = {}
    for other in (other for instance in instances for other in instance.others if other.image_id):
        seen.setdefault(other.name, Counter())[digest_of(other.image_id) or other.image_id] += 1
    return tuple(
        f"container {name} runs {len(found)} builds: {', '.join(f'{n}x {short(digest)}' for digest, n in counted)}"
        for name, found in sorted(seen.items())
        if len(counted := found.most_common(3)) > 1
    )


# ---------------------------------------------------------------- digests

DIGEST = re.compile(r"(?:^|@|//)(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")


def digest_of(image_id: str) -> str:
    """The digest in an imageID, in whatever form the node reports it; "" where there is none.

    `repo@sha256:…`, `docker-pullable://repo@sha256:…`, `docker://sha256:…`, `sha256:…`. The repository may be another
    one with the same content.
    """
    found = DIGEST.search(image_id.strip().lower())
    return found[1] if found else ""


def is_bare(image_id: str) -> bool:
    """A digest that names no repository is that of the image's configuration on most nodes."""
    return "@" not in image_id


def normal(digests: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(digest_of, digests)))


def short(digest: str) -> str:
    return digest[:19]


# ---------------------------------------------------------------- in words


def summary(fleet: Fleet) -> str:
    """ "7 of 8: checkout-abc12 runs v41"; plain text."""
    if fleet.under_way:
        return _half_way(fleet)
    if fleet.uniform:
        alike = f"{len(fleet.servers)} of {fleet.expected.count} are of one build"
        return f"{alike}, tagged {fleet.approved.version}; no digest is approved to compare it with"
    count = f"{fleet.matching if fleet.known else fleet.arrived} of {fleet.expected.count}"
    odd = [f"{server.name} {server.why}" for server in fleet.odd[:2]]
    odd += [f"{len(fleet.odd) - 2} more"] if len(fleet.odd) > 2 else []
    if fleet.missing:
        odd.append(f"missing: {', '.join(fleet.missing[:3])}")
    if fleet.surplus:
        odd.append(f"{fleet.surplus} more than there should be")
    return f"{count}: {', '.join(odd)}" if odd else f"{count} servers run {fleet.approved.version}"


def _half_way(fleet: Fleet) -> str:
    """ "under way: 3 of 8 on v42": the rest is wrong only where it is neither the one version nor the other."""
    far = f"under way: {fleet.arrived} of {fleet.expected.count} on {fleet.approved.version}"
    wrong = [f"{server.name} {server.why}" for server in fleet.odd if server.state is State.WRONG]
    more = [f"{len(wrong) - 2} more"] if len(wrong) > 2 else []
    return ", ".join([far, *wrong[:2], *more])
