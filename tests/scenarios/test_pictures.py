"""Pictures of an alert end to end: the sender's and ours, once, in the thread of the incident's card."""

from typing import Any

from bot.decision import Decision, ShowPicture
from sandbox.shop import generator
from tests.story import Story


def test_the_thread_of_the_card_shows_what_the_alert_is_about(story: Story) -> None:
    story.plots()
    story.ships("v43", seconds=20)
    story.deploy("v43")
    body = story.alertmanager("CheckoutErrorRatioHigh", "checkout", since=story.clock.now().isoformat())
    rule = generator(story.shop.services["checkout"])
    body["alerts"][0] |= {"generatorURL": rule, "imageURL": "https://grafana.example/render/7.png"}
    story.sandbox.prometheus.down = True
    story.hook("grafana", body)
    assert (images(story), story.files) == (1, []), "what can be shown is not kept back"
    story.sandbox.prometheus.down = False
    story.passes(30)
    assert (images(story), len(story.files)) == (1, 1)
    assert story.files[0].startswith("checkout: CheckoutErrorRatioHigh, ")
    story.store.decide(lambda tx, now: Decision(do=(ShowPicture("INC-1"),)), story.clock.now())
    story.passes(10)
    assert (images(story), len(story.files)) == (1, 1), "each is there once"
    assert {m.get("thread_ts") for m in messages(story) if m.get("files")} == {story.incident.card}

    slow = {"fingerprint": "slow", "imageURL": "https://grafana.example/render/8.png", "generatorURL": ""}
    body["alerts"][0] |= slow | {"labels": {"alertname": "Slow", "service": "checkout", "severity": "critical"}}
    story.hook("grafana", body)
    story.passes(20)
    assert (images(story), len(story.files)) == (2, 1), "what fires later brings its own"

    body["alerts"][0] |= {"labels": {"alertname": "B", "service": "payments", "severity": "critical"}}
    body["alerts"][0] |= {"imageURL": "https://grafana.internal/7.png", "fingerprint": "b", "generatorURL": ""}
    story.hook("grafana", body)
    assert "graph>" in story.card, "what Slack cannot fetch is linked all the same"
    assert story.dead == []


def messages(story: Story) -> list[dict[str, Any]]:
    return list(story.slack.channel(story.channel).messages.values())


def images(story: Story) -> int:
    return sum(block["type"] == "image" for message in messages(story) for block in message.get("blocks") or ())
