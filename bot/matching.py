"""Whether an alert is meant: by its labels, and by what its sender made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.model import Alert
from bot.text import clip, one_line

REGEX = "~"  # before a regular expression, which has to fit the whole value
FIELDS = ("source", "title", "service", "environment", "severity")
LONGEST = 300  # characters that are looked at

Match = Mapping[str, tuple[str, ...]]  # every key has to have one of its values


def value(alert: Alert, key: str) -> str:
    """Of a field, or else of a label; "" where there is none."""
    return (str(getattr(alert, key)) if key in FIELDS else alert.labels.get(key, ""))[:LONGEST]


def one_fits(wanted: str, value: str) -> bool:
    return bool(re.fullmatch(wanted[1:], value)) if wanted.startswith(REGEX) else wanted == value


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
        try:
            re.compile(wanted[1:])
        except re.error as error:
            raise ValueError(f"{wanted[1:]!r} is no regular expression: {error}") from None
