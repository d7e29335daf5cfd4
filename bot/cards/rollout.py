"""What people see of a rollout: where it stands, what a verb would do, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.canaries import FLAGGER
from bot.cards import canary
from bot.cards.kit import (
    LINE,
    MESSAGE,
    OPTION,
    Block,
    actions,
    context,
    fitting,
    header,
    option,
    paged,
    press,
    section,
    select,
    size,
)
from bot.decision import Card
from bot.errors import Refused
from bot.intents import (
    BLUE_GREEN,
    BY_HAND,
    INCONCLUSIVE,
    ON_DELETE,
    STATEFUL,
    WITHOUT_STEPS,
    Intent,
    plan,
    replicas,
    runs_steps,
    shown,
    step_in_words,
    waits_for,
)
from bot.model import Request, RequestState, Revision, Rollout, Stable, Verb
from bot.preflight import Preflight, Reason, Safety
from bot.text import brief, clean, code, fallback, mrkdwn, plural, span, when, when_exactly

BAR = 10  # characters
IMAGES = 3  # shown of each side
NEAR = 3  # steps shown before and after the current one
ROWS = 40  # a message has at most 50 blocks
FEW = 1  # of them for freezes, and for rollouts that only ask
LABELS: Mapping[Verb, str] = {
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.PROMOTE: "Promote",
    Verb.ABORT: "Abort",
    Verb.RETRY: "Retry",
    Verb.ROLLBACK: "Roll back",
}
# As buttons. In flight, a rollback is an abort, and in doubt it does more.
BUTTONS = tuple(verb for verb in Verb if verb is not Verb.ABORT)
WAITS: Mapping[str, str] = {
    BY_HAND: "paused by hand",
    "CanaryPauseStep": "at a pause step",
    "BlueGreenPause": "before the switch",
    ON_DELETE: "each pod changes when somebody deletes it",
    "InconclusiveAnalysisRun": "its analysis is inconclusive",
    "InconclusiveExperiment": "its experiment is inconclusive",
}
OUTCOMES: Mapping[RequestState, str] = {
    RequestState.DONE: ":white_check_mark: {title} is *proven*: {why}.",
    RequestState.NOTHING: ":no_entry: {title} *changed nothing*: {why}.",
    RequestState.FAILED: ":warning: {title} *failed*: {why}.",
}
ICONS = {Safety.SAFE: ":large_green_circle:", Safety.RISKY: ":warning:", Safety.BLOCKED: ":no_entry:"}
NOT_UNDONE = "Data migrations, caches, queued work, feature flags, other services"


# ---------------------------------------------------------------- one rollout


def rollout_card(rollout: Rollout, stables: Sequence[Stable] = ()) -> Card:
    """Where it stands now, with the buttons that make sense now and no others."""
    blocks: list[Block] = [
        header(f"{rollout.service} · {rollout.environment}"),
        section("\n".join(_state(rollout))),
        {"type": "section", "fields": [mrkdwn(field, LINE) for field in _sides(rollout)]},
    ]
    if rollout.steps and rollout.in_flight:
        blocks.append(section("\n".join(_steps(rollout))))
    blocks.append(context(_place(rollout)))
    buttons = [_ask(LABELS[verb], f"{verb} {rollout.called}", _style(verb)) for verb in usable(rollout, stables)]
    if any(buttons):
        blocks.append(actions(*buttons))
    return Card(text=fallback(summary(rollout)), blocks=tuple(blocks))


def usable(rollout: Rollout, stables: Sequence[Stable]) -> Iterator[Verb]:
    for verb in BUTTONS:
        try:
            plan(verb, rollout, stables)
        except Refused:
            continue
        yield verb


def summary(rollout: Rollout) -> str:
    """One line: `checkout` v41 → v42 at 20 %, paused."""
    state = "aborted" if rollout.aborted else rollout.phase.value
    return f"{code(rollout.called)} {_versions(rollout)}, *{state}*"


def _versions(rollout: Rollout) -> str:
    if rollout.in_flight and rollout.stable:
        return f"{_name(str(rollout.stable))} → {_name(str(rollout.current))} at {rollout.weight} %"
    return _name(str(rollout.current))


def _state(rollout: Rollout) -> Iterator[str]:
    yield _phase(rollout)
    if rollout.stable is None:
        yield f"First deploy: {shown(rollout.current)}"
    elif rollout.in_flight:
        share = f"{rollout.weight} % of {_share(rollout)} on {_name(str(rollout.current))}{_aim(rollout)}"
        yield f"`{bar(rollout.weight)}` {share}"
    else:
        yield f"{shown(rollout.current)} is stable and has all the traffic"
    yield replicas(rollout)
    if rollout.analysis:
        yield brief(f"Analysis {rollout.analysis}".replace("Analysis experiment", "Experiment", 1), 210)


def _phase(rollout: Rollout) -> str:
    """ "*Paused*: at a pause step, goes on at 12:05:00"."""
    phase = "aborted" if rollout.aborted else rollout.phase.value
    held = waits_for(rollout)
    message = WAITS.get(held, held) or rollout.message
    if rollout.strategy == FLAGGER or (rollout.strategy == STATEFUL and rollout.message):
        message = rollout.message  # it says which gate, and what holds that; or which pods the partition holds
    said = f"*{phase.capitalize()}*" + (f": {brief(message, 500)}" if message else "")
    return said + _until(rollout)


def _until(rollout: Rollout) -> str:
    if rollout.goes_on_at:
        does = "switches" if rollout.strategy == BLUE_GREEN else "goes on"
        return f", {does} by itself at {when_exactly(rollout.goes_on_at)}"
    promoted = rollout.for_person and not rollout.paused and rollout.strategy != ON_DELETE
    return ", until somebody promotes it" if promoted else ""


def _share(rollout: Rollout) -> str:
    """Without a router the weight is only what the numbers of pods make it."""
    return "the traffic" if rollout.routed or rollout.strategy == BLUE_GREEN else "the pods"


def _aim(rollout: Rollout) -> str:
    return f", {rollout.weight_set} % set" if rollout.weight_set != rollout.weight else ""


def _sides(rollout: Rollout) -> Iterator[str]:
    """What runs on either side: version, images, pods."""
    if rollout.stable is None or not rollout.in_flight:
        yield _side("Running", rollout.stable or rollout.current, plural(rollout.available, "pod"))
        return
    preview = rollout.strategy == BLUE_GREEN and rollout.weight == 0
    yield _side("Stable", rollout.stable, plural(rollout.stable_available, "pod"))
    yield _side("Preview" if preview else "New", rollout.current, _pods(rollout.current.available, rollout.updated))


def _pods(available: int, made: int) -> str:
    return f"{available} of {plural(made, 'pod')}" if made else plural(available, "pod")


def _side(label: str, revision: Revision, pods: str) -> str:
    images = [code(image_name(image), 80) for image in revision.images[:IMAGES] if image]
    more = len(revision.images) - IMAGES
    rest = [f"… and {plural(more, 'image')} more"] if more > 0 else []
    return "\n".join([f"*{label}: {shown(revision)}*", *images, *rest, f"{pods} available"])


def image_name(image: str) -> str:
    """Short enough to read: without the registry, and a digest in twelve digits."""
    name, _, digest = image.partition("@")
    host, slash, rest = name.partition("/")
    short = rest if slash and ("." in host or ":" in host or host == "localhost") else name
    return f"{short}@{digest.removeprefix('sha256:')[:12]}" if digest else short


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
    fights = f", which {_name(rollout.fights)}" if rollout.owner and rollout.fights else ""
    return where + owner + fights + (" · autoscaled" if rollout.autoscaled else "")


# ---------------------------------------------------------------- kept up

LIVE = "Kept up to date here while it moves"


def with_footer(card: Card, text: str) -> Card:
    """With a last line, which says how far the card can be believed."""
    return replace(card, blocks=(*card.blocks, context(text)))


def rested(called: str, at: datetime) -> str:
    again = code(f"/rollout watch {called}")
    return f"As it was at {when(at)}, and no longer kept up. {again} shows it again."


def stale(since: datetime, why: str) -> str:
    return f":warning: Not read since {when(since)}, so this may have changed: {brief(why, 300)}"


# ---------------------------------------------------------------- many


def rollout_list(
    rollouts: Sequence[Rollout], troubles: Mapping[str, str], frozen: Sequence[str] = (), asking: Sequence[str] = ()
) -> Card:
    """`troubles`: what it is called → why it could not be read; `frozen`: the freezes that stand; `asking`: a line for
    each rollout that is only known by what it asks at its gates."""
    if not rollouts and not troubles and not asking:
        return words("No service has a rollout. Add `rollout` (cluster, namespace, name) to a service's configuration.")
    rows = [_row(summary(rollout), rollout.called) for rollout in rollouts]
    rows += [_row(f"{code(called)} :warning: {brief(why, 300)}", called) for called, why in troubles.items()]
    above, below = paged([f":snowflake: {text}" for text in frozen])[:FEW], paged(asking)[:FEW]
    blocks = fitting(rows[:ROWS], MESSAGE - size(above) - size(below))
    if left := len(rows) - len(blocks):
        blocks.append(context(f"… and {left} more: `/rollout show` and the name of the service"))
    return Card(text=plural(len(rows) + len(asking), "rollout"), blocks=(*above, *blocks, *below))


def _row(text: str, called: str) -> Block:
    return section(text, _ask("Show", f"show {called}"))


def tray(rollouts: Sequence[str]) -> Card:
    """The bare command: every rollout, as it is called, one press away."""
    if not rollouts:
        return rollout_list((), {})
    lines = [(called, f"rollout show {called}") for called in rollouts]
    options = [option(called, line) for called, line in lines if len(line) <= OPTION and line == clean(line)]
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
    fully = " fully" if request.intent == Intent.PROMOTE_FULLY else ""
    return f"{LABELS[request.verb]} {request.called}{fully}?"


def reviewed(request: Request, rollout: Rollout, checked: Preflight) -> list[Block]:
    """What is asked for, what it will do, and what speaks against it."""
    blocks: list[Block] = [
        header(_question(request)),
        {"type": "section", "fields": [mrkdwn(field, LINE) for field in _facts(request, rollout)]},
        section(f"*What will happen*\n{' '.join(_will_happen(request, rollout))}"),
        section(f"*What it will not undo*\n{'; '.join(_will_not(request, rollout))}."),
    ]
    blocks.append(
        section(f"*{ICONS[checked.verdict]} {checked.verdict.capitalize()}*\n" + _bullets(map(str, checked.reasons)))
    )
    return blocks


def _facts(request: Request, rollout: Rollout) -> Iterator[str]:
    to = _target(request, rollout)
    yield f"*Service*\n{_name(request.service)}"
    yield f"*Environment*\n{_name(request.environment)}"
    yield f"*Cluster*\n{_name(rollout.cluster)}, {_name(rollout.namespace)}/{_name(rollout.name)}"
    if request.from_revision == request.to_revision:
        yield f"*Version*\n{shown(rollout.current)}"
    else:
        yield f"*From → to*\n{shown(rollout.current)} → {shown(to)}"
    yield f"*Now*\n{_name(step_in_words(rollout)) or rollout.phase.value}, weight {rollout.weight} %"
    yield f"*Replicas*\n{replicas(rollout)}"
    yield f"*Also written by*\n{_name(rollout.owner) or 'nobody I know of'}"


def _target(request: Request, rollout: Rollout) -> Revision:
    found = next((r for r in rollout.history if r.hash == request.to_revision), None)
    return found or Revision(hash=request.to_revision, version=request.to_version)


def _will_happen(request: Request, rollout: Rollout) -> Iterator[str]:
    return canary.will_happen(request, rollout) if rollout.strategy == FLAGGER else _steps_will(request, rollout)


def _steps_will(request: Request, rollout: Rollout) -> Iterator[str]:
    match Intent(request.intent):
        case Intent.ABORT:
            yield from _abort(request, rollout)
        case Intent.UNDO | Intent.UNDO_FULLY:
            yield from _undo(request, rollout)
        case Intent.ABORT_UNDO:
            yield from _abort(request, rollout)
        case Intent.RETRY:
            yield f"{shown(rollout.current)} starts over from the first step, and gets traffic again."
        case Intent.PROMOTE_FULLY:
            yield from _promote_fully(request, rollout)
        case Intent.RESUME:
            yield from _resume(request, rollout)
        case Intent.SKIP:
            yield f"{_sentence(step_in_words(rollout))} is still running and is *skipped*. {_next(rollout)}"
        case Intent.PAUSE:
            yield "The rollout stops where it is."


def _abort(request: Request, rollout: Rollout) -> Iterator[str]:
    yield f"The rollout is aborted: all traffic goes back to {_name(request.to_version)}."
    if request.intent == Intent.ABORT_UNDO:
        yield f"Then {_name(request.to_version)} is put back into the spec too; no step runs again."
    if rollout.paused:
        yield "The pause by hand is lifted after that, or the new pods would stay."


def _promote_fully(request: Request, rollout: Rollout) -> Iterator[str]:
    if request.reviewed_wait == BY_HAND:
        yield "The pause by hand is lifted first; when the controller has seen that, it is promoted fully."
    left = len(rollout.steps) - rollout.step
    skipped = f"{plural(left, 'remaining step')} and all analysis" if left > 0 else "The wait and all analysis"
    yield f"{skipped[0].upper()}{skipped[1:]} *are skipped*: {_name(str(rollout.current))} gets all the traffic."


def _undo(request: Request, rollout: Rollout) -> Iterator[str]:
    to = _name(request.to_version)
    yield f"{to} is put back into the spec."
    if rollout.strategy == ON_DELETE:
        yield "Each pod goes back when somebody deletes it, and not before."
    elif rollout.strategy in WITHOUT_STEPS:
        yield f"Pods are replaced as those of {to} become available."
    else:
        yield from _way_back(request, rollout, _target(request, rollout))
    if rollout.paused and rollout.strategy == STATEFUL:
        yield "A partition that I had set for a pause is set back with it."
    elif rollout.paused:
        after = "with it" if rollout.strategy in WITHOUT_STEPS else "after that"
        yield f"The pause by hand is lifted {after}."


def _way_back(request: Request, rollout: Rollout, target: Revision) -> Iterator[str]:
    """At once, or through what any new version goes through."""
    to, fully = _name(str(target)), request.intent == Intent.UNDO_FULLY
    left = target.kept_until - request.at if target.kept_until else timedelta(0)
    if rollout.strategy == BLUE_GREEN and left > timedelta(0):
        yield f"Traffic is switched at once: its pods still run for {span(left)}."
    elif rollout.strategy == BLUE_GREEN:
        yield f"Traffic is switched when all pods of {to} are up{', with no pause before it' if fully else ''}."
    elif not runs_steps(rollout, target):
        if rollout.steps:
            within = ": it is within the rollback window" if target.in_window else ""
            yield f"That is at once, no step runs again{within}."
    elif fully:
        skipped = f"all {len(rollout.steps)} steps and their analysis *are skipped*"
        yield f"When the controller has seen that, it is promoted fully: {skipped}."
    else:
        yield f"It is rolled out through all {len(rollout.steps)} steps again, like any new version."


def _resume(request: Request, rollout: Rollout) -> Iterator[str]:
    if rollout.strategy == STATEFUL:
        holds = brief(rollout.message, 300)
        yield f"The partition is set back to what it was before my pause, or else lifted: {holds}."
    elif request.reviewed_wait == BY_HAND:
        yield "The pause by hand is lifted."
        where = _name(step_in_words(rollout))
        yield f"It goes on with {where}." if where else "It goes on."
    elif rollout.strategy == BLUE_GREEN:
        yield f"All traffic is switched to {_name(str(rollout.current))}."
    elif request.reviewed_wait in INCONCLUSIVE and not _at_an_analysis(rollout):
        yield "It goes on despite the verdict; the analysis beside its steps begins anew and may stop it again."
    else:
        yield f"{_sentence(step_in_words(rollout))} ends now. {_next(rollout)}"


def _at_an_analysis(rollout: Rollout) -> bool:
    return rollout.step < len(rollout.steps) and rollout.steps[rollout.step].startswith(("analysis", "experiment"))


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


def check_card(called: str, stands: str, results: Mapping[Verb, Preflight]) -> Card:
    """How it stands, as mrkdwn, and every verb with its verdict and the reasons."""
    blocks = [
        section(f"{ICONS[found.verdict]} *{LABELS[verb]}: {found.verdict}*\n{_bullets(map(_weighed, found.reasons))}")
        for verb, found in results.items()
    ]
    text = ", ".join(f"{verb} {found.verdict}" for verb, found in results.items())
    head = (header(f"Check of {called}"), section(stands))
    return Card(text=fallback(f"{code(called)}: {text}"), blocks=(*head, *blocks))


def _weighed(reason: Reason) -> str:
    """What blocks says whether that may be overridden."""
    if reason.weight is not Safety.BLOCKED:
        return str(reason)
    return f"{reason} _({'nobody can override this' if reason.firm else 'may be overridden'})_"


# ---------------------------------------------------------------- after


def outcome(request: Request, title: str) -> Card:
    """What came of a settled request; `title` is escaped."""
    text = OUTCOMES[request.state].format(title=title, why=brief(request.outcome.rstrip("."), 1500))
    return words(text, _ask("Show rollout", f"show {request.called}"))


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
