"""What a person says that a change has to do with an incident: suspect, cause, fix, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.cards.incident import WORDS
from bot.changes import begun
from bot.commands import nearest
from bot.decision import Decision, PostCard
from bot.errors import Refused
from bot.model import BOT, Change, Entry, EntryKind, Incident, Link, Verdict
from bot.text import code, entities, is_person

Pair = tuple[Link, Change]

SAID = re.compile(rf"(?P<change>.+?)\s+(?P<verdict>{'|'.join(Verdict)})(?:\s+(?P<why>.+))?", re.IGNORECASE | re.DOTALL)
NUMBER = re.compile(r"[1-9][0-9]?")
NAMED = 3  # changes that a refusal lists
USAGE = "/incident link 1 caused the new client retries without end"

ORDER = (Verdict.CAUSED, Verdict.FIXED, Verdict.SUSPECT, Verdict.DISMISSED)


@dataclass(frozen=True, kw_only=True)
class Said:
    """`v42 caused it retries without end`, taken apart."""

    change: str
    verdict: Verdict
    why: str = ""


def parse(words: str) -> Said:
    """The verdict is the first word after the change that is one: keys may have blanks in them. Raises Refused."""
    if match := SAID.fullmatch(words.strip()):
        return Said(change=match["change"], verdict=Verdict(match["verdict"].lower()), why=(match["why"] or "").strip())
    change, _, rest = words.strip().partition(" ")
    if not change:
        raise Refused("Say which change, and what it has to do with this.", instead=USAGE)
    odd = rest.split(" ", 1)[0]
    what = f"{code(odd, 40)} is not a verdict" if odd else f"Say what {code(change, 100)} has to do with this"
    choice = nearest(odd.lower(), tuple(Verdict)) or "|".join(Verdict)
    raise Refused(f"{what}; nothing was changed.", instead=f"/incident link {change} {choice}")


def ranked(pairs: Sequence[Pair]) -> list[Pair]:
    """As they are shown: what people have found, then the likeliest."""
    return sorted(pairs, key=lambda pair: (ORDER.index(pair[0].verdict), -pair[0].score))


def shown(pairs: Sequence[Pair]) -> list[Pair]:
    """Those on the card, where the number beside each is its place here."""
    return [pair for pair in ranked(pairs) if pair[0].verdict is not Verdict.DISMISSED]


def pick(said: Said, pairs: Sequence[Pair], near: Sequence[Change]) -> Change:
    """By its number on the card, its key, its version, or the beginning of its key. Raises Refused."""
    word, numbered = said.change, shown(pairs)
    if NUMBER.fullmatch(word) and int(word) <= len(numbered):
        return numbered[int(word) - 1][1]
    known = {change.key: change for change in [*(change for _, change in pairs), *near]}
    if word in known:
        return known[word]
    found = [change for change in known.values() if change.version == word]
    found = found or [change for key, change in known.items() if key.lower().startswith(word.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(code(change.key, 100) for change in found[:NAMED])
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise Refused(f"{code(word, 100)} may be {some}{more}; nothing was changed. Type more of its key.")
    names = [*known, *(change.version for change in known.values())]
    close = nearest(word, [name for name in names if name and name == entities(name)])  # it is shown as it is typed
    raise Refused(
        f"I know no change {code(word, 100)} near this incident; nothing was changed.",
        instead=f"/incident link {close} {said.verdict}" if close else "",
    )


def judged(
    incident: Incident, change: Change, said: Said, before: Link | None, by: str, now: datetime, *, told: bool
) -> Decision:
    """A person's verdict, which stands until a person gives another. `told`: the change is on the timeline already."""
    if not is_person(by):
        raise Refused("Only a person says what a change has to do with an incident; nothing was changed.")
    name = code(f"{change.called} {change.version}", 100)
    mine = before is not None and before.by != BOT and before.verdict is said.verdict
    if mine and before and said.why in ("", ", ".join(before.reasons)):
        raise Refused(f"It is noted already that {name} {WORDS[said.verdict]}; nothing was changed.")
    link = Link(
        incident=incident.id,
        change=change.key,
        verdict=said.verdict,
        reasons=_reasons(said, before),
        by=by,
        at=now,
        score=before.score if before else 0.0,
        version=before.version if before else 0,
    )
    return Decision(
        save=(link,),
        note=(*(() if told else (begun(incident, change),)), _entry(incident, change, said, by, now)),
        do=(PostCard(incident.id),),
        say=f"Noted: {name} {WORDS[said.verdict]}.{_anew(incident)}",
    )


def _reasons(said: Said, before: Link | None) -> tuple[str, ...]:
    """What spoke for the suspicion speaks for the cause, unless somebody says it better."""
    if said.why:
        return (said.why,)
    return before.reasons if before and said.verdict in (Verdict.SUSPECT, Verdict.CAUSED) else ()


def _entry(incident: Incident, change: Change, said: Said, by: str, now: datetime) -> Entry:
    why = f" ({said.why})" if said.why else ""
    what = f"{change.change} of {change.called} {change.version}".rstrip()
    text = f"{what} {WORDS[said.verdict]}{why}"
    return Entry(incident=incident.id, at=now, kind=EntryKind.SUSPECT, by=by, text=text, source=change.url or "")


def _anew(incident: Incident) -> str:
    return "" if incident.is_open else f" `/incident postmortem {incident.id}` drafts the postmortem anew."
