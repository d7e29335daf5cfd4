"""The dangers of going back and forth: GitOps, the data, no room, and the wrong version accused.

Each function takes facts and answers reasons; none of them knows of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.intents import BACK, BLUE_GREEN, FORWARD, STATEFUL, UNDOES, Intent, Plan, shown
from bot.model import Change, ChangeKind, ChangeStatus, Keeper, Migration, Reverts, Rollout
from bot.reasons import Reason, blocking, firm, good
from bot.text import brief, code

TO_STABLE = frozenset({Intent.ABORT, Intent.ABORT_UNDO})  # whose pods serve beside the new ones already
SICK = 0.01  # of requests fail: below that nobody would go back for it
AS_SICK = 0.8  # of the other version's errors: then the difference is no reason
HAPPENED = frozenset(ChangeStatus) - {ChangeStatus.CANCELLED}  # code that was rolled back leaves its data behind


# ---------------------------------------------------------------- who else writes it


def kept(meant: Plan, rollout: Rollout) -> Iterator[Reason]:
    """What GitOps will do to this action, and when."""
    keeper = rollout.keeper
    if keeper is None:
        if meant.intent in UNDOES and rollout.owner:
            yield Reason(f"{brief(rollout.owner, 100)} also writes it and may put it back")
        return
    name = brief(str(keeper), 100)
    match meant.intent:
        case Intent.PAUSE | Intent.RESUME if rollout.strategy == STATEFUL:
            weigh = Reason if keeper.acts else good
            yield weigh(f"this changes the partition: where that is written in Git, {name} puts it back")
        case Intent.PAUSE:
            yield good(f"{name} normally leaves this alone: a pause is in Git only where somebody wrote it there")
        case Intent.RESUME | Intent.PROMOTE_FULLY if rollout.paused:
            yield good(f"{name} normally leaves this alone, but where somebody wrote the pause in Git")
        case Intent.ABORT | Intent.RETRY | Intent.RESUME | Intent.SKIP | Intent.PROMOTE_FULLY:
            yield good(f"{name} leaves this alone: only the status is changed, which is not in Git")
        case Intent.UNDO | Intent.UNDO_FULLY | Intent.ABORT_UNDO:
            yield _undone_by(keeper, name, rollout)


def _undone_by(keeper: Keeper, name: str, rollout: Rollout) -> Reason:
    again = "" if rollout.strategy == BLUE_GREEN or not rollout.steps else ", and that rolls out from its first step"
    stop = f" Switch it off first: {code(f'/rollout suspend {rollout.called}')}" if keeper.can_be_stopped else ""
    match keeper.reverts:
        case Reverts.AT_ONCE:
            return Reason(f"{name} heals itself: it puts its own spec back about 5 s later{again}.{stop}")
        case Reverts.COMMIT:
            return Reason(
                f"{name} syncs by itself: this holds until the next commit to its repository, even an unrelated one, "
                f"and then its own spec comes back.{stop}"
            )
        case Reverts.INTERVAL:
            every = brief(keeper.every, 40) or "interval"
            return Reason(f"{name} applies its own spec again every {every}: this holds that long at most.{stop}")
        case Reverts.UPGRADE:
            return Reason(f"{name} leaves it until its next upgrade, which brings its own spec back")
        case Reverts.NEVER:
            return good(f"{name} does nothing by itself now; it shows this as a difference until Git says the same")
        case Reverts.UNKNOWN:
            why = f": {brief(keeper.why, 200)}" if keeper.why else ""
            return Reason(f"{name} also writes it and may put it back; when is not known{why}")


# ---------------------------------------------------------------- the data


def data(meant: Plan, rollout: Rollout, deploys: Sequence[Change]) -> Iterator[Reason]:
    """Whether the code would meet data that it was not made for."""
    mine = [c for c in deploys if (c.service, c.environment) == (rollout.service, rollout.environment)]
    mine = [c for c in mine if c.change is ChangeKind.DEPLOY and c.status in HAPPENED]
    if meant.intent in BACK:
        for change in sorted(_crossed(meant, rollout, mine), key=lambda c: (c.at, c.key)):
            yield from _back_over(change, meant)
        yield from _below_floor(meant, mine)
    elif meant.intent in FORWARD and any(
        c.migration is Migration.HALF_APPLIED and c.version == rollout.current.version for c in mine
    ):
        yield blocking(
            f"the data migration of {shown(rollout.current)} is half applied; finish it before more traffic meets it"
        )


def _crossed(meant: Plan, rollout: Rollout, deploys: Sequence[Change]) -> list[Change]:
    """The deploys that going back goes behind: since the target was deployed last, or at least the present one."""
    there = max((c.at for c in deploys if c.version == meant.to.version), default=None)
    return [
        c for c in deploys if c.version != meant.to.version and _behind(c, there, rollout.current.version, meant.intent)
    ]


def _behind(change: Change, there: datetime | None, current: str, intent: Intent) -> bool:
    if change.version == current:
        return True
    return intent not in TO_STABLE and there is not None and change.at > there


def _back_over(change: Change, meant: Plan) -> Iterator[Reason]:
    version, to = brief(change.version, 60), shown(meant.to)
    if change.migration is Migration.IRREVERSIBLE:
        yield blocking(
            f"{version} migrated the data in a way that cannot be taken back; {to} was made for the old form"
        )
    elif change.migration is Migration.HALF_APPLIED:
        text = f"the data migration of {version} is half applied: neither version is known to work with that. "
        if meant.intent in TO_STABLE:
            # The stable pods meet that data already, so people can see how they do.
            yield blocking(f"{text}{to} serves beside it now: look how it does before it gets all the traffic")
        else:
            yield firm(f"{text}Finish or revert the migration, and report the deploy again with what it is then")
    elif change.migration is Migration.REVERSIBLE:
        yield Reason(f"{version} migrated the data; revert that migration too, or {to} meets the new form")


def _below_floor(meant: Plan, deploys: Sequence[Change]) -> Iterator[Reason]:
    stated = max((c for c in deploys if c.floor), key=lambda c: (c.at, c.key), default=None)
    if stated is None or meant.to.version == stated.floor:
        return
    floor, to = brief(stated.floor, 60), shown(meant.to)
    below = older(meant.to.version, stated.floor, deploys)
    if below is None:
        yield Reason(f"the data needs {floor} or newer, and I cannot tell whether {to} is")
    elif below:
        yield blocking(
            f"the data needs {floor} or newer (so says the deploy of {brief(stated.version, 60)}); {to} is older"
        )


NUMBERED = re.compile(r"v?(\d+(?:\.\d+)*)", re.ASCII)


def older(version: str, floor: str, deploys: Sequence[Change]) -> bool | None:
    """By their numbers, else by when they were first deployed; None where neither tells."""
    numbers = [NUMBERED.fullmatch(word) for word in (version, floor)]
    if numbers[0] and numbers[1]:
        left, right = ([int(part) for part in match[1].split(".")] for match in (numbers[0], numbers[1]))
        size = max(len(left), len(right))
        return left + [0] * (size - len(left)) < right + [0] * (size - len(right))
    first = {word: min((c.at for c in deploys if c.version == word), default=None) for word in (version, floor)}
    here, there = first[version], first[floor]
    return None if here is None or there is None else here < there


# ---------------------------------------------------------------- room


def room(meant: Plan, rollout: Rollout) -> Iterator[Reason]:
    if rollout.homeless or rollout.short_of:
        count = f"{rollout.homeless} of its pods find no node" if rollout.homeless else "pods of it cannot be created"
        why = f" ({brief(rollout.short_of, 150)})" if rollout.short_of else ""
        yield Reason(f"{count}{why}: there may be no room for more")
    if meant.intent in TO_STABLE and rollout.stable_available < rollout.desired:
        yield Reason(
            f"{shown(meant.to)} has {rollout.stable_available}/{rollout.desired} replicas available: it takes all the "
            "traffic before it is back to full size"
        )
    if rollout.unexamined:
        yield Reason(f"not all could be looked at: {brief(rollout.unexamined, 300)}")


# ---------------------------------------------------------------- errors by version


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The part of requests that fail, by version, as measured now. `missing`: why there are none."""

    by_version: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""
    configured: bool = True

    def of(self, version: str) -> float | None:
        return self.by_version.get(version)


def sickness(meant: Plan, rollout: Rollout, figures: Figures | None) -> Iterator[Reason]:
    """Knight Capital's trap: going back spreads the damage where the old version is the sick one."""
    if figures is None or meant.intent is Intent.PAUSE:
        return
    if not figures.configured:
        yield good("no figures by version: no query for them is configured")
        return
    if figures.missing:
        yield Reason(f"no figures by version: {brief(figures.missing, 200)}")
        return
    new = rollout.current.version
    old = meant.to.version if meant.intent in BACK else (rollout.stable.version if rollout.stable else "")
    yield from (_back if meant.intent in BACK else _forth)(old, figures.of(old), new, figures.of(new))


def _back(old: str, old_errors: float | None, new: str, new_errors: float | None) -> Iterator[Reason]:
    if new_errors is None:
        yield Reason(f"no figures for {brief(new, 60)}: I cannot tell whether it is the sick one")
    elif old_errors is not None and old_errors >= SICK and old_errors >= AS_SICK * new_errors:
        yield Reason(
            f"the version it goes back to is as sick or sicker: {_figure(old, old_errors)}, "
            f"{_figure(new, new_errors)}. Going back may spread it"
        )
    elif new_errors < SICK:
        yield Reason(f"{brief(new, 60)} is not the sick one: {_figure(new, new_errors)}")
    elif old_errors is None:
        yield good(f"{_figure(new, new_errors)}; no figures for {brief(old, 60)}, which nobody uses now")
    else:
        yield good(f"{_figure(new, new_errors)}, {_figure(old, old_errors)}")


def _forth(old: str, old_errors: float | None, new: str, new_errors: float | None) -> Iterator[Reason]:
    if new_errors is None:
        yield Reason(f"no figures for {brief(new, 60)}: I cannot tell how it does")
    elif new_errors >= SICK and (old_errors is None or new_errors > old_errors):
        beside = f", {_figure(old, old_errors)}" if old_errors is not None else ""
        yield Reason(f"it fails more than the version before it: {_figure(new, new_errors)}{beside}")
    else:
        yield good(_figure(new, new_errors))


def _figure(version: str, errors: float) -> str:
    return f"{brief(version, 60)} fails {errors:.1%} of requests"
