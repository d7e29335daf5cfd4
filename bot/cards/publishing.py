"""The form in which customers are told something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.cards.kit import OPTIONS, context, field, form, option, select, words
from bot.decision import Modal
from bot.model import ComponentState, Incident, Phase, PublicUpdate
from bot.policy import StatusPage
from bot.publishing import TEXT, TITLE, likely
from bot.status import PHASES
from bot.text import brief, plain, when

AS_BEFORE = "as before"


def publish_modal(incident: Incident, before: Sequence[PublicUpdate], page: StatusPage) -> Modal:
    """What was said last stands in it. What was never said is guessed from service and severity."""
    last = before[-1] if before else None
    states = {n: ComponentState(s) for n, s in last.components.items()} if last else likely(incident, page)
    said = f"Last, at {when(last.at)}: {brief(last.text, 300)}" if last else "Customers have heard nothing so far."
    title = words("Payments fail", last.title if last else "", most=TITLE)
    text = words("What customers see, who is affected, what happens next", multiline=True, most=TEXT)
    phases = [option(PHASES[phase], phase.value) for phase in Phase]
    return Modal(
        view=form(
            "incident.publish",
            incident.id,
            f"Publish {incident.id}",
            "Publish",
            (
                context(f":mega: Everybody can read this. {said}"),
                field("title", "Title", title, "In the customers' words.", optional=bool(states)),
                field("text", "What should customers know?", text, "No names, no hosts, no promise of when it ends."),
                field("phase", "Phase", select("phase", "Choose", phases, incident.phase.value)),
                *_components(states, page),
            ),
        )
    )


def _components(states: dict[str, ComponentState], page: StatusPage) -> tuple[dict[str, Any], ...]:
    """Which are affected, and how. Those that are affected differently are typed, or stay as they were."""
    if not page.components:
        return ()
    offered = [option(one.title, name) for name, one in page.components.items()][:OPTIONS]
    menu: dict[str, Any] = {
        "type": "multi_static_select",
        "action_id": "components",
        "placeholder": plain("None", 150),
        "options": offered,
    }
    if chosen := [one for one in offered if one["value"] in states]:
        menu["initial_options"] = chosen
    several = set(states.values())
    how = [option(state.words, state.value) for state in ComponentState if state is not ComponentState.OPERATIONAL]
    if len(several) > 1:
        how.insert(0, option("Each as before", AS_BEFORE))
    initial = AS_BEFORE if len(several) > 1 else next(iter(several), ComponentState.DEGRADED).value
    return (
        field("components", "What is affected?", menu, "What is left out is operational.", optional=True),
        field("state", "How?", select("state", "Choose", how, initial)),
    )
