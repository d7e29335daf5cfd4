"""The form in which customers are told something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.cards.forms import ADVISED, before_it_goes
from bot.cards.kit import OPTIONS, context, field, form, option, select, words
from bot.decision import Modal
from bot.linting import Advice
from bot.model import ComponentState, Incident, Phase, PublicUpdate
from bot.policy import StatusPage
from bot.publishing import OPERATIONAL, TEXT, TITLE, Wanted, likely
from bot.status import PHASES
from bot.text import brief, plain, when

AS_BEFORE = "as before"


def publish_modal(
    incident: Incident,
    before: Sequence[PublicUpdate],
    page: StatusPage,
    draft: Wanted | None = None,
    advice: Sequence[Advice] = (),
) -> Modal:
    """What was said last stands in it. What was never said is guessed from service and severity.

    `draft` is what was entered, where the form comes back with `advice`; submitted again it is published as it is.
    """
    last = before[-1] if before else None
    states = {n: ComponentState(s) for n, s in last.components.items()} if last else likely(incident, page)
    if draft:
        states = {n: state for n, state in {**states, **draft.components}.items() if state is not OPERATIONAL}
    said = f"Last, at {when(last.at)}: {brief(last.text, 300)}" if last else "Customers have heard nothing so far."
    title = words("Payments fail", draft.title if draft else last.title if last else "", most=TITLE)
    text = words(
        "What customers see, who is affected, what happens next",
        draft.text if draft else "",
        multiline=True,
        most=TEXT,
    )
    phases = [option(PHASES[phase], phase.value) for phase in Phase]
    phase = (draft.phase if draft else None) or incident.phase
    return Modal(
        view=form(
            "incident.publish",
            f"{incident.id}|{ADVISED}" if advice else incident.id,
            f"Publish {incident.id}",
            "Publish anyway" if advice else "Publish",
            (
                *before_it_goes(advice, {}),
                context(f":mega: Everybody can read this. {said}"),
                field("title", "Title", title, "In the customers' words.", optional=bool(states)),
                field("text", "What should customers know?", text, "No names, no hosts, no promise of when it ends."),
                field("phase", "Phase", select("phase", "Choose", phases, phase.value)),
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
