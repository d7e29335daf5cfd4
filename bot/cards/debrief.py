"""What is said about drills: which there are, and at the end of one what went well and what to practise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.cards.kit import Block, actions, context, header, press, section
from bot.decision import Card
from bot.model import Aim, Debrief, Goal, Incident, Story
from bot.text import brief, code, esc, plural, span

SHOWN = 5  # refused lines
SECOND = timedelta(seconds=1)
PRACTICE = {
    Aim.COMMANDER: "Somebody takes command first, and says so: `/incident role commander`.",
    Aim.PAUSED: "Stop the harm before you look for its reason: `/rollout pause` asks nobody.",
    Aim.UPDATE: "Tell people early, even that you know nothing yet: `/incident update`.",
    Aim.BACK: "Go back before you understand: `/rollout rollback`, and look for the reason afterwards.",
    Aim.LEFT: "The release was not at fault. Look where the errors come from before you go back: `/rollout verify`, "
    "`/rollout check`, and what else fires.",
    Aim.PROVEN: "It is over when the numbers say so: wait for the recovery before you resolve.",
}


def debrief_card(incident: Incident, debrief: Debrief) -> Card:
    """Short: people are about to leave. The timeline has the rest."""
    met = [goal for goal in debrief.goals if goal.is_met]
    line = f"Debrief of {incident.id}: {len(met)} of {plural(len(debrief.goals), 'goal')} met"
    return Card(
        text=line,
        blocks=(
            header(line),
            section(f"*{brief(debrief.title, 200)}*\n" + "\n".join(_goal(goal) for goal in debrief.goals)),
            *_well(debrief),
            *_practise(debrief),
            context("Times count from the first alert. `/incident timeline` has every line of it."),
            actions(
                press("Play it again", f"incident drill {debrief.story}", "drill"),
                press("Timeline", f"incident timeline {incident.id}", "timeline"),
            ),
        ),
    )


def _goal(goal: Goal) -> str:
    sign = ":white_check_mark:" if goal.is_met else ":heavy_minus_sign:"
    if goal.within is None:
        return f"{sign} {goal.name}: *{'yes' if goal.is_met else 'no'}*"
    took = "not done" if goal.took is None else f"after {span(goal.took)}" if goal.took >= SECOND else "at once"
    return f"{sign} {goal.name}: *{took}* (goal: {span(goal.within)})"


def _well(debrief: Debrief) -> tuple[Block, ...]:
    good = [goal.name.lower() for goal in debrief.goals if goal.is_met]
    if good and not debrief.refused:
        good.append("no line that was refused")
    return (section(f"*Went well:* {', '.join(good)}."),) if good else ()


def _practise(debrief: Debrief) -> tuple[Block, ...]:
    lines = [f"• {PRACTICE[goal.name]}" for goal in debrief.goals if not goal.is_met]
    if debrief.refused:
        was = "line was" if len(debrief.refused) == 1 else "lines were"
        lines.append(
            f"• {len(debrief.refused)} {was} refused. `/incident help` and `/rollout help` show what there is."
        )
        lines += [f"    ◦ {brief(entry.text.removeprefix('was refused '), 200)}" for entry in debrief.refused[:SHOWN]]
    return (section("\n".join(["*To practise:*", *lines])),) if lines else ()


def drill_list(stories: Sequence[Story], running: str = "") -> Card:
    """What can be played, each with a button."""
    line = "Drills: a story in this workspace, on a pretend cluster. Nobody is paged, nothing real is touched."
    now = (context(f"{esc(running)} is being played. `/incident drill stop` ends it."),) if running else ()
    none = [f"{code(story.name)}: {brief(story.why_not, 200)}" for story in stories if story.why_not]
    others = (context(f"No drills, but to be watched in the demo: {'; '.join(none)}."),) if none else ()
    told = tuple(
        section(
            f"*{brief(story.title, 100)}*  {code(story.name)}\n{brief(story.about, 600)}",
            press("Play", f"incident drill {story.name}", f"drill.{story.name}"),
        )
        for story in stories
        if not story.why_not
    )
    return Card(text=line, blocks=(section(line), *told, *others, *now))
