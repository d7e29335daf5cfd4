"""The webhook that is told when Slack is away."""

from __future__ import annotations

import json

import httpx
import pytest

from bot.errors import Away, ProviderError
from bot.outages import Told
from handlers.providers.away_webhook import AwayWebhook
from tests.values import NOON, minutes

URL = "https://pager.example/hooks/s3cret"
TOLD = Told(
    key="slack/x/back/webhook", title="Back", text="Slack is back", away=False, since=NOON, until=NOON + minutes(9)
)


def sent(answer: httpx.Response | Exception) -> list[httpx.Request]:
    """What arrives, where that answers."""
    arrived: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        arrived.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    webhook = AwayWebhook(URL, httpx.MockTransport(receive))
    try:
        webhook.tell(TOLD)
    finally:
        webhook.close()
    return arrived


def test_people_and_programs_can_read_it() -> None:
    [request] = sent(httpx.Response(204))
    assert json.loads(request.content) == {
        "type": "slack.back",
        "title": "Back",
        "text": "Slack is back",
        "since": "2026-03-05T12:00:00+00:00",
        "until": "2026-03-05T12:09:00+00:00",
    }
    assert request.headers["webhook-id"] == TOLD.key


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (httpx.Response(404), True),
        (httpx.Response(429), False),
        (httpx.Response(503), False),
        (httpx.ConnectError("no route"), False),
    ],
)
def test_a_failure_is_told_without_the_address(answer: httpx.Response | Exception, permanent: bool) -> None:
    with pytest.raises(ProviderError) as failed:
        sent(answer)
    assert failed.value.permanent is permanent
    assert isinstance(failed.value, Away) is isinstance(answer, Exception)
    assert "s3cret" not in str(failed.value)
