"""A rollout's card in its channel: one message that follows the rollout, and plots in its thread."""

from __future__ import annotations

from bot.model import LiveCard
from tests.story import BOB, DANA, Story


def card_of(story: Story, id: str = "INC-1/card/checkout") -> LiveCard:
    found = story.store.read(lambda tx: tx.live_card(id))
    assert found is not None
    return found


def test_an_incidents_channel_gets_the_card_when_a_release_begins(story: Story) -> None:
    story.alert()
    assert story.live == []
    story.ships("v42")
    (shown,) = story.live
    assert "v42" in shown
    story.ships("v43", service="payments")  # which is another's affair
    assert len(story.live) == 1


def test_an_incidents_channel_gets_the_card_with_the_first_request_and_one_only(story: Story) -> None:
    story.ships("v42")
    story.alert()
    assert story.live == []
    story.types("/rollout rollback checkout")
    story.passes(10)
    (shown,) = story.live
    assert "v42" in shown
    story.presses("ask.confirm")
    story.passes(30)
    (shown,) = story.live
    assert "*Aborted*" in shown
    assert story.doubled() == []


def test_it_is_edited_in_place_while_it_moves_and_rests_when_it_has_come_to_rest(story: Story) -> None:
    story.alert()
    story.ships("v43")
    story.types("/rollout watch checkout")
    posts = len(story.said())
    story.passes(600)
    (shown,) = story.live
    assert len(story.said()) == posts
    assert "no longer kept up" in shown or "Kept up" in shown
    assert card_of(story).revision != ""
    edits = story.calls("chat.update")
    assert edits <= 600 / 5


def test_nothing_is_edited_where_nothing_has_changed(story: Story) -> None:
    story.alert()
    story.types("/rollout watch checkout")
    edits = story.calls("chat.update")
    story.passes(120)
    assert story.calls("chat.update") == edits
    story.passes(300)
    (shown,) = story.live
    assert "no longer kept up" in shown
    looks = sum(call.verb == "get" for call in story.cluster.calls)
    story.passes(120)
    rest = sum(call.verb == "get" for call in story.cluster.calls) - looks
    assert rest <= 12, "it is looked at no more; only the story's own tick and the check of its servers read"


def test_unwatched_it_says_so_and_stays(story: Story) -> None:
    story.alert()
    story.types("/rollout watch checkout")
    assert "no longer kept up" in story.types("/rollout unwatch checkout", by=BOB)
    story.ships("v42")
    story.types("/rollout rollback checkout")
    story.passes(60)
    (shown,) = story.live
    assert "no longer kept up" in shown
    assert "v42" not in shown
    story.types("/rollout watch checkout")
    story.passes(10)
    (shown,) = story.live
    assert "v42" in shown


def test_a_card_that_was_deleted_does_not_come_back_by_itself(story: Story) -> None:
    story.alert()
    story.ships("v42")
    story.types("/rollout watch checkout")
    post = story.store.read(lambda tx: tx.post("INC-1/card/checkout"))
    story.remove(post.ts)
    story.types("/rollout rollback checkout")
    story.presses("ask.confirm")
    story.passes(60)
    assert story.live == []
    assert card_of(story).stopped_by == "deleted"
    assert story.dead == []


def test_the_post_of_a_lost_answer_is_found_and_not_repeated(story: Story) -> None:
    story.alert()
    story.spoil("chat.postMessage", 0, "drop_after")
    story.types("/rollout watch checkout")
    story.passes(60)
    assert len(story.live) == 1


def test_outside_an_incident_a_channel_may_watch_too(story: Story) -> None:
    said = story.types("/rollout watch checkout", by=DANA, channel="C0INCIDENTS")
    assert "shown in this channel" in said
    assert any("Kept up" in text for text in story.said("C0INCIDENTS"))


def test_where_the_bot_is_not_it_says_how_to_invite_it(story: Story) -> None:
    answer = story.asks("/rollout watch checkout")
    assert "Say it in the channel" in str(answer)
    answer = story.asks("/rollout watch checkout", channel="C0NOWHERE")
    assert "/invite" in str(answer)


def test_the_figures_of_an_abort_are_in_the_thread_once(story: Story) -> None:
    story.plots()
    story.alert()
    story.ships("v42", seconds=60)
    story.types("/rollout watch checkout")
    story.passes(20)
    story.types("/rollout rollback checkout")
    story.presses("ask.confirm")
    story.passes(120)
    plots = [title for title in story.files if "aborted" in title]
    assert len(plots) == 1
    assert plots[0].startswith("checkout: v42 is aborted, ")
    post = story.store.read(lambda tx: tx.post("INC-1/card/checkout"))
    holders = [m for m in story.slack.channel(story.channel).messages.values() if m.get("files")]
    assert {m.get("thread_ts") for m in holders} == {post.ts}
    file = next(iter(story.slack.files.values()))
    assert file.content.startswith(b"\x89PNG")


def test_a_prometheus_that_is_down_is_asked_again_and_then_named(story: Story) -> None:
    story.plots()
    story.sandbox.prometheus.down = True
    story.alert()
    story.ships("v42", seconds=60)
    story.types("/rollout watch checkout")
    story.passes(20)
    story.types("/rollout rollback checkout")
    story.presses("ask.confirm")
    story.passes(400)
    assert story.files == []
    assert any("PlotRollout" in text and "HTTP 503" in text for text in story.timeline)
    assert len(story.live) == 1
