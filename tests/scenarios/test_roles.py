"""Roles from a configuration of one's own: told what they are for, and missed where nobody has them."""

from __future__ import annotations

from dataclasses import replace

from handlers.settings import parse
from tests.story import ALICE, BOB, CAROL, SHOP, Story

ROLES = parse(
    """
roles:
  commander: {title: Incident manager, required: {SEV2: 5m}}
  liaison: {title: Customer liaison, who: [owners]}
services: {search: {owners: [U0CAROL]}}
""",
    "c.yml",
).policy()


def test_roles_of_ones_own_are_missed_claimed_explained_and_kept_to_those_who_may(story: Story) -> None:
    story.policy = replace(SHOP, roles=ROLES.roles, services={**SHOP.services, **ROLES.services})
    story.world = story.wire()
    story.alert("Slow", service="search")
    story.passes(4 * 60)
    assert story.posts_about("vacancy") == []
    story.passes(2 * 60)
    [missing] = story.posts_about("vacancy")
    assert "Nobody is *Incident manager* of INC-1, 5 min after it was opened" in missing

    story.presses("ask.role.commander", by=story.slack.join(BOB, story.channel) or BOB)
    [told] = [said for said in story.whispered(BOB) if "You are *Incident manager* of INC-1" in said]
    assert "You decide, and others act" in told
    assert f"Incident manager <@{BOB}>" in story.card
    assert "Customer liaison _nobody_" in story.card

    assert "Only who owns `search` may be customer liaison" in story.types("/incident role liaison", by=BOB)
    assert f"<@{CAROL}> is now *Customer liaison*" in story.types("/incident role liaison @carol", by=BOB)
    story.types("/incident handoff commander @alice", by=BOB)
    story.types("/incident handoff commander @bob", by=ALICE)
    story.passes(20 * 60)
    assert len(story.posts_about("vacancy")) == 1
    assert [len([t for t in story.whispered(who) if "You are" in t]) for who in (BOB, ALICE, CAROL)] == [1, 1, 0]
    assert "is incident manager" in story.timeline
    assert story.doubled() == []
    assert story.dead == []
