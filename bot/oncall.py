"""Who is on call, as somebody else says it: whom they mean, and what is said where they cannot be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Duty
from bot.policy import Contact
from bot.text import clip, one_line

FRESH = timedelta(minutes=5)  # so long an answer is not asked for again
TRUSTED = timedelta(days=1)  # so long it also says who may act
EMAIL = re.compile(r"[^\s<>@,;:()]+@[^\s<>@,;:()]+\.[^\s<>@,;:()]+")
MEMBER = re.compile(r"\b[UW][A-Z0-9]{4,}\b")


@dataclass(frozen=True)
class Answer:
    """Those on call, whoever is called first first. `why`: they could not be asked now, so this is as of `at`.

    `unknown`: those who were named and whom nobody knows in Slack.
    """

    people: tuple[str, ...] = ()
    at: datetime | None = None
    why: str = ""
    unknown: tuple[str, ...] = ()


def known(said: str, contacts: Mapping[str, Contact]) -> str:
    """The Slack id of whoever a calendar or another tool names: by id, by address, or by name in the words; or ""."""
    if match := MEMBER.search(said):
        return match[0]
    addresses = {address.casefold() for address in EMAIL.findall(said)}
    for id, contact in contacts.items():
        if contact.email and contact.email.casefold() in addresses:
            return id
    named = [(len(contact.name), id) for id, contact in contacts.items() if _names(said, contact.name)]
    return max(named)[1] if named else ""  # the longest: Dana Kim-Lee is not Dana Kim


def _names(said: str, name: str) -> bool:
    return bool(name) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said, re.IGNORECASE) is not None


def address(said: str) -> str:
    """By which Slack may know them, or ""."""
    found = EMAIL.search(said)
    return found[0] if found else ""


def is_fresh(duty: Duty | None, now: datetime) -> bool:
    return duty is not None and now - duty.at < FRESH


def troubles(name: str, answer: Answer) -> list[str]:
    """What people have to know of an answer."""
    said = []
    if answer.why and answer.at:
        said.append(f"the on-call {name} cannot be asked now ({answer.why}): its people are as of {_stamp(answer.at)}")
    if answer.unknown:
        names = ", ".join(clip(one_line(one), 60) for one in answer.unknown)
        said.append(f"the on-call {name} names {names}, whom I do not find in Slack: add them to `people`")
    return said


def _stamp(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"


def same(duty: Duty | None, people: Sequence[str], unknown: Sequence[str]) -> bool:
    return duty is not None and (duty.people, duty.unknown) == (tuple(people), tuple(unknown))
