"""What people see of a rollout: where it stands, what a verb would do, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from bot.cards.kit import LINE, OPTION, Block, actions, context, header, option, press, section, select
from bot.decision import Card
from bot.errors import Refused
from bot.intents import BLUE_GREEN, BY_HAND, Intent, plan, replicas, shown, step_in_words, waits_for
from bot.model import Request, RequestState, Revision, Rollout, Stable, Verb
from bot.preflight import Preflight, Reason, Safety
from bot.text import brief, code, fallback, mrkdwn, plural, span

BAR = 10  # characters
NEAR = 3  # steps shown before and after the current one
ROWS = 40  # a message has at most 50 blocks
LABELS: Mapping[Verb, str] = {
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.PROMOTE: "Promote",
    Verb.ROLLBACK: "Roll back",
}
WAITS: Mapping[str, str] = {
    BY_HAND: "paused by hand",
    "CanaryPauseStep": "at a pause step",
    "BlueGreenPause": "before the switch",
    "InconclusiveAnalysisRun": "its analysis is inconclusive",
    "InconclusiveExperiment": "its experiment is inconclusive",
}
OUTCOMES: Mapping[RequestState, str] = {
    RequestState.DONE: ":white_check_mark: {title} is *proven*: {why}.",
    RequestState.NOTHING: ":no_entry: {title} *changed nothing*: {why}.",
    RequestState.FAILED: ":warning: {title} *failed*: {why}.",
}
NOT_UNDONE = "Data migrations, caches, queued work, feature flags, other services"


# ---------------------------------------------------------------- one rollout


def rollout_card(rollout: Rollout, stables: Sequence[Stable] = ()) -> Card:
    """Where it stands now, with the buttons that make sense now and no others."""
    blocks: list[Block] = [
        header(f"{rollout.service} · {rollout.environment}"),
        section("\n".join(_state(rollout))),
    ]
    if rollout.steps and rollout.in_flight:
        blocks.append(section("\n".join(_steps(rollout))))
    blocks.append(context(_place(rollout)))
    if buttons := [_ask(LABELS[verb], f"{verb} {rollout.service}", _style(verb)) for verb in usable(rollout, stables)]:
        blocks.append(actions(*buttons))
    return Card(text=fallback(summary(rollout)), blocks=tuple(blocks))


def usable(rollout: Rollout, stables: Sequence[Stable]) -> Iterator[Verb]:
    for verb in Verb:
        try:
            plan(verb, rollout, stables)
        except Refused:
            continue
        yield verb


def summary(rollout: Rollout) -> str:
    """One line: `checkout` v41 → v42 at 20 %, paused."""
    state = "aborted" if rollout.aborted else rollout.phase.value
    return f"{code(rollout.service)} {_versions(rollout)}, *{state}*"


def _versions(rollout: Rollout) -> str:
    if rollout.in_flight and rollout.stable:
        return f"{_name(str(rollout.stable))} → {_name(str(rollout.current))} at {rollout.weight} %"
    return _name(str(rollout.current))


def _state(rollout: Rollout) -> Iterator[str]:
    phase = "aborted" if rollout.aborted else rollout.phase.value
    held = waits_for(rollout)
    message = WAITS.get(held, held) or rollout.message
    yield f"*{phase.capitalize()}*" + (f": {brief(message, 500)}" if message else "")
    if rollout.stable is None:
        yield f"First deploy: {shown(rollout.current)}"
    elif rollout.in_flight:
        yield f"{shown(rollout.stable)} is stable → {shown(rollout.current)} is new"
        share = f"{rollout.weight} % of the traffic on {_name(str(rollout.current))}{_aim(rollout)}"
        yield f"`{bar(rollout.weight)}` {share}"
    else:
        yield f"{shown(rollout.current)} is stable and has all the traffic"
    updated = f", {rollout.updated} of {_name(str(rollout.current))}" if rollout.in_flight else ""
    yield f"{replicas(rollout)}{updated}"
    if rollout.analysis:
        yield f"Analysis {brief(rollout.analysis, 200)}"


def _aim(rollout: Rollout) -> str:
    return f", {rollout.weight_set} % wanted" if rollout.weight_set != rollout.weight else ""


def bar(weight: int) -> str:
    full = round(max(0, min(100, weight)) * BAR / 100)
    return "█" * full + "░" * (BAR - full)


def _steps(rollout: Rollout) -> Iterator[str]:
    """A long list is cut to the neighbourhood of the current step."""
    first, last = max(0, rollout.step - NEAR), min(len(rollout.steps), rollout.step + NEAR + 1)
    if first:
        yield f"✓ … {first} earlier"
    for number in range(first, last):
        yield _step(rollout, number)
    if last < len(rollout.steps):
        yield f"○ … {len(rollout.steps) - last} more"


def _step(rollout: Rollout, number: int) -> str:
    text = f"{number + 1}. {brief(rollout.steps[number], 100)}"
    if number < rollout.step:
        return f"✓ {text}"
    return f"▶ *{text}*" if number == rollout.step and not rollout.aborted else f"○ {text}"


def _place(rollout: Rollout) -> str:
    where = f"{rollout.strategy} · cluster {_name(rollout.cluster)} · {_name(rollout.namespace)}/{_name(rollout.name)}"
    owner = f" · also written by {_name(rollout.owner)}" if rollout.owner else ""
    return where + owner + (" · autoscaled" if rollout.autoscaled else "")


# ---------------------------------------------------------------- many


def rollout_list(rollouts: Sequence[Rollout], troubles: Mapping[str, str]) -> Card:
    """`troubles`: service → why its rollout could not be read."""
    if not rollouts and not troubles:
        return words("No service has a rollout. Add `rollout` (cluster, namespace, name) to a service's configuration.")
    rows = [_row(summary(rollout), rollout.service) for rollout in rollouts]
    rows += [_row(f"{code(name)} :warning: {brief(why, 300)}", name) for name, why in troubles.items()]
    blocks = rows[:ROWS]
    if len(rows) > ROWS:
        blocks.append(context(f"… and {len(rows) - ROWS} more"))
    return Card(text=plural(len(rows), "rollout"), blocks=tuple(blocks))


def _row(text: str, service: str) -> Block:
    return section(text, _ask("Show", f"show {service}"))


def tray(services: Sequence[str]) -> Card:
    """The bare command: every rollout one press away."""
    if not services:
        return rollout_list((), {})
    lines = [(name, f"rollout show {name}") for name in services]
    options = [option(name, line) for name, line in lines if len(line) <= OPTION]
    pick = select("ask.show", "Show a rollout", options) if options else None
    intro = section("*Rollouts*: look at one, then pause, promote or roll it back.")
    return Card(text="Rollouts", blocks=(intro, actions(pick, _ask("List all", "list"))))


# ---------------------------------------------------------------- before


def preview(request: Request, rollout: Rollout, checked: Preflight, lasts: timedelta) -> Card:
    """Everything one should know before pressing Confirm."""
    blocks = reviewed(request, rollout, checked)
    if request.broken_glass:
        loud = "When you confirm, everybody hears of it, and a follow-up is yours."
        blocks.append(section(f"*:rotating_light: Breaking the glass*: {brief(request.broken_glass, 500)}\n{loud}"))
    confirm = press("Confirm", f"rollout confirm {request.id}", "confirm", _style(request.verb) or "primary")
    cancel = press("Cancel", f"rollout cancel {request.id}", "cancel")
    blocks.append(actions(confirm, cancel))
    typed = " To confirm, type the service's name." if request.typed else ""
    blocks.append(context(f"Good for {span(lasts)}, and only while the rollout stays where it is.{typed}"))
    return Card(text=fallback(_name(_question(request))), blocks=tuple(blocks))


def _question(request: Request) -> str:
    return f"{LABELS[request.verb]} {request.service}?"


def reviewed(request: Request, rollout: Rollout, checked: Preflight) -> list[Block]:
    """What is asked for, what it will do, and what speaks against it."""
    blocks: list[Block] = [
        header(_question(request)),
        {"type": "section", "fields": [mrkdwn(field, LINE) for field in _facts(request, rollout)]},
        section(f"*What will happen*\n{' '.join(_will_happen(request, rollout))}"),
        section(f"*What it will not undo*\n{'; '.join(_will_not(request, rollout))}."),
    ]
    if checked.verdict is not Safety.SAFE:
        head = "*:no_entry: Blocked*" if checked.verdict is Safety.BLOCKED else "*:warning: Risky*"
        blocks.append(section(f"{head}\n" + _bullets(map(str, checked.reasons))))
    return blocks


def _facts(request: Request, rollout: Rollout) -> Iterator[str]:
    to = next((r for r in rollout.history if r.hash == request.to_revision), None)
    to = to or Revision(hash=request.to_revision, version=request.to_version)
    yield f"*Service*\n{_name(request.service)}"
    yield f"*Environment*\n{_name(request.environment)}"
    yield f"*Cluster*\n{_name(rollout.cluster)}, {_name(rollout.namespace)}/{_name(rollout.name)}"
    if request.from_revision == request.to_revision:
        yield f"*Version*\n{shown(rollout.current)}"
    else:
        yield f"*From → to*\n{shown(rollout.current)} → {shown(to)}"
    yield f"*Now*\n{_name(step_in_words(rollout)) or rollout.phase.value}, weight {rollout.weight} %"
    yield f"*Replicas*\n{replicas(rollout)}"
    yield f"*Also written by*\n{_name(rollout.owner) or 'nobody that I know of'}"


def _will_happen(request: Request, rollout: Rollout) -> Iterator[str]:
    match Intent(request.intent):
        case Intent.ABORT:
            yield from _abort(request, rollout)
        case Intent.UNDO:
            yield from _undo(request, rollout)
        case Intent.RESUME:
            yield from _resume(request, rollout)
        case Intent.SKIP:
            yield f"{_sentence(step_in_words(rollout))} is still running and is *skipped*. {_next(rollout)}"
        case Intent.PAUSE:
            yield "The rollout stops where it is."


def _abort(request: Request, rollout: Rollout) -> Iterator[str]:
    yield f"The rollout is aborted: all traffic goes back to {_name(request.to_version)}."
    if rollout.paused:
        yield "The pause by hand is lifted after that, or the new pods would stay."


def _undo(request: Request, rollout: Rollout) -> Iterator[str]:
    to = _name(request.to_version)
    yield f"{to} is put back into the spec."
    if rollout.strategy == BLUE_GREEN:
        yield f"Traffic is switched when all pods of {to} are up."
    elif rollout.steps and not (rollout.stable and rollout.stable.hash == request.to_revision):
        yield f"It is rolled out through all {len(rollout.steps)} steps like any new version."
    if rollout.paused:
        yield "The pause by hand is lifted after that."


def _resume(request: Request, rollout: Rollout) -> Iterator[str]:
    if request.reviewed_wait == BY_HAND:
        yield "The pause by hand is lifted."
        where = _name(step_in_words(rollout))
        yield f"It goes on with {where}." if where else "It goes on."
    elif rollout.strategy == BLUE_GREEN:
        yield f"All traffic is switched to {_name(str(rollout.current))}."
    else:
        yield f"{_sentence(step_in_words(rollout))} ends now. {_next(rollout)}"


def _sentence(text: str) -> str:
    return _name(text[:1].upper() + text[1:])


def _next(rollout: Rollout) -> str:
    if rollout.step + 1 < len(rollout.steps):
        return f"Next: {_name(rollout.steps[rollout.step + 1])}."
    return f"It was the last step: {_name(str(rollout.current))} gets all the traffic."


def _will_not(request: Request, rollout: Rollout) -> Iterator[str]:
    yield NOT_UNDONE
    if request.intent == Intent.ABORT:
        asks = f"the spec still asks for {_name(request.from_version)}, so the next sync or retry rolls it out again"
        yield f"{asks} ({_name(rollout.owner)})" if rollout.owner else asks


# ---------------------------------------------------------------- checked


def check_card(rollout: Rollout, results: Mapping[Verb, Preflight]) -> Card:
    """How it stands, and every verb with its verdict and the reasons."""
    icons = {Safety.SAFE: ":large_green_circle:", Safety.RISKY: ":warning:", Safety.BLOCKED: ":no_entry:"}
    blocks = [
        section(f"{icons[found.verdict]} *{LABELS[verb]}: {found.verdict}*\n{_bullets(map(_weighed, found.reasons))}")
        for verb, found in results.items()
    ]
    text = ", ".join(f"{verb} {found.verdict}" for verb, found in results.items())
    head = (header(f"Check of {rollout.service}"), section(summary(rollout)))
    return Card(text=fallback(f"{code(rollout.service)}: {text}"), blocks=(*head, *blocks))


def _weighed(reason: Reason) -> str:
    """What blocks says whether that may be overridden."""
    if reason.weight is not Safety.BLOCKED:
        return str(reason)
    return f"{reason} _({'nobody can override this' if reason.firm else 'may be overridden'})_"


# ---------------------------------------------------------------- after


def outcome(request: Request, title: str) -> Card:
    """What came of a settled request; `title` is escaped."""
    text = OUTCOMES[request.state].format(title=title, why=brief(request.outcome.rstrip("."), 1500))
    return words(text, _ask("Show rollout", f"show {request.service}"))


def words(text: str, *buttons: Block | None) -> Card:
    blocks: list[Block] = [section(text)]
    if buttons:
        blocks.append(actions(*buttons))
    return Card(text=fallback(text), blocks=tuple(blocks))


# ---------------------------------------------------------------- blocks


def _name(text: str) -> str:
    """Whatever the cluster calls something: escaped, and short enough for a card of many names."""
    return brief(text, 100)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"• {line}" for line in lines)


def _style(verb: Verb) -> str:
    return "danger" if verb is Verb.ROLLBACK else ""


def _ask(label: str, line: str, style: str = "") -> Block | None:
    """A button that stands for a /rollout line; the line is also what makes it unique in its message."""
    return press(label, f"rollout {line}", line[:200], style)
