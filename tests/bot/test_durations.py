"""One way to write a duration, wherever a person does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.durations import LONGEST, parse
from bot.times import starting
from tests.values import NOON


@pytest.mark.parametrize(
    ("word", "lasts"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 2 h ", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("0m", timedelta(0)),
        ("60 seconds", timedelta(seconds=60)),
        ("1 hour", timedelta(hours=1)),
        ("5min", timedelta(minutes=5)),
    ],
)
def test_what_is_one(word: str, lasts: timedelta) -> None:
    assert parse(word) == lasts


@pytest.mark.parametrize("word", ["", "h", "2", "-2h", "2w", "2h30m", "1.5h", "٣m", "2H", "2 months", "9" * 13 + "m"])
def test_what_is_none(word: str) -> None:
    assert parse(word) is None


def test_what_nobody_means_is_longer_than_the_longest_and_breaks_nothing() -> None:
    found = parse("999999999999d")
    assert found is not None
    assert found > LONGEST


def test_a_time_with_an_offset_is_the_same_moment_in_utc() -> None:
    at = starting("2026-03-06T22:00+02:00", NOON, timedelta(days=30), "Nothing was done.")
    assert at.isoformat() == "2026-03-06T20:00:00+00:00"
