"""On-call as a calendar feed: whoever's shift it is now, by attendee or else by the words of its title."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from dateutil.rrule import rrulestr
from icalendar import Calendar

from bot.errors import Away, ProviderError
from handlers.providers.http import client

NAME = "calendar"
SECONDS = httpx.Timeout(10.0, connect=3.0)
LARGEST = 8 * 1024 * 1024
TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})  # no shift is so short, and counting them takes for ever
Event = Any  # the types of icalendar know no key of an event
ABSENT = frozenset({"DECLINED", "DELEGATED"})


@dataclass(frozen=True)
class Shift:
    start: datetime
    end: datetime
    who: tuple[str, ...]


class Ical:
    """The address of a private feed is its key, so no error names more of it than the host."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.replace("webcal://", "https://", 1)
        self._client = client(timeout=SECONDS, transport=transport, follow_redirects=True)

    def on_duty(self, now: datetime) -> tuple[str, ...]:
        """Those whose shift it is, the one that began first first. Raises ProviderError."""
        current = sorted(shifts(self.feed(), now), key=lambda shift: shift.start)
        return tuple(dict.fromkeys(who for shift in current for who in shift.who))

    def feed(self) -> bytes:
        content = bytearray()
        try:
            with self._client.stream("GET", self._url, headers={"accept": "text/calendar"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    gone = answer.status_code in (401, 403, 404, 410)
                    raise ProviderError(NAME, f"HTTP {answer.status_code}", permanent=gone)
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise ProviderError(NAME, "its feed is too large", permanent=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(NAME, f"no answer ({type(error).__name__})") from None
        return bytes(content)

    def close(self) -> None:
        self._client.close()


def shifts(content: bytes, now: datetime) -> list[Shift]:
    """The events that go on now. Raises ProviderError where this is no calendar."""
    try:
        calendar = Calendar.from_ical(content)
        events: list[Event] = [event for event in calendar.walk("VEVENT") if "DTSTART" in event]
        zone = _zone(str(calendar.get("X-WR-TIMEZONE", "")))
        moved = {(str(e.get("UID")), _at(e["RECURRENCE-ID"].dt, zone)) for e in events if "RECURRENCE-ID" in e}
        return [shift for event in events for shift in _current(event, now, zone, moved)]
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError) as error:
        raise ProviderError(NAME, f"its feed cannot be read ({type(error).__name__})", permanent=True) from None


def _zone(name: str) -> tzinfo:
    """Of events that say no zone, such as those of whole days."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _current(event: Event, now: datetime, zone: tzinfo, moved: set[tuple[str, datetime]]) -> Iterator[Shift]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    first = _at(event["DTSTART"].dt, zone)
    length = _length(event, first, zone)
    alone = "RECURRENCE-ID" in event
    for start in [first] if alone else _starts(event, first, length, now, zone):
        replaced = not alone and (str(event.get("UID")), start) in moved
        end = (start.replace(tzinfo=None) + length).replace(
            tzinfo=start.tzinfo
        )  # a shift ends by the clock on the wall
        if start <= now < end and not replaced:
            yield Shift(start, end, _who(event))


def _starts(event: Event, first: datetime, length: timedelta, now: datetime, zone: tzinfo) -> set[datetime]:
    """The beginnings that may still go on."""
    starts = {first, *_dates(event, "RDATE", zone)}
    for rule in _listed(event.get("RRULE")):
        if set(rule.get("FREQ", ())) & TOO_OFTEN:
            continue
        if "UNTIL" in rule:  # in UTC, as the library wants it
            rule["UNTIL"] = [_until(until, zone) for until in rule["UNTIL"]]
        found = rrulestr(rule.to_ical().decode(), dtstart=first)
        starts |= set(found.between(now - length - timedelta(days=1), now, inc=True))
    return starts - set(_dates(event, "EXDATE", zone))


def _until(until: date | datetime, zone: tzinfo) -> datetime:
    """A day is meant to its end."""
    whole = until if isinstance(until, datetime) else datetime.combine(until, time.max.replace(microsecond=0))
    return _at(whole, zone).astimezone(UTC)


def _dates(event: Event, name: str, zone: tzinfo) -> list[datetime]:
    return [_at(one.dt, zone) for part in _listed(event.get(name)) for one in part.dts]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _length(event: Event, first: datetime, zone: tzinfo) -> timedelta:
    """By the clock on the wall. An event of a day without an end lasts that day."""
    if "DTEND" in event:
        return _at(event["DTEND"].dt, zone).replace(tzinfo=None) - first.replace(tzinfo=None)
    if "DURATION" in event:
        length: timedelta = event["DURATION"].dt
        return length
    return timedelta(0) if isinstance(event["DTSTART"].dt, datetime) else timedelta(days=1)


def _at(moment: date | datetime, zone: tzinfo) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _who(event: Event) -> tuple[str, ...]:
    guests = [
        str(guest).removeprefix("mailto:").removeprefix("MAILTO:")
        for guest in _listed(event.get("ATTENDEE"))
        if str(guest.params.get("PARTSTAT", "")).upper() not in ABSENT
    ]
    return tuple(guests) or (str(event.get("SUMMARY", "")).strip() or "somebody without a name",)
