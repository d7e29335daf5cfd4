"""Things that are good for a while: trigger ids, response URLs and the tickets of sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.clock import Clock
from sandbox.slack.model import Json, SlackError

TRIGGER_LIVES = timedelta(seconds=3)
RESPONSE_LIVES, RESPONSE_USES = timedelta(minutes=30), 5
KEPT = 2_000


@dataclass
class Trigger:
    user: str
    expires: datetime
    view: str = ""  # the view that it was pressed in
    used: bool = False


@dataclass
class Response:
    """Where answers to one command or press go. `ts` is the message that it was pressed on."""

    user: str
    channel: str
    expires: datetime
    ts: str = ""
    thread: str = ""
    is_ephemeral: bool = True
    left: int = RESPONSE_USES
    shown: list[Json] = field(default_factory=list)


class Tickets:
    """Not locked: its workspace is."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.triggers: dict[str, Trigger] = {}
        self.responses: dict[str, Response] = {}
        self.sockets: set[str] = set()
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        for kept in (self.triggers, self.responses):
            if len(kept) > KEPT:
                kept.pop(next(iter(kept)))
        return self._count

    def trigger(self, user: str, view: str = "") -> str:
        n = self._next()
        id = f"{n}.{n + 4_000_000}.{n:032x}"
        self.triggers[id] = Trigger(user, self.clock.now() + TRIGGER_LIVES, view)
        return id

    def exchange(self, id: str) -> Trigger:
        """A trigger opens one view, soon."""
        trigger = self.triggers.get(id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.clock.now() > trigger.expires:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def response(self, user: str, channel: str, ts: str = "", thread: str = "", is_ephemeral: bool = True) -> str:
        token = f"{self._next():024x}"
        expires = self.clock.now() + RESPONSE_LIVES
        self.responses[token] = Response(user, channel, expires, ts, thread, is_ephemeral)
        return token

    def answer(self, token: str) -> Response:
        """Uses a response URL once."""
        found = self.responses.get(token)
        if found is None:
            raise SlackError("invalid_url")
        if self.clock.now() > found.expires:
            raise SlackError("expired_url")
        if found.left <= 0:
            raise SlackError("used_url")
        found.left -= 1
        return found

    def socket(self) -> str:
        ticket = f"{self._next():032x}"
        self.sockets.add(ticket)
        return ticket

    def admit(self, ticket: str) -> bool:
        """A ticket lets one socket in."""
        if ticket not in self.sockets:
            return False
        self.sockets.remove(ticket)
        return True
