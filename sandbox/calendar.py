"""The calendar feed of the shop's search team: who is on call, as Google Calendar and its like write it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

HEAD = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Google Inc//Google Calendar 70.9054//EN
X-WR-CALNAME:Search on call
X-WR-TIMEZONE:Europe/Berlin
"""
WEEKS = """BEGIN:VEVENT
UID:weeks@corner-shop.example
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260105T090000
DTEND;TZID=Europe/Berlin:20260112T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call: Carol Ruiz
END:VEVENT
BEGIN:VEVENT
UID:other-weeks@corner-shop.example
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260112T090000
DTEND;TZID=Europe/Berlin:20260119T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call
ATTENDEE;PARTSTAT=ACCEPTED;CN=Alice:mailto:alice@corner-shop.example
END:VEVENT
"""


class Calendar:
    """`events` is what stands in it; a test may write its own."""

    def __init__(self) -> None:
        self.events = WEEKS
        self.status = 200

    def routes(self, at: str) -> list[BaseRoute]:
        return [Route(f"{at}/search.ics", self.feed)]

    def feed(self, request: Request) -> Response:
        content = f"{HEAD}{self.events}END:VCALENDAR\n".replace("\n", "\r\n")
        return Response(content, self.status, media_type="text/calendar")
