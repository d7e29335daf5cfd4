"""A proposal: silence is consent, one vote a person, and an objection is heard at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import polls
from bot.decision import EndPoll, SendPost, ShowPoll
from bot.errors import Refused
from bot.model import Phase, Poll, Post
from tests.values import NOON, incident, minutes

POLL = Poll(id="INC-7/poll/1", incident="INC-7", text="roll back", by="U0DANA", at=NOON, ends_at=NOON + minutes(1))


def the(kind, decision):
    return [noun for noun in decision.save if isinstance(noun, kind)]


@pytest.mark.parametrize(
    ("words", "text", "seconds"),
    [
        ('"roll back now" 30s', "roll back now", 30),
        ("roll back now", "roll back now", 60),
        ("“roll back now” 5m", "roll back now", 300),
        ("roll back to v41 --for 2m", "roll back to v41", 120),
        ("roll back —for 2 m", "roll back", 120),
        ('"roll back" in 5 Minutes', "roll back", 300),
        ("“roll back” for 90 sec", "roll back", 90),
        ("roll back now 5 minutes", "roll back now", 300),
        ("roll back now --for 2 Minutes", "roll back now", 120),
        ("keep it off for 5 mins", "keep it off for 5 mins", 300),
        ("roll back in five minutes", "roll back in five minutes", 60),
        ("x" * 900, "x" * 499 + "…", 60),
    ],
)
def test_a_proposal_is_read_as_people_type_it(words, text, seconds):
    proposal = polls.parse(words)
    assert (proposal.text, proposal.lasts) == (text, timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "words", ["", '""', "60s", '"now" soon', '"now" at once 5m', '"now" 1s', '"now" 2h', '"now" 99d']
)
def test_what_is_no_proposal_says_how_one_looks(words):
    with pytest.raises(Refused) as refused:
        polls.parse(words)
    assert refused.value.instead == polls.USAGE


def test_it_is_asked_and_will_end():
    asked = polls.ask(incident(), '"roll back" 30s', 2, "U0DANA", NOON)
    [poll] = the(Poll, asked)
    assert asked.do == (ShowPoll("INC-7/poll/2"), EndPoll("INC-7/poll/2", due=NOON + timedelta(seconds=30)))
    assert asked.do[1].due == poll.ends_at
    with pytest.raises(Refused, match="already resolved"):
        polls.ask(incident(phase=Phase.RESOLVED), "x", 1, "U0DANA", NOON)


def test_the_latest_word_of_a_person_counts():
    [poll] = the(Poll, polls.vote(POLL, "agree", "U0BOB", NOON))
    with pytest.raises(Refused, match="agree already"):
        polls.vote(poll, "agree", "U0BOB", NOON)
    objects = polls.vote(poll, "object", "U0BOB", NOON)
    [poll] = the(Poll, objects)
    assert poll.votes == {"U0BOB": False}
    assert [entry.text for entry in objects.note] == ["objects: roll back"]
    with pytest.raises(Refused, match="over"):
        polls.vote(POLL, "agree", "U0BOB", POLL.ends_at)
    with pytest.raises(Refused, match="agree or object"):
        polls.vote(POLL, "maybe", "U0BOB", NOON)


@pytest.mark.parametrize(
    ("votes", "said"),
    [({}, "nobody objected, 0 agreed"), ({"U1": True, "U2": False}, "1 objection, 1 agreed")],
)
def test_the_end_is_noted_and_said_in_its_thread(votes, said):
    ended = polls.end(replace(POLL, votes=votes, ts="1.2"), POLL.ends_at)
    [post] = the(Post, ended)
    assert (post.thread, said in post.text) == ("1.2", True)
    assert [entry.text for entry in ended.note] == [f"{said}: roll back"]
    assert ended.do == (ShowPoll(POLL.id), SendPost(post.id))
    [poll] = the(Poll, ended)
    assert polls.end(poll, POLL.ends_at) == polls.end(poll, POLL.ends_at + minutes(1))
    assert polls.end(poll, POLL.ends_at).save == ()


def test_it_does_not_end_before_its_time():
    assert polls.end(POLL, NOON).do == (EndPoll(POLL.id, due=POLL.ends_at),)
    assert polls.end(POLL, NOON).save == ()
