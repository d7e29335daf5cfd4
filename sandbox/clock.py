"""The time in the pretend world: the real one, or one that moves only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The system's clock, in UTC. `runs`: time passes by itself, so what is due has to be watched for."""

    runs = True

    def now(self) -> datetime:
        return datetime.now(UTC)

    @staticmethod
    def system() -> Clock:
        return Clock()


class FrozenClock(Clock):
    """Stands still until it is moved. Whoever moves it also does what is due then."""

    runs = False

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
