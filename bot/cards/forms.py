"""The forms of an incident: few fields, each with what it is for. Block ids name the fields in what is submitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot import text
from bot.cards.kit import OPTION, TITLE, Block, checkboxes, context, field, form, option, radio, section, select, words
from bot.decision import Modal
from bot.declaring import OTHER, Declaration
from bot.linting import Advice, Words
from bot.model import Incident, Phase, Role, Severity, Update
from bot.positions import short

OPEN_PHASES: tuple[Phase, ...] = tuple(phase for phase in Phase if phase is not Phase.RESOLVED)

GUIDE: Mapping[Severity, str] = {
    Severity.SEV1: "Down for most customers, or data or money at risk",
    Severity.SEV2: "A main function fails for many; no way round it",
    Severity.SEV3: "A function fails for some, or there is a way round it",
    Severity.SEV4: "A nuisance; few notice",
    Severity.SEV5: "Nobody outside notices",
}
ADVISED, OPENLY = "advised", "openly"  # what the words of a form were looked through for: colleagues, or everybody
NO_WORDS = Words(text="")
LABELS: Mapping[str, str] = {  # of the fields of an update that advice is about
    "text": "What users see",
    "scope": "Who is affected",
    "workaround": "What they can do",
    "changed": "What changed",
    "ahead": "What happens next",
}
NEXT: Mapping[str, str] = {
    "10": "in 10 minutes",
    "15": "in 15 minutes",
    "30": "in 30 minutes",
    "60": "in an hour",
    "none": "no further update promised",
}


EXAMPLES: Mapping[Severity, str] = {
    Severity.SEV1: "nobody can pay, or customers see each other's data",
    Severity.SEV2: "one payment in four fails, and trying again does not help",
    Severity.SEV3: "search is slow, or pictures are missing in one country",
    Severity.SEV4: "a report comes an hour late",
    Severity.SEV5: "a canary was stopped before anybody saw it",
}


def declare_modal(
    services: Sequence[str], title: str = "", what: Declaration | None = None, twin: Incident | None = None
) -> Modal:
    """Channel first, questions later: only the title is asked for. `what` was entered before; `twin` is the open
    incident that it may be.
    """
    what = what or Declaration(title=title)
    listed = [option(name, name) for name in services if is_choice(name)]
    severities = [option(f"{s}", str(s.value), GUIDE[s]) for s in Severity]
    private = option("Private", "private", "Its channel is for those you invite. It is announced nowhere.")
    guide = "\n".join(f"*{severity}* {example}" for severity, example in EXAMPLES.items())
    return Modal(
        view=form(
            "incident.declare",
            "",
            "Declare an incident",
            "Declare" if twin is None else "Go on",
            (
                *(_again(twin) if twin else ()),
                field("title", "What is wrong?", words("Customers cannot pay", title, most=200)),
                field(
                    "service",
                    "Which service?",
                    select("service", "Choose", [*listed, option("Another, or I do not know", OTHER)], what.service),
                    optional=True,
                ),
                field(
                    "severity",
                    "How bad is it?",
                    select("severity", "Choose", severities, str(what.severity.value)),
                    "When in doubt, the worse one. It can be changed at any time.",
                ),
                context(f"For example\n{guide}"),
                field(
                    "impact",
                    "What do users see, and who?",
                    words("One in four payments fails, in Europe only", what.impact, most=1000, multiline=True),
                    optional=True,
                ),
                field("private", "Who may know?", checkboxes("private", [private]), optional=True),
            ),
        )
    )


def _again(twin: Incident) -> tuple[Block, ...]:
    """Is it this one again? Answered before a second channel is opened."""
    place = text.code(twin.service, 60) if twin.service else ""
    where = text.channel(twin.channel, twin.channel_name)
    known = text.dotted([f"*{twin.id}* {twin.severity}", place, text.brief(twin.title, 200), where])
    choices = [
        option(f"Yes, take me to {twin.id}", twin.id),
        option("No, this is another one", "new"),
    ]
    return (
        section(f":mag: This is open: {known}"),
        field("again", f"Is it {twin.id} again?", radio("again", choices)),
    )


def is_choice(name: str) -> bool:
    """Whether a menu can hold it: an option's value comes back as it was, or it is no use."""
    return 0 < len(name) <= OPTION and name == text.clean(name)


def update_modal(
    incident: Incident,
    last: Update | None,
    draft: Words = NO_WORDS,
    advice: Sequence[Advice] = (),
    *,
    phase: Phase | None = None,
    next_: str = "",
    readers: str = "",
    openly: bool | None = None,
) -> Modal:
    """`draft`: words to begin with. `advice`: what could be better; submitted again, it is published as it is.

    Without a choice for the next update, the policy of phase and severity decides. `readers`: where it goes.
    `openly`: whether the box for the status page is ticked; None where there is no such box.
    """
    before = (
        f"Last, at {text.when(last.at)}: {text.brief(last.text, 300)}" if last else "This will be the first update."
    )
    phases = [option(each.capitalize(), each.value) for each in OPEN_PHASES]
    choices = [option(label, value) for value, label in NEXT.items()]
    wanted = phase or incident.phase
    return Modal(
        view=form(
            "incident.update",
            f"{incident.id}|{OPENLY if openly else ADVISED}" if advice else incident.id,
            f"Update of {incident.id}",
            "Publish anyway" if advice else "Publish",
            (
                *before_it_goes(advice),
                context(text.dotted([before, readers])),
                field(
                    "text",
                    "What do users see?",
                    words("One payment in four fails with “try again later”", draft.text, most=1500, multiline=True),
                    "In their words. Everybody reads it.",
                ),
                field(
                    "scope",
                    "Who is affected, and who is not?",
                    words("Cards in Europe; PayPal works", draft.scope, most=500),
                    optional=True,
                ),
                field(
                    "workaround",
                    "What can they do meanwhile?",
                    words("Pay by PayPal", draft.workaround, most=500),
                    optional=True,
                ),
                field(
                    "changed",
                    "What changed since the last one?",
                    words("We went back to the version of this morning", draft.changed, most=1000, multiline=True),
                    "Colleagues read it; customers do not.",
                    optional=True,
                ),
                field(
                    "ahead",
                    "What happens next?",
                    words("We watch that payments succeed", draft.ahead, most=500),
                    "Everybody reads it.",
                    optional=True,
                ),
                field("phase", "Phase", select("phase", "Choose", phases, wanted.value)),
                field("next", "Next update", select("next", "As usual for this phase", choices, next_), optional=True),
                *(() if openly is None else (_openly(ticked=openly),)),
            ),
        )
    )


def _openly(*, ticked: bool) -> Block:
    box = option("Put it on the status page", OPENLY, "Customers read all of it but what changed.")
    element = checkboxes(OPENLY, [box]) | ({"initial_options": [box]} if ticked else {})
    return field(OPENLY, "Customers, too?", element, optional=True)


def before_it_goes(advice: Sequence[Advice], labels: Mapping[str, str] = LABELS) -> Iterator[Block]:
    """What could be better, at the top of a form that comes back. `labels` of its fields, where it has several."""
    if advice:
        about = [f"*{labels[one.field]}*: " if one.field in labels else "" for one in advice]
        lines = [f"• {label}{text.brief(one.words, 250)}" for label, one in zip(about, advice, strict=True)]
        yield section("\n".join([":bulb: *Before it goes out*", *lines]), n=2900)


def resolve_modal(incident: Incident, doubts: Sequence[str] = ()) -> Modal:
    """`doubts`: why it may not be over. Whoever says that it is says why."""
    warning = f":warning: *It may not be over*: {text.brief('; '.join(doubts), 500)}"
    summary = words("Rolled back checkout to v41; errors are back to normal", incident.summary, multiline=True)
    return Modal(
        view=form(
            "incident.resolve",
            incident.id,
            f"Resolve {incident.id}",
            "Resolve",
            (
                *((section(warning),) if doubts else ()),
                field("summary", "What ended it, and how do you know?", summary, "The first lines of the postmortem."),
                *(
                    (field("anyway", "Why is it over all the same?", words("The page is being moved")),)
                    if doubts
                    else ()
                ),
            ),
        )
    )


def handoff_modal(incident: Incident, role: Role, title: str, draft: str = "") -> Modal:
    """`draft`: what goes on, as far as the timeline knows."""
    who = {"type": "users_select", "placeholder": text.plain("Choose a person", 150)}
    hint = "Say what is known, what is under way, and what you would do next."
    heading = f"Hand off {short(role, title)}"
    return Modal(
        view=form(
            "role.handoff",
            f"{incident.id}|{role}",
            heading if len(heading) <= TITLE else "Hand off",  # the first field says what
            "Hand off",
            (
                field("user", f"Who takes over as {title.lower()}?", who),
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


def task_modal(incident: Incident, message: str, said: str) -> Modal:
    """What is made of a message. `message` is its id, `said` what stands in it."""
    who = {"type": "users_select", "placeholder": text.plain("You", 150)}
    kinds = [
        option("A task, for now", "task"),
        option("A follow-up, for when it is over", "follow-up"),
        option("An open question", "question"),
    ]
    return Modal(
        view=form(
            "task.add",
            f"{incident.id}|{message}",
            f"Task of {incident.id}",
            "Add",
            (
                field(
                    "text", "What is to be done?", words("Look at the payment logs", said, most=1000, multiline=True)
                ),
                field("user", "Who does it?", who, "Without a choice, you.", optional=True),
                field("kind", "What is it?", radio("kind", kinds) | {"initial_option": kinds[0]}),
            ),
        )
    )
