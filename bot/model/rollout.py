"""The nouns of a rollout: what the cluster shows, what is asked of it, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

STAGE = "drill:"  # before a drill's incident: the environment that is its stage, and nobody else's
PRODUCTION = "production"  # goes without saying
ABBREVIATED = {"prod": PRODUCTION, "prd": PRODUCTION, "live": PRODUCTION, "stg": "staging", "stage": "staging"}


def rollout_id(service: str, environment: str) -> str:
    """What is remembered of one rollout has this id: "checkout/production"."""
    return f"{service}/{environment}"


def spelled_out(environment: str) -> str:
    """One word for one environment, whatever it is abbreviated to."""
    return ABBREVIATED.get(environment.lower(), environment.lower())


def stage_of(incident: str) -> str:
    """The environment in which a drill is played."""
    return f"{STAGE}{incident}"


def is_stage(environment: str) -> bool:
    return environment.startswith(STAGE)


def off_stage(words: str) -> str:
    """What a sender calls a stage is none."""
    return words.replace(STAGE, "drill-")


def played_on(environment: str) -> str:
    """The incident whose stage this is."""
    return environment.removeprefix(STAGE)


def named(service: str, environment: str) -> str:
    """What a rollout is called, in every line and button: "checkout" in production, "checkout staging" elsewhere.

    It needs nothing but the two, so nobody who says it can forget the second. On a drill's stage there is but one.
    """
    return service if environment == PRODUCTION or is_stage(environment) else f"{service} {environment}"


class Placed:
    """Something of one rollout."""

    service: str
    environment: str

    @property
    def called(self) -> str:
        return named(self.service, self.environment)


class Verb(StrEnum):
    """What a responder may ask of a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"
    ROLLBACK = "rollback"


class RolloutPhase(StrEnum):
    PROGRESSING = "progressing"
    PAUSED = "paused"
    HEALTHY = "healthy"
    DEGRADED = "degraded"


class RequestState(StrEnum):
    """The life of one asked-for action on a rollout."""

    PROPOSED = "proposed"  # shown to a person, waiting for the press
    CONFIRMED = "confirmed"  # due in the outbox
    ACTING = "acting"  # sent to the cluster, being verified
    DONE = "done"  # the cluster shows the wanted state
    NOTHING = "nothing"  # the cluster was left as it was; `outcome` says why
    FAILED = "failed"  # not done, or not known to be done; `outcome` says which
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One build of a service in the cluster: `hash` is the pod-template hash, `version` the image tag people know."""

    hash: str
    number: int = 0
    version: str = ""
    images: tuple[str, ...] = ()  # of its containers, as the spec names them
    available: int = 0  # its pods that can serve
    created_at: datetime | None = None  # its set of pods; one that is used again is older than the release
    kept_until: datetime | None = None  # its pods still run, and go then: until then going back is quick
    in_window: bool = False  # going back to it skips all steps: it is within the rollback window

    def __str__(self) -> str:
        return self.version or self.hash


class Reverts(StrEnum):
    """When GitOps puts its own spec back over one that was changed by hand."""

    AT_ONCE = "at once"
    COMMIT = "at the next commit"
    INTERVAL = "every interval"
    UPGRADE = "at the next upgrade"
    NEVER = "never by itself"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """What keeps a rollout at what is written in Git, as its own object said at one moment. Never saved."""

    tool: str  # Argo CD, Flux or Helm
    kind: str  # Application, Kustomization, HelmRelease, or release where nothing watches
    name: str
    namespace: str = ""
    reverts: Reverts = Reverts.UNKNOWN
    every: str = ""  # the interval
    why: str = ""  # it is unknown
    setting: str = ""  # JSON of what is taken away to stop it: '{"prune":true,"selfHeal":true}'
    repository: str = ""
    commit: str = ""  # that was applied last
    parent: str = ""  # what writes the keeper itself, and would turn it on again

    def __str__(self) -> str:
        return " ".join(filter(None, [self.tool, self.kind.lower() if self.tool == "Helm" else self.kind, self.name]))

    @property
    def acts(self) -> bool:
        """It puts its own spec back without being asked to."""
        return self.reverts in (Reverts.AT_ONCE, Reverts.COMMIT, Reverts.INTERVAL, Reverts.UPGRADE)

    @property
    def can_be_stopped(self) -> bool:
        return bool(self.setting) and self.acts


@dataclass(frozen=True, kw_only=True)
class Rollout(Placed):
    """What the cluster said of a rollout at one moment. Never saved."""

    service: str
    environment: str
    cluster: str
    namespace: str
    name: str
    strategy: str
    phase: RolloutPhase
    message: str
    current: Revision
    stable: Revision | None
    history: tuple[Revision, ...] = ()  # every revision still in the cluster, newest first
    step: int = 0  # how many steps are complete
    steps: tuple[str, ...] = ()  # in words: "set weight 20%", "pause 5m", "pause until promoted"
    weight: int = 0  # per cent of traffic on `current` now
    weight_set: int = 0
    desired: int = 0
    updated: int = 0
    available: int = 0
    paused: bool = False  # by a person: spec.paused
    waiting: str = ""  # at a pause step: the reason
    aborted: bool = False
    full_promotion: bool = False
    analysis: str = ""
    owner: str = ""  # what else writes this object: "Argo CD app shop"
    observed: bool = True  # the controller has seen the latest spec
    precondition: str = ""  # resourceVersion that this was read at
    stable_available: int = 0  # replicas of `stable` that can serve
    for_person: bool = False  # `waiting` ends only when somebody promotes
    autoscaled: bool = False  # an autoscaler sets its replicas
    template_in: str = ""  # the object that holds the pod template, if not the rollout: "Deployment checkout"
    kind: str = "Rollout"  # of the object: Rollout, Canary, Deployment or StatefulSet
    routed: bool = False  # a router keeps the weights, not the number of pods
    goes_on_at: datetime | None = None  # when the pause it is in ends, or the switch comes, by itself
    fights: str = ""  # what `owner` will do to a changed spec, and when: "puts its own spec back within seconds"
    keeper: Keeper | None = None  # the same, looked at closely
    written_by: str = ""  # the manager that wrote the pod template last
    written_at: datetime | None = None
    homeless: int = 0  # its pods that no node has room for
    short_of: str = ""  # why there is no room, as the cluster says
    unexamined: str = ""  # why it could not be looked at closely
    gates: tuple[str, ...] = ()  # which of our gates its controller asks: "confirm-promotion", "rollback"
    skips: str = ""  # the revision whose analysis we switched off, until that is taken back
    untouched: bool = False  # by the act that this was read after: nothing was left to send
    held: bool = False  # `paused` is what those gates answer; the cluster knows nothing of it

    @property
    def in_flight(self) -> bool:
        return self.stable is not None and self.current.hash != self.stable.hash


@dataclass(frozen=True, kw_only=True)
class Stable(Placed):
    """Our own record that a revision became stable: what a rollback may go back to."""

    service: str
    environment: str
    revision: str
    version: str
    at: datetime

    @property
    def id(self) -> str:
        return f"{self.service}/{self.environment}/{self.revision}"


@dataclass(frozen=True, kw_only=True)
class Request(Placed):
    """One action on a rollout and the state of the world that it was reviewed against."""

    id: str
    incident: str
    verb: Verb
    service: str
    environment: str
    intent: str  # what the verb means here: "abort", "undo", "resume", "skip step", "pause"
    from_revision: str
    from_version: str
    to_revision: str
    to_version: str
    reviewed_step: int
    reviewed_wait: str
    channel: str  # where the outcome is reported
    by: str
    at: datetime
    state: RequestState = RequestState.PROPOSED
    confirmed_by: str = ""
    acted_at: datetime | None = None
    settled_at: datetime | None = None
    outcome: str = ""
    version: int = 0
    verdict: str = ""  # of the preflight that was shown: SAFE or RISKY
    reasons: tuple[str, ...] = ()  # as they were shown
    approvals: int = 0  # how many others have to agree before it is done
    typed: bool = False  # whoever confirms types the service's name
    broken_glass: str = ""  # why the rules were overridden, "" if they were not
    expires_at: datetime | None = None  # a proposal that nobody confirms ends then


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one person says to a request: it is bound to the revision that the request was reviewed on."""

    request: str
    user: str
    approves: bool
    why: str
    at: datetime

    @property
    def id(self) -> str:
        return f"{self.request}/vote/{self.user}"


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """Nothing in its scope goes forward. `scope` is a service, "environment:NAME" or "all"."""

    id: str  # FRZ-3
    scope: str
    reason: str
    by: str
    at: datetime
    until: datetime
    thawed_at: datetime | None = None
    thawed_by: str = ""
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Hold(Placed):
    """A person, an incident or a failed check keeps the gates of one rollout closed until it is lifted."""

    id: str  # "checkout/production/INC-7"
    service: str
    environment: str
    holder: str  # who keeps it: a person's id, or "verify"
    why: str
    at: datetime
    lifted_at: datetime | None = None
    lifted_by: str = ""
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Pass(Placed):
    """Leave to go through one gate, for one revision (`checksum`, "" for any). `once`: for one call only.

    For the gate `rollback` it is an order: the controller that asks next rolls back.
    """

    id: str
    service: str
    environment: str
    gate: str
    checksum: str
    once: bool
    by: str
    at: datetime
    until: datetime
    request: str = ""  # id of the one that it serves, if it is one's; worth nothing when that has ended
    used_at: datetime | None = None
    over: tuple[str, ...] = ()  # ids of what held the gate when leave was given; what comes later holds it all the same
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Gate(Placed):
    """One gate as it was asked last. `at`: since when the answer is the same; nothing is saved while it is."""

    service: str
    environment: str
    gate: str  # "confirm-promotion"
    checksum: str  # of the revision that asks, as its controller names it
    phase: str  # of the controller
    open: bool
    why: str
    at: datetime
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.service}/{self.environment}/{self.gate}"


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that has to be done after the fire is out, and by when."""

    id: str  # "INC-7/task/2"
    incident: str
    kind: str  # "follow-up" or "task"
    text: str
    owner: str
    by: str
    at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    reminded_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Vigil(Placed):
    """After an act: somebody looks on until what is wanted is what runs, and stays so."""

    id: str  # that of the request
    service: str
    environment: str
    incident: str
    channel: str
    revision: str  # what is wanted
    revision_version: str
    since: datetime
    until: datetime
    broken_at: datetime | None = None  # when it was first seen that it did not stick
    told: str = ""  # what was last said about it
    ended_at: datetime | None = None
    version: int = 0


class SuspensionState(StrEnum):
    WANTED = "wanted"  # due in the outbox
    OFF = "off"  # GitOps is switched off; `setting` says what it was
    RESTORING = "restoring"  # due in the outbox
    ENDED = "ended"  # as it was before, or left to people; `outcome` says which


@dataclass(frozen=True, kw_only=True)
class Suspension(Placed):
    """GitOps is kept from putting its own spec back, and what has to be put back when it is over."""

    id: str  # "checkout/production/2"
    service: str
    environment: str
    incident: str
    channel: str
    tool: str
    kind: str
    namespace: str
    name: str
    setting: str  # JSON, as it was before
    commit: str
    by: str
    at: datetime
    state: SuspensionState = SuspensionState.WANTED
    ended_by: str = ""
    outcome: str = ""
    version: int = 0

    def __str__(self) -> str:
        return f"{self.tool} {self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Skew(Placed):
    """Not every server of a service runs the approved version. `since` it was first seen so."""

    id: str  # "checkout/production"
    service: str
    environment: str
    approved: str
    matching: int
    seen: int
    expected: int
    text: str  # "7 of 8: checkout-abc12 runs v41"
    since: datetime
    checked_at: datetime
    alerted_at: datetime | None = None
    settled_at: datetime | None = None
    elsewhere: tuple[str, ...] = ()  # the versions that other servers run
    in_a_row: int = 0  # looks without a fault since the last one with
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Sighting(Placed):
    """Where a rollout was when it was last seen: what has happened to it is the difference."""

    id: str  # "checkout/production"
    service: str
    environment: str
    revision: str
    revision_version: str
    stable: str
    stable_version: str
    phase: RolloutPhase
    step: int
    weight: int
    paused: bool
    aborted: bool
    at: datetime
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveCard(Placed):
    """One message that shows a rollout as it goes, edited in place; the post of the same id is the message.

    What it showed last is kept too: what has happened since is the difference.
    """

    id: str  # "INC-7/card/checkout" in an incident's channel, "C024BE91L/card/checkout" in another
    service: str
    environment: str
    at: datetime
    shown_at: datetime  # when it was last posted or edited
    quiet_since: datetime | None = None  # nothing has been going on since
    unread_since: datetime | None = None  # the cluster has not answered since
    stopped_at: datetime | None = None  # it is no longer kept up; a rollout that moves again revives it
    stopped_by: str = ""  # who wanted no more of it: nothing but their word revives it
    revision: str = ""
    stable: str = ""
    step: int = 0
    held: str = ""  # what held it, "" if nothing did
    aborted: bool = False
    marks: tuple[str, ...] = ()  # what has happened, oldest first, as bot/signals.py writes it
    plotted: tuple[str, ...] = ()  # the moments that have a plot, oldest first
    version: int = 0
