"""Which messages of an incident's chat tell what happened, and why each of them was chosen.

A message is scored by rules: people's marks, then words of action, recovery, finding and symptom, first mentions,
numbers and evidence. The best of every ten minutes are kept, near-duplicates left out, and one of every phase at least.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.model import Message, Role

WINDOW = timedelta(minutes=10)
PER_WINDOW = 5
WORTH_KEEPING = 1.5
TWIN = 0.6  # of the words of two messages in common
LOOK_BACK = 30  # kept messages that a message is compared with, in its window and the one before

ACTS = re.compile(
    r"\b(?:roll(?:ed|ing|s)?[ -]?(?:back|out)|revert\w*|restart\w*|deploy\w*|scal(?:e|ed|ing)|fail(?:ed|ing)? ?over"
    r"|disabl\w+|enabl\w+|paus(?:e|ed|ing)|resum\w+|promot\w+|abort\w*|bump\w*|drain\w*|block\w*|patch\w*|appl(?:y|ied|ying)"
    r"|merg(?:e|ed|ing)|kill(?:ed|ing)?|delet\w+|purg\w+|flush\w*|switch\w*|regroup\w*|mitigat\w+|escalat\w+|declar\w+)\b",
    re.IGNORECASE,
)
ENDS = re.compile(
    r"\b(?:resolv\w+|recover\w*|fixed|back to normal|all clear|steady|steadied|healthy|green again|works? again"
    r"|stable again|no more (?:errors|alerts)|cleared|restored)\b",
    re.IGNORECASE,
)
FINDS = re.compile(
    r"\b(?:because|caused? by|cause is|root cause|due to|culprit|looks like|turns out|found (?:it|that|the)|suspect\w*"
    r"|confirm\w*|reproduc\w+|only (?:on|in|for|with)|correlat\w+|started (?:with|after|when)|since (?:the )?v?\d"
    r"|stack ?trace|regression|leak\w*|exhaust\w+|deadlock\w*|throws?|threw|crash\w*|bug|broke|introduc\w+"
    r"|chang(?:ed|es)|moved)\b",
    re.IGNORECASE,
)
NOTICES = re.compile(
    r"\b(?:alert\w*|alarm\w*|page[ds]?|errors?|fail(?:s|ed|ing|ures?)|down|outage|slow\w*|latenc\w+|timeouts?"
    r"|timing out|spik(?:e|es|ed|ing)|drop(?:s|ped|ping)?|customers?|users?|tickets?|complain\w*|reports?|cannot"
    r"|can't|unable|degraded|broken|wrong|5\d\ds?)\b",
    re.IGNORECASE,
)
TELLS = re.compile(
    r"\b(?:status ?page|posted|informed|told|notif\w+|announc\w+|support (?:knows|has)|update (?:sent|published|is out)"
    r"|next update)\b",
    re.IGNORECASE,
)
TERM = re.compile(
    r"\b(?:v\d[\w.-]{0,40}|[A-Z]\w{0,60}(?:Error|Exception)|E[A-Z]{4,20}|[45]\d\d|\w{1,60}_\w{1,60}"
    r"|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){2,8}|[a-z]{1,30}-[a-z0-9-]{0,40}\d)\b"
)
URL = re.compile(r"https?://\S+")
NUMBER = re.compile(
    r"(?<![\d.,])\d[\d.,]{0,15}\s?(?:%|‰|ms|s|sec\w*|min\w*|h|hours?|rps|qps|req\w*|k|m|kb|mb|gb|tb|x|errors?|orders?|tickets?|users?"
    r"|customers?|pods?|hosts?|nodes?|replicas?|€|\$)(?!\w)",
    re.IGNORECASE,
)
WORD = re.compile(r"\w+")
CHOSEN = frozenset({"pushpin", "round_pushpin", "timeline", "memo", "bookmark"})  # reactions that say: keep this
LEADS = frozenset({Role.COMMANDER, Role.OPS})

# A pattern, what it adds, and the reason that stands on the line.
CATEGORIES: Sequence[tuple[re.Pattern[str], float, str]] = (
    (ACTS, 2.0, "an action"),
    (ENDS, 2.0, "a recovery"),
    (FINDS, 2.0, "a finding"),
    (NOTICES, 1.5, "a symptom"),
    (TELLS, 1.0, "a word to others"),
)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A message with what is known around it."""

    message: Message
    text: str  # readable
    role: str  # the title of the role its author held then, or ""
    leads: bool  # that is one of LEADS
    stretch: int  # the how-manieth phase of the incident it fell into

    @property
    def marked(self) -> bool:
        return not CHOSEN.isdisjoint(name.partition("::")[0] for name in self.message.reactions)  # any skin tone


@dataclass(frozen=True, kw_only=True)
class Scored:
    heard: Heard
    score: float
    why: tuple[str, ...]

    @property
    def chosen(self) -> bool:
        """A person said that it matters."""
        return self.heard.message.pinned or self.heard.marked

    @property
    def order(self) -> tuple[float, str]:
        return self.heard.message.at.timestamp(), self.heard.message.ts


def score(heard: Iterable[Heard], services: Collection[str]) -> Iterator[Scored]:
    """`heard` in order of time: the first mention of a host, a version, an error or one of `services` counts."""
    seen: set[str] = set()
    known = {service.lower() for service in services if service}
    for one in heard:
        terms = terms_in(one.text, known)
        reasons = list(_reasons(one, terms - seen))
        seen |= terms
        yield Scored(
            heard=one,
            score=sum(points for points, _ in reasons),
            why=tuple(reason for points, reason in reasons if points > 0),
        )


def terms_in(text: str, known: set[str]) -> set[str]:
    words = {word.lower() for word in WORD.findall(text)} & known if known else set()
    return words | {term.lower() for term in TERM.findall(text)}


def _reasons(heard: Heard, new_terms: set[str]) -> Iterator[tuple[float, str]]:
    text = heard.text
    if heard.message.pinned:
        yield 3.0, "pinned"
    if heard.marked:
        yield 3.0, "marked"
    if heard.leads:
        yield 1.0, f"by the {heard.role.lower()}"
    yield from ((points, reason) for pattern, points, reason in CATEGORIES if pattern.search(text))
    if new_terms:
        yield 1.5, f"first mention of {', '.join(sorted(new_terms)[:3])}"
    if URL.search(text) or "```" in heard.message.text:
        yield 1.0, "evidence"
    if NUMBER.search(text):
        yield 1.0, "a number"
    if text.rstrip().endswith("?"):
        yield -1.0, "a question"
    if len(WORD.findall(text)) < 4:
        yield -2.0, "few words"
    if heard.message.thread:
        yield -0.5, "in a thread"


def choose(scored: Sequence[Scored], per_window: int = PER_WINDOW) -> list[Scored]:
    """What people marked, the best of each window, and one of every phase at least; in order of time."""
    windows: dict[int, list[Scored]] = defaultdict(list)
    for one in scored:
        windows[int(one.heard.message.at.timestamp() // WINDOW.total_seconds())].append(one)
    kept: list[Scored] = []
    before: list[frozenset[str]] = []
    for _, window in sorted(windows.items()):
        best, before = _best(window, before, per_window)
        kept += best
    return sorted([*kept, *_missing(scored, kept)], key=lambda one: one.order)


def _best(
    window: Sequence[Scored], before: Sequence[frozenset[str]], most: int
) -> tuple[list[Scored], list[frozenset[str]]]:
    """The kept of one window and their words; `before` are those of the window before it.

    People's marks always count and leave the others their places.
    """
    kept = [one for one in window if one.chosen]
    words = [words_of(one.heard.text) for one in kept]
    others = [one for one in window if not one.chosen and one.score >= WORTH_KEEPING]
    for one in sorted(others, key=lambda one: (-one.score, one.order)):
        if most <= 0:
            break
        mine = words_of(one.heard.text)
        if any(alike(mine, other) for other in (*words[-LOOK_BACK:], *before[-LOOK_BACK:])):
            continue
        kept.append(one)
        words.append(mine)
        most -= 1
    return kept, words


def words_of(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in WORD.findall(text[:2000]))


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Near-duplicates by Jaccard's measure: common words over all words."""
    both = len(one & other)
    return both > TWIN * (len(one) + len(other) - both)


def _missing(scored: Sequence[Scored], kept: Sequence[Scored]) -> Iterator[Scored]:
    """The best message of each phase that has none."""
    have = {one.heard.stretch for one in kept}
    best: dict[int, Scored] = {}
    for one in scored:
        stretch = one.heard.stretch
        if stretch not in have and (stretch not in best or one.score > best[stretch].score):
            best[stretch] = one
    yield from best.values()
