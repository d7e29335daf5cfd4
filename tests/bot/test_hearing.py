"""What is done with what senders posted, as values."""

from dataclasses import replace
from datetime import timedelta

from bot.hearing import MOST, Odd, keep, unheard, vendors
from bot.model import Heard, Unparsed, VendorState, VendorStatus
from tests.values import NOON

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
