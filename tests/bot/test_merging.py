"""Two incidents that are one go on in one channel, and nothing is lost or told on the way."""

from dataclasses import replace

import pytest

from bot import merging
from bot.decision import CallResponders, NameSuspects, PostCard
from bot.errors import Refused
from bot.model import Alert, Incident, Phase, Post, Severity
from bot.policy import Policy
from tests.values import NOON, alert, incident, minutes

POLICY = Policy()
THIS = incident(7, channel="C7", channel_name="inc-7-checkout", version=2)
OTHER = incident(3, title="Payments fail", service="payments", channel="C3", onset_at=NOON, version=4, group="p/q")


def the(kind, decision):
    return [noun for noun in decision.save if isinstance(noun, kind)]


def test_the_other_takes_the_alerts_and_both_channels_are_told():
    merged = merging.merge(THIS, OTHER, [alert(incident="INC-7")], "U0DANA", POLICY, NOON + minutes(5))
    ended, kept = the(Incident, merged)
    assert (ended.id, ended.phase, ended.merged_into) == ("INC-7", Phase.RESOLVED, "INC-3")
    assert kept == OTHER  # as severe as it was: the other is no worse
    assert [one.incident for one in the(Alert, merged)] == ["INC-3"]
    told = {post.incident: post.text for post in the(Post, merged)}
    assert "Please go on in <#C3>" in told["INC-7"]
    assert "what was said there stays in <#C7>" in told["INC-3"]
    assert {entry.incident: entry.text for entry in merged.note} == {
        "INC-7": "investigating → resolved: merged into INC-3, Payments fail",
        "INC-3": "INC-7 was merged into this: SEV2 HighErrorRate",
    }
    assert {PostCard("INC-3"), NameSuspects("INC-3")} <= set(merged.do)


def test_the_worse_severity_goes_on_and_calls_its_on_call():
    mild, worst = replace(OTHER, severity=Severity.SEV3), replace(THIS, severity=Severity.SEV1)
    merged = merging.merge(worst, mild, (), "U0DANA", POLICY, NOON)
    assert the(Incident, merged)[1].severity is Severity.SEV1
    assert "severity SEV3 → SEV1" in [entry.text for entry in merged.note]
    assert CallResponders("INC-3") in merged.do
    assert CallResponders("INC-3") not in merging.merge(THIS, OTHER, (), "U0DANA", POLICY, NOON).do


def test_what_began_earlier_began_then():
    earlier = replace(THIS, onset_at=NOON - minutes(9))
    _, kept = the(Incident, merging.merge(earlier, OTHER, (), "U0DANA", POLICY, NOON))
    assert kept.onset_at == NOON - minutes(9)


@pytest.mark.parametrize(
    ("this", "other", "why"),
    [
        (THIS, THIS, "is this incident"),
        (THIS, replace(OTHER, merged_into="INC-7", phase=Phase.RESOLVED), "was merged into INC-7"),
        (THIS, replace(OTHER, merged_into="INC-1", phase=Phase.RESOLVED), "was merged into INC-1"),
        (THIS, replace(OTHER, phase=Phase.RESOLVED), "is over"),
        (replace(THIS, phase=Phase.RESOLVED), OTHER, "already resolved"),
        (replace(THIS, phase=Phase.RESOLVED, merged_into="INC-1"), OTHER, "go on there"),
        (replace(THIS, private=True), OTHER, "private"),
        (THIS, replace(OTHER, private=True), "private"),
        (THIS, replace(OTHER, drill="amazon-checkout"), "drill"),
    ],
)
def test_what_does_not_fit_stays_apart(this, other, why):
    with pytest.raises(Refused, match=why):
        merging.merge(this, other, (), "U0DANA", POLICY, NOON)
