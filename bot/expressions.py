"""What an alert's rule measures: its expression, out of the link to Prometheus, and the limit that it is held to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bot.text import one_line

LONGEST = 2000  # characters of an expression; Prometheus is asked for no more
TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<open>[({\[])|(?P<shut>[)}\]])
      |(?P<compared>[<>=!]=|[<>])|(?P<joined>\b(?:and|or|unless)\b)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
NUMBER = re.compile(r"(?:bool\b)?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What to ask Prometheus for, and the value beyond which the alert fires, where that is a number."""

    query: str
    limit: float | None = None


def measure_of(url: str | None) -> Measure | None:
    """Of a link as Prometheus makes it (`/graph?g0.expr=…`); None for every other."""
    try:
        said = parse_qs(urlsplit(url or "").query).get("g0.expr", [""])[0]
    except ValueError:
        return None
    query = one_line(said)
    return split(query) if query and len(query) <= LONGEST else None


def split(query: str) -> Measure:
    """`errors / requests > 0.05` is plotted as what stands left of the limit: compared, it has no values but while it
    fires. What is compared with no number, twice, or joined with something else is taken as it is.
    """
    outside = list(_outside(query))
    compared = [found for found in outside if found["compared"]]
    if len(compared) != 1 or len(outside) != 1:
        return Measure(query=query)
    left, right = query[: compared[0].start()].strip(), query[compared[0].end() :].strip()
    if left and (limit := NUMBER.fullmatch(right)):
        return Measure(query=left, limit=float(limit[1]))
    if right and (limit := NUMBER.fullmatch(left)):
        return Measure(query=right, limit=float(limit[1]))
    return Measure(query=query)


def _outside(query: str) -> Iterator[re.Match[str]]:
    """The operators that stand in no brackets and in no text."""
    depth = 0
    for found in TOKEN.finditer(query):
        depth += bool(found["open"]) - bool(found["shut"])
        if depth == 0 and (found["compared"] or found["joined"]):
            yield found
