"""Field types that take what senders really send: odd times, numbers for text, unfilled templates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.model import PRODUCTION, spelled_out


class Malformed(ValueError):
    """The body cannot be what this sender sends; the message says where and why."""


class Partly(Malformed):
    """Some items of a list could not be read. `facts`: what became of the others; `rest`: a body of those alone.

    Where no such body can be made, `rest` is all of it, and `unread` the places of those in a list of `listed` items.
    """

    def __init__(
        self, why: str, facts: Sequence[Any], rest: bytes, unread: tuple[int, ...] = (), listed: int = 0
    ) -> None:
        super().__init__(why)
        self.facts, self.rest, self.unread, self.listed = facts, rest, unread, listed


class Body(BaseModel):
    """Unknown keys are ignored: senders add some with every release."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, defer_build=True)


EMPTY = frozenset({"", "null", "none", "nil", "undefined", "<no value>", "n/a"})
LONGEST_EMPTY = max(map(len, EMPTY))
# Of a template that nobody filled: $SERVICE, $SERVICEDESC$, {{ .Labels.service }}, {EVENT.ID}, *insert your text*,
# *alertFriendlyDuration*, *UNKNOWN*.
UNFILLED = re.compile(r"\$[A-Z][A-Z0-9_]*\$?|\{\{.*\}\}|\{[A-Za-z][\w.]*\}|\*(insert\b.*|[a-z]+[A-Z]\w*|UNKNOWN)\*")


def to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    text = str(value)
    if not text.isascii() or "\x00" in text:
        text = text.replace("\x00", "").encode("utf-8", "replace").decode()  # no lone surrogates
    text = text.strip()
    # Asked of every label of every alert of a storm: most texts are too long for the one, and begin in no such way.
    if len(text) <= LONGEST_EMPTY and text.lower() in EMPTY:
        return ""
    return "" if text[0] in "${*" and UNFILLED.fullmatch(text) else text


def to_tags(value: Any) -> dict[str, str]:
    """ "env:prod,service:checkout", or a list of such; the first of a name counts."""
    tags: dict[str, str] = {}
    for part in to_list(value) if isinstance(value, list) else to_text(value).split(","):
        name, colon, text = to_text(part).partition(":")
        if colon and text.strip():
            tags.setdefault(name.strip(), text.strip())
    return tags


def to_texts(value: Any) -> dict[str, str]:
    return {to_text(k): text for k, v in value.items() if (text := to_text(v))} if isinstance(value, dict) else {}


def to_list(value: Any) -> list[Any]:
    """One thing where a list is meant is a list of one."""
    return value if isinstance(value, list) else [] if value is None or value == "" else [value]


def to_objects(value: Any) -> list[Any]:
    """Of a list of details, such as links, those that are objects: an odd one must not cost the alert."""
    return [item for item in to_list(value) if isinstance(item, dict)]


def to_whole(value: Any) -> int | None:
    """A whole number, whether it came as one, as text, or with a needless fraction. No digit is lost."""
    text = to_text(value)
    if re.fullmatch(r"[+-]?\d{1,40}(\.0*)?", text):
        return int(text.partition(".")[0])
    return None


# ---------------------------------------------------------------- times

# Between these a number is a time: 1990 to 2200, whatever its unit.
EARLIEST, LATEST = 631152000, 7258118400
LONGEST_TIME = 100  # characters
UNITS = (1, 10**3, 10**6, 10**9)
NUMBER = re.compile(r"\d{1,25}(\.\d{1,20})?")
ZONE = re.compile(r"\s*(?:([+-]\d{2}):?(\d{2})|Z|UTC|GMT|([+-])00\.00)(?:\s+[A-Z]{3,4})?", re.IGNORECASE)
DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}:\d{2}(?::\d{2})?)(?:[.,](\d+))?)?", re.IGNORECASE)
# "Sat Oct 26 23:20:39 UTC 2024" and "Sat, 26 Oct 2024 23:20:39 GMT" (RSS); the day's name says nothing new.
UNIX = re.compile(r"\w{3} (\w{3}) +(\d{1,2}) (\d{2}:\d{2}:\d{2})(?: ([A-Z]{3}|[+-]\d{4}))? (\d{4})")
MAIL = re.compile(r"(?:\w{3}, *)?(\d{1,2}) (\w{3}) (\d{4}) (\d{2}:\d{2}(?::\d{2})?)(?: ([A-Z]{1,3}|[+-]\d{4}))?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def to_time(value: Any) -> datetime | None:
    """A time in the shapes seen in the wild, in UTC; None for absent, year 1 (Go's "never") and nonsense.

    Without a zone it is taken for UTC. Numbers are seconds, or thousandths, millionths or billionths of one.
    """
    if isinstance(value, bool):
        return None
    text = to_text(value)
    return _time(text) if len(text) <= LONGEST_TIME else None


@lru_cache(maxsize=256)
def _time(text: str) -> datetime | None:
    """The alerts of one group have begun together, and end at the same "never"."""
    try:
        at = _of_number(text) if NUMBER.fullmatch(text) else _of_words(text)
        return at.astimezone(UTC) if at and 1 < at.year < 9999 else None
    except (ValueError, OverflowError):
        return None


def _of_number(text: str) -> datetime | None:
    """Whole numbers stay whole: 19 digits are more than a float holds."""
    whole, _, rest = text.partition(".")
    for unit in UNITS:
        seconds, over = divmod(int(whole), unit)
        if EARLIEST <= seconds < LATEST:
            micro = over * 10**6 // unit if unit > 1 else int(rest[:6].ljust(6, "0"))
            return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micro)
    return None


def _of_words(text: str) -> datetime | None:
    if match := DAY.match(text):
        year, month, day, clock, fraction = match.groups()
        zone = _zone(text[match.end() :])
    elif match := UNIX.fullmatch(text):
        name, day, clock, where, year = match.groups()
        month, fraction, zone = _month(name), "", _zone(where or "")
    elif match := MAIL.fullmatch(text):
        day, name, year, clock, where = match.groups()
        month, fraction, zone = _month(name), "", _zone(where or "")
    else:
        return None
    if zone is None:
        return None
    hour, minute, second = (*(int(part) for part in (clock or "0:0").split(":")), 0)[:3]
    micro = int((fraction or "")[:6].ljust(6, "0"))
    return datetime(int(year), int(month), int(day), hour, minute, second, micro, zone)


def _month(name: str) -> str:
    return str(MONTHS.index(name.lower()) + 1)


def _zone(text: str) -> timezone | None:
    """None for what is no zone, such as +01.00: then the time is not known."""
    if not text.strip():
        return UTC
    match = ZONE.fullmatch(text)
    if not match:
        return None
    hours, minutes = match[1], match[2]
    if not hours:
        return UTC
    offset = timedelta(hours=abs(int(hours)), minutes=int(minutes))
    return timezone(-offset if hours.startswith("-") else offset)


def to_url(value: Any) -> str | None:
    """Only what leads somewhere on the web: senders fill in paths, hosts and "dontcare" as well."""
    text = to_text(value)
    return text if WEB.fullmatch(text) else None


WEB = re.compile(r"https?://[^/\s]\S*")
HOST = re.compile(r"https?://(?:[^/@?#\s]*@)?([\w.-]+)")


def host_of(url: str | None) -> str:
    """ "shop.example" of "https://shop.example:8443/health"; "" if that is none."""
    found = HOST.match(url or "")
    return found[1] if found else ""


Text = Annotated[str, BeforeValidator(to_text)]
Tags = Annotated[dict[str, str], BeforeValidator(to_tags)]
Texts = Annotated[dict[str, str], BeforeValidator(to_texts)]
Time = Annotated[datetime | None, BeforeValidator(to_time)]
Url = Annotated[str | None, BeforeValidator(to_url)]
Whole = Annotated[int | None, BeforeValidator(to_whole)]


# ---------------------------------------------------------------- JSON

DEEPEST = 100  # levels of nesting; what real senders send has ten
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def load(body: bytes) -> Any:
    """JSON from bytes. Raises Malformed."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8 (byte {error.start})") from None
    if is_deep(body):
        raise Malformed("the body is nested too deeply")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # such as a number of 5,000 digits
        raise Malformed(f"the body is not JSON that can be read: {error}") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None


def is_deep(body: bytes) -> bool:
    """Brackets inside texts are left out only where it matters: it takes longer than to read the JSON."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    return _is_deep(body) and _is_deep(re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body))


def _is_deep(body: bytes) -> bool:
    depth = 0
    for bracket in body.translate(None, NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            return True
    return False


def why(error: ValidationError) -> str:
    """The first complaint, in one sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    what = (
        "write an object, {…}" if first["type"] == "model_type" else first["msg"].lower().removeprefix("value error, ")
    )
    return f"{where}: {what}" if where else what


def first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The first of these that is there."""
    for name in names:
        if value := values.get(name):
            return value
    return ""


def environment(word: str) -> str:
    """One word for one environment, whatever the sender abbreviates."""
    return spelled_out(word) or PRODUCTION
