"""The whole line once: from a bad release to a drafted postmortem."""

from tests.story import BOB, DANA, Story


def test_from_a_bad_release_to_a_drafted_postmortem(story: Story) -> None:
    story.ships("v42")
    story.alert()

    assert story.channels == ["inc-1-checkout"]
    assert "CheckoutErrorRatioHigh" in story.card
    assert "v42" in story.card
    room = story.slack.channel("inc-1-checkout")
    assert {"U0DANA", "U0BOB"} <= set(room.members)
    assert room.pins == [story.incident.card] or story.incident.card in str(room.pins)
    assert any("INC-1" in text for text in story.said("C0INCIDENTS"))

    story.presses("ask.role.comms", by=BOB)
    assert f"Comms lead <@{BOB}>" in story.card

    preview = story.types("/rollout rollback checkout")
    assert "v42" in preview
    assert "v41" in preview
    story.presses("ask.confirm")
    story.passes(30)
    assert any("proven" in text for text in story.said())
    assert story.cluster.workload("checkout").stable == "v41"

    story.types("/incident update", by=BOB)
    said = "Checkout failed for one in eight. Rolled back."
    assert story.submits(by=BOB, phase="mitigating", text=said, next="30") == {}
    assert any("Rolled back." in text for text in story.said("C0STATUS"))
    assert any("Rolled back." in text for text in story.said("C0SUPPORT"))

    story.alert(status="resolved")
    assert story.incident.is_open
    story.types("/incident resolve Rolled back checkout to v41", by=DANA)
    assert not story.incident.is_open
    assert any("INC-1-postmortem.md" in text for text in story.said())
    draft = story.store.read(lambda tx: tx.postmortem("INC-1"))
    assert draft is not None
    assert "Five Whys" in draft.markdown
