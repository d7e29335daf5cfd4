"""The forms of an incident: few fields, each with what it is for. Block ids name the fields in what is submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot import text
from bot.cards.kit import OPTION, context, field, form, option, select, words
from bot.decision import Modal
from bot.model import Incident, Phase, Role, Severity, Update

OPEN_PHASES: tuple[Phase, ...] = tuple(phase for phase in Phase if phase is not Phase.RESOLVED)

GUIDE: Mapping[Severity, str] = {
    Severity.SEV1: "Down for most customers, or data or money at risk",
    Severity.SEV2: "A main function fails for many; no way round it",
    Severity.SEV3: "A function fails for some, or there is a way round it",
    Severity.SEV4: "A nuisance; few notice",
    Severity.SEV5: "Nobody outside notices",
}
NEXT: Mapping[str, str] = {
    "10": "in 10 minutes",
    "15": "in 15 minutes",
    "30": "in 30 minutes",
    "60": "in an hour",
    "none": "no further update promised",
}


def declare_modal(services: Sequence[str], title: str = "") -> Modal:
    """Channel first, questions later: only the title is asked for."""
    listed = [option(name, name) for name in services if is_choice(name)]
    severities = [option(f"{s}", str(s.value), GUIDE[s]) for s in Severity]
    return Modal(
        view=form(
            "incident.declare",
            "",
            "Declare an incident",
            "Declare",
            (
                field("title", "What is wrong?", words("Customers cannot pay", title, most=200)),
                field(
                    "service",
                    "Which service?",
                    select("service", "Choose", [*listed, option("Another, or I do not know", "other")]),
                    optional=True,
                ),
                field(
                    "severity",
                    "How bad is it?",
                    select("severity", "Choose", severities, str(Severity.SEV3.value)),
                    "When in doubt, the worse one. It can be changed at any time.",
                ),
                field(
                    "impact",
                    "What do users see, and who?",
                    words("One in four payments fails, in Europe only", most=1000, multiline=True),
                    optional=True,
                ),
            ),
        )
    )


def is_choice(name: str) -> bool:
    """Whether a menu can hold it: an option's value comes back as it was, or it is no use."""
    return 0 < len(name) <= OPTION and name == text.clean(name)


def update_modal(incident: Incident, last: Update | None, template: str = "") -> Modal:
    """`template`: words to begin with, where nothing was said so far.

    Without a choice for the next update, the policy of phase and severity decides.
    """
    before = (
        f"Last, at {text.when(last.at)}: {text.brief(last.text, 300)}" if last else "This will be the first update."
    )
    phases = [option(phase.capitalize(), phase.value) for phase in OPEN_PHASES]
    return Modal(
        view=form(
            "incident.update",
            incident.id,
            f"Update of {incident.id}",
            "Publish",
            (
                context(before),
                field(
                    "text",
                    "What should everybody know?",
                    words(
                        "What users see and who is affected, what changed, what happens next", template, multiline=True
                    ),
                    "In the users' words. No guesses, no promises of when it is over, no host names.",
                ),
                field("phase", "Phase", select("phase", "Choose", phases, incident.phase.value)),
                field(
                    "next",
                    "Next update",
                    select("next", "As usual for this phase", [option(label, v) for v, label in NEXT.items()]),
                    optional=True,
                ),
            ),
        )
    )


def resolve_modal(incident: Incident, doubts: Sequence[str] = ()) -> Modal:
    """`doubts`: why it may not be over. Whoever says that it is says why."""
    summary = words("Rolled back checkout to v41; errors are back to normal", incident.summary, multiline=True)
    return Modal(
        view=form(
            "incident.resolve",
            incident.id,
            f"Resolve {incident.id}",
            "Resolve",
            (
                *((context(f":warning: {text.brief('; '.join(doubts), 500)}"),) if doubts else ()),
                field("summary", "What ended it, and how do you know?", summary, "The first lines of the postmortem."),
                *(
                    (field("anyway", "Why is it over all the same?", words("The page is being moved")),)
                    if doubts
                    else ()
                ),
            ),
        )
    )


def handoff_modal(incident: Incident, role: Role, draft: str = "") -> Modal:
    """`draft`: what goes on, as far as the timeline knows."""
    who = {"type": "users_select", "placeholder": text.plain("Choose a person", 150)}
    hint = "Say what is known, what is under way, and what you would do next."
    return Modal(
        view=form(
            "role.handoff",
            f"{incident.id}|{role}",
            f"Hand off {role}",
            "Hand off",
            (
                field("user", f"Who takes over as {role.title.lower()}?", who),
                field(
                    "summary",
                    "What do they have to know?",
                    words("What is known, what is under way, what comes next", draft, multiline=True),
                    f"Drafted from the timeline; it is posted in the channel. {hint}",
                    optional=True,
                ),
            ),
        )
    )
