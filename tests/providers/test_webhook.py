"""Outgoing webhooks, as Standard Webhooks has them: signed, and the same id when they come again."""

from __future__ import annotations

import base64

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bot.errors import Away, NotYet, ProviderError
from handlers.providers.webhook import Webhook, key, signature
from sandbox.clock import FrozenClock
from sandbox.partner import SECRET, Partner
from tests.values import NOON, minutes

URL = "https://partner.example/hook"


class Through(httpx.BaseTransport):
    def __init__(self, partner: Partner) -> None:
        self.client = TestClient(Starlette(routes=partner.routes("/hook")), base_url="https://partner.example")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.client.post("/hook", content=request.read(), headers=dict(request.headers))
        return httpx.Response(answer.status_code, headers=dict(answer.headers))


@pytest.fixture
def partner() -> Partner:
    return Partner(FrozenClock(NOON))


def hook(partner: Partner, secret: str = SECRET) -> Webhook:
    return Webhook(URL, secret, transport=Through(partner))


def test_the_signature_is_the_one_of_the_standards_own_example() -> None:
    """From the specification's reference tests."""
    secret = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert (
        signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_is_signed_is_believed_and_known_when_it_comes_again(partner: Partner) -> None:
    caller = hook(partner)
    caller.call("INC-7/update/1/partner", NOON, b'{"a":1}')
    caller.call("INC-7/update/1/partner", NOON + minutes(2), b'{"a":1}')
    assert partner.heard == {"INC-7_update_1_partner": {"a": 1}}
    assert partner.calls == 2


@pytest.mark.parametrize("how", ["another secret", "an old time"])
def test_what_is_not_ours_or_old_is_not_believed(partner: Partner, how: str) -> None:
    other = "whsec_" + base64.b64encode(b"a secret that nobody else knows").decode()
    caller = hook(partner, other if how == "another secret" else SECRET)
    with pytest.raises(ProviderError, match="HTTP 401") as error:
        caller.call("a", NOON - minutes(6) if how == "an old time" else NOON, b"{}")
    assert error.value.permanent
    assert partner.heard == {}


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (410, True), (302, True), (408, False), (503, False)])
def test_what_may_pass_is_tried_again(partner: Partner, status: int, permanent: bool) -> None:
    partner.fail_with = [status]
    with pytest.raises(ProviderError, match=f"partner.example: HTTP {status}") as error:
        hook(partner).call("a", NOON, b"{}")
    assert error.value.permanent is permanent


def test_it_waits_as_long_as_it_is_told(partner: Partner) -> None:
    partner.fail_with = [429]
    with pytest.raises(NotYet) as wait:
        hook(partner).call("a", NOON, b"{}")
    assert wait.value.seconds == 20


def test_nobody_there_is_waited_for() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("", request=request)

    with pytest.raises(Away):
        Webhook(URL, SECRET, transport=httpx.MockTransport(gone)).call("a", NOON, b"{}")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "not base64 at all!", "whsec_" + "QQ" * 80])
def test_a_secret_that_is_none_is_found_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="is no secret of Standard Webhooks"):
        key(secret)
