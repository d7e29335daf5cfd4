"""People by their names, where Slack has made no mention of what somebody typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from bot.commands import PERSON, again
from bot.errors import Refused
from bot.text import code

NEAR = 3  # names that are offered for one that nobody has
UNNAMED = re.compile(r"@[\w.'’-]+")  # Slack would have made a mention of a name that it knows
AT = re.compile(r"(?<!\S)@(?=\w)")


def unnamed(words: str) -> str:
    """The name where the owner stands, if it is nobody's; in the middle, or in an address, an @ is a word."""
    last = (words.split() or [""])[-1]
    return last.removeprefix("@") if UNNAMED.fullmatch(last) else ""


def called(name: str, names: Mapping[str, str]) -> str:
    """The id of the one person who is called so, or "". `names` is Slack id → name, of those who are likely meant."""
    found = _spelled(names).get(" ".join(name.lower().split()), [])
    return found[0] if len(found) == 1 else ""


def understood(words: str, names: Mapping[str, str]) -> str:
    """The words with a mention for `@bob` and `@Bob Okafor`, where one person alone is called so.

    It stands at either end, as who is meant does; at the end it may have several words.
    """
    *_, last = AT.finditer(words) if AT.search(words) else [None]
    if last and (who := called(words[last.end() :], names)):
        return f"{words[: last.start()]}<@{who}>"
    first, blank, rest = words.partition(" ")
    return f"{_mention(first, names)}{blank}{rest}" if UNNAMED.fullmatch(first) else words


def _mention(word: str, names: Mapping[str, str]) -> str:
    who = called(word.removeprefix("@"), names)
    return f"<@{who}>" if who else word


def nobody(name: str, words: str, verb: str, names: Mapping[str, str]) -> Refused:
    """What is proposed is understood as it stands."""
    spelled = {part: ids[0] for part, ids in _spelled(names).items() if len(ids) == 1}
    close = difflib.get_close_matches(name.lower(), list(spelled), n=NEAR, cutoff=0.6)
    found = [_typed(who, spelled) for who in dict.fromkeys(spelled[one] for one in close)]
    hint = f" Did you mean {' or '.join(code(f'@{one}', 60) for one in found)}?" if found else ""
    line = again(words.strip()).replace(f"@{name}", f"@{found[0] if found else 'who'}")
    return Refused(
        f"I know nobody called {code(name, 60)}; nothing was changed.{hint} Pick the person from Slack's @ list.",
        instead=f"/incident {verb} {line}",
    )


def mentioned(words: str) -> tuple[str, ...]:
    """The ids of all who stand in it."""
    return tuple(match[1] for word in words.split() if (match := PERSON.match(word)))


def _typed(who: str, spelled: Mapping[str, str]) -> str:
    """The shortest name that means this person and nobody else."""
    return min((part for part, one in spelled.items() if one == who), key=len)


def spellings(names: Iterable[str]) -> frozenset[str]:
    """How any of these people may be called."""
    return frozenset(part for name in names for part in _spellings(name))


def _spelled(names: Mapping[str, str]) -> dict[str, list[str]]:
    """How people may be called → who is called so."""
    found: dict[str, list[str]] = {}
    for who, name in names.items():
        for part in _spellings(name):
            found.setdefault(part, []).append(who)
    return found


def _spellings(name: str) -> tuple[str, ...]:
    known = " ".join(name.lower().split())
    return tuple(dict.fromkeys(filter(None, (known, known.replace(" ", "."), known.partition(" ")[0]))))
