"""Who may do what to a rollout, and how many others have to agree before it is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import Refused
from bot.intents import BACK, BLUE_GREEN, Intent
from bot.model import PRODUCTION, Assignment, Change, Migration, Role, Rollout, Severity
from bot.policy import GROUP, WHO, Rule, Service
from bot.positions import TITLES
from bot.text import code

STAYS = frozenset({Migration.IRREVERSIBLE, Migration.HALF_APPLIED})
MUCH, ALL = 50, 100  # per cent of the traffic
MOST = 2  # approvals: at night there are not more people than that
WEIGHT = re.compile(r"^set weight (\d+)")  # how a step of a canary is worded: see Rollout.steps


# ---------------------------------------------------------------- who may


def who_may(
    service: Service,
    roles: Sequence[Assignment],
    oncall: Collection[str],
    who: Sequence[str] = WHO,
    groups: Mapping[str, Collection[str]] | None = None,
) -> frozenset[str]:
    """Who may resume, promote and roll back, and agree to it. Pausing is open to everybody.

    `who` are words of the configuration; `groups` is Slack group id → its members, as Slack said.
    """
    people: set[str] = set()
    for word in who:
        match word:
            case "owners":
                people |= set(service.owners)
            case "oncall":
                people |= set(oncall)
            case _ if word.startswith(GROUP):
                people |= set((groups or {}).get(word.removeprefix(GROUP), ()))
            case _:
                people |= {held.user for held in roles if held.user and word in ("roles", held.role)}
    return frozenset(people)


def must_be_allowed(
    by: str, allowed: Collection[str], service: str, incident: str = "", who: Sequence[str] = WHO
) -> None:
    """`incident`: the open one of the service, or "". Raises Refused."""
    if by not in allowed:
        raise Refused(
            f"Only who {in_words(who, service)} may do that; nothing was changed. Everybody may pause.",
            instead=f"/incident role {incident} ops" if incident else f"/incident declare {service} …",
        )


def in_words(who: Sequence[str], service: str) -> str:
    words = [_is(word, service) for word in who]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _is(word: str, service: str) -> str:
    match word:
        case "roles":
            return "holds a role in the incident"
        case "owners":
            return f"owns {code(service)}"
        case "oncall":
            return "is on call for it"
        case _ if word.startswith(GROUP):
            return f"is in the Slack group {code(word.removeprefix(GROUP))}"
        case _:
            return f"is {TITLES.get(Role(word), word).lower()} of the incident"


# ---------------------------------------------------------------- who has to agree


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What decides how many have to agree. `exposure`: per cent of the traffic that another version gets."""

    intent: Intent
    environment: str
    exposure: int
    irreversible: bool = False  # a data migration of the version that is left or promoted cannot be taken back
    severity: Severity | None = None  # of the worst open incident that has to do with it

    @property
    def back(self) -> bool:
        return self.intent in BACK

    @property
    def severe(self) -> bool:
        return self.severity is not None and self.severity <= Severity.SEV2


@dataclass(frozen=True, kw_only=True)
class Consent:
    """`approvals`: how many others have to agree. `typed`: whoever confirms types the service's name."""

    approvals: int = 0
    typed: bool = False
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    holds: Callable[[Facts], bool]
    approvals: int
    why: str


TABLE = (
    # Half of the customers notice a mistake at once; until then a canary limits it by itself.
    Row(lambda f: not f.back and f.exposure >= MUCH, 1, "half of the traffic or more gets the new version"),
    # An abort leaves the spec and goes back to pods that run; an undo gives everybody something else.
    Row(lambda f: f.back and f.exposure >= ALL, 1, "all of the traffic gets another version"),
    # There is no way back from it, so two should have thought of it.
    Row(lambda f: f.irreversible, 1, "a data migration of it cannot be taken back"),
    # Going on with a suspect is how an incident grows.
    Row(lambda f: not f.back and f.severe, 1, "a SEV1 or SEV2 is open, and this goes on with a suspect"),
    # Going back is how an incident ends, and every minute counts.
    Row(lambda f: f.back and f.severe, -1, "a SEV1 or SEV2 is open, and this is the way out"),
)


def needed(facts: Facts, rule: Rule | None = None) -> Consent:
    """The same facts always need the same. What the rule says goes before the table. A pause needs nothing, ever."""
    if facts.intent is Intent.PAUSE:
        return Consent()
    rule = rule or Rule()
    rows = [row for row in TABLE if row.holds(facts)] if facts.environment == PRODUCTION else []
    approvals = max(0, min(MOST, sum(row.approvals for row in rows)))
    why = tuple(row.why for row in rows if row.approvals > 0)
    if rule.approvals is not None:
        approvals, why = rule.approvals, ("the configuration says so",)
    wide = facts.environment == PRODUCTION and facts.exposure >= ALL
    typed = wide if rule.typed is None else rule.typed
    return Consent(approvals=approvals, typed=typed, why=why if approvals else ())


def exposure(intent: Intent, rollout: Rollout, to: str = "") -> int:
    """Per cent of the traffic that gets another version by it, now or with the next step."""
    if intent is Intent.PAUSE:
        return 0
    if intent in (Intent.ABORT, Intent.ABORT_UNDO):
        return rollout.weight
    if intent is Intent.UNDO and rollout.aborted and rollout.stable and to == rollout.stable.hash:
        return rollout.weight  # the traffic is back already; only the spec changes
    if intent in (Intent.RESUME, Intent.SKIP, Intent.RETRY) and rollout.strategy != BLUE_GREEN:
        return max(rollout.weight, _next_weight(rollout))
    return ALL


def _next_weight(rollout: Rollout) -> int:
    """Where there is no weight left to set, everybody gets it."""
    coming = (WEIGHT.match(step) for step in rollout.steps[rollout.step :])
    return next((int(match[1]) for match in coming if match), ALL)


def irreversible(rollout: Rollout, deploys: Sequence[Change]) -> bool:
    """Whether the version that would be left, or promoted, changed data for good."""
    mine = (rollout.service, rollout.environment, rollout.current.version)
    return any((c.service, c.environment, c.version) == mine and c.migration in STAYS for c in deploys)
