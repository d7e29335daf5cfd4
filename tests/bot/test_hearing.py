"""What is done with what senders posted, as values."""

from dataclasses import replace
from datetime import timedelta

from bot.hearing import MOST, Odd, in_time, keep, unheard, vendors
from bot.model import Heard, Unparsed, VendorState, VendorStatus
from tests.values import NOON, alert, change

ODD = Odd(source="ci", body=b"{", headers={"x-event": "deploy", "authorization": "hush"}, reason="not JSON")
DOWN = VendorStatus(
    key="statuspage/1", vendor="Acme", component="API", status=VendorState.MAJOR_OUTAGE, title="down", at=NOON
)
WELL = replace(DOWN, status=VendorState.OPERATIONAL, at=NOON + timedelta(minutes=9))


def test_each_request_is_noted_once() -> None:
    assert unheard(["a", "b", "a", ""], {"b"}, NOON).save == (Heard(id="a", at=NOON),)


def test_a_vendors_latest_word_counts_in_whatever_order_they_come() -> None:
    assert vendors([DOWN, WELL], {}).save == vendors([WELL, DOWN], {}).save == (WELL,)
    assert vendors([DOWN], {WELL.key: WELL}).save == ()
    assert vendors([WELL], {DOWN.key: DOWN}).save == (WELL,)


FAR = NOON.replace(year=2999)


def test_what_is_dated_later_than_now_is_of_now() -> None:
    later = change(at=FAR, title="hotfix", source="ci")
    assert in_time(later, NOON) == replace(
        later, at=NOON, title="hotfix, dated 2999-03-05 12:00 UTC by ci, taken for now"
    )
    assert in_time(replace(WELL, at=FAR), NOON) == replace(WELL, at=NOON)
    assert in_time(alert(firing=False, ends_at=FAR), NOON) == alert(firing=False, ends_at=NOON)
    fires = in_time(alert(starts_at=FAR, dated=True), NOON)
    assert (fires.starts_at, fires.dated) == (NOON, False), "so that its repeats are no new episodes"
    ended = in_time(alert(starts_at=FAR, ends_at=FAR, firing=False), NOON)
    assert (ended.starts_at, ended.ends_at) == (NOON, NOON)


def test_a_clock_that_is_a_little_ahead_and_what_is_long_ago_are_believed() -> None:
    for at in (NOON + timedelta(minutes=4), NOON.replace(year=1999)):
        for fact in (change(at=at), alert(starts_at=at), alert(firing=False, ends_at=at), replace(WELL, at=at)):
            assert in_time(fact, NOON) is fact


def test_what_is_odd_is_kept_without_its_secrets() -> None:
    (kept,) = keep(ODD, None, 0, NOON).save
    assert isinstance(kept, Unparsed)
    assert (kept.id, kept.body, kept.headers) == (ODD.id, b"{", {"x-event": "deploy"})
    assert ODD.id != replace(ODD, source="other").id


def test_what_comes_again_after_its_replay_waits_again() -> None:
    (kept,) = keep(ODD, None, 0, NOON).save
    assert isinstance(kept, Unparsed)
    (again,) = keep(ODD, replace(kept, replayed_at=NOON), MOST, NOON + timedelta(minutes=1)).save
    assert isinstance(again, Unparsed)
    assert (again.count, again.replayed_at, again.at) == (2, None, NOON)


def test_too_many_are_not_kept() -> None:
    assert keep(ODD, None, MOST, NOON).save == ()
