"""The roles of an incident as the configuration has them: their titles, what they are for, who may hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from bot.model import Role, Severity

EVERYBODY = "everybody"
MOST = 8  # roles; the card has a button for each


@dataclass(frozen=True, kw_only=True)
class Position:
    """`required`: severity → how long it may be empty before somebody is reminded; the others can do without.

    `instructions` go to whoever gets the role; `who` are words of the configuration.
    """

    title: str
    required: Mapping[Severity, timedelta] = field(default_factory=dict)
    instructions: str = ""
    who: tuple[str, ...] = (EVERYBODY,)


POSITIONS: Mapping[Role, Position] = MappingProxyType(
    {
        Role.COMMANDER: Position(
            title="Commander",
            required={
                Severity.SEV1: timedelta(minutes=5),
                Severity.SEV2: timedelta(minutes=5),
                Severity.SEV3: timedelta(minutes=15),
            },
            instructions=(
                "You decide, and others act. Keep severity and phase true, fill the other roles, ask for objections "
                "before anything that cannot be taken back, and see that every promised update comes."
            ),
        ),
        Role.OPS: Position(
            title="Ops lead",
            instructions=(
                "You and those you ask are the only ones who change production. Say what you are about to do before "
                "you do it. Look at the suspects on the card first: undoing a change is mostly the fastest way out."
            ),
        ),
        Role.COMMS: Position(
            title="Comms lead",
            instructions=(
                "You speak for the incident. Publish what users see in their words, never a time by which it will be "
                "mended, and give the next update when it is promised: “no change” is one, too."
            ),
        ),
        Role.SCRIBE: Position(
            title="Scribe",
            instructions=(
                "You keep what is decided and why. `/incident note` and :pushpin: on a message put it on the timeline; "
                "write down what was tried and did not help as well."
            ),
        ),
    }
)
TITLES: Mapping[Role, str] = MappingProxyType({role: one.title for role, one in POSITIONS.items()})


def short(role: Role, title: str) -> str:
    """For a button: the word that is typed, unless the title is another."""
    return str(role) if title.lower().startswith(role) else title.lower()
