"""Whether an alert is meant: by its labels, and by what its sender made of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Protocol

import re2

from bot.model import Alert
from bot.text import clip, one_line

REGEX = "~"  # before a regular expression, which has to fit the whole value
FIELDS = ("source", "title", "service", "environment", "severity")
LONGEST = 300  # characters that are looked at, and of a regular expression
MEMORY = 2**20  # bytes that a regular expression may come to


class Pattern(Protocol):
    def fullmatch(self, text: str) -> object | None: ...


Match = Mapping[str, tuple[str, ...]]  # every key has to have one of its values


def value(alert: Alert, key: str) -> str:
    """Of a field, or else of a label; "" where there is none."""
    return (str(getattr(alert, key)) if key in FIELDS else alert.labels.get(key, ""))[:LONGEST]


def one_fits(wanted: str, value: str) -> bool:
    return bool(_compiled(wanted[1:]).fullmatch(value)) if wanted.startswith(REGEX) else wanted == value


def fits(match: Match, alert: Alert) -> bool:
    return all(any(one_fits(each, value(alert, key)) for each in wanted) for key, wanted in match.items())


def why_not(match: Match, alert: Alert) -> str:
    """ "team is shop, not payments": the first that does not fit, as plain text; "" where all do."""
    for key, wanted in match.items():
        found = value(alert, key)
        if not any(one_fits(each, found) for each in wanted):
            return f"{key} is {shown(found)}, not {' or '.join(map(shown, wanted))}"
    return ""


def in_words(match: Match) -> str:
    """ "team=payments region=eu|us title=~High.*", as plain text."""
    return " ".join(f"{key}={'|'.join(wanted)}" for key, wanted in match.items())


def shown(value: str) -> str:
    return clip(one_line(value), 80) or "not there"


def check(wanted: str) -> None:
    """Raises ValueError where it is meant to be a regular expression and is none."""
    if wanted.startswith(REGEX):
        if len(wanted) > LONGEST:
            raise ValueError(f"a regular expression has at most {LONGEST} characters")
        try:
            _compiled(wanted[1:])
        except re2.error as error:
            raise ValueError(f"{wanted[1:]!r} is no regular expression: {_words(error)}") from None


@cache
def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    return options


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Pattern:
    """What people type is matched in time that grows with the text alone: RE2 does not go back. Raises re2.error."""
    found: Pattern = re2.compile(pattern, _options())
    return found


def _words(error: re2.error) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
