"""Amazon SNS: whose certificate counts, which topic is ours, and that no address is visited blindly."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient

from bot.errors import Away, ProviderError
from bot.policy import Policy
from handlers.intake import SENDERS, Delivery, Source
from handlers.intake.fields import Malformed
from handlers.intake.signatures import Untrusted
from handlers.intake.sns import Verifier, confirm, is_amazon
from handlers.web import server
from handlers.world import World
from tests.databases import memory_store

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(whose: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key(whose).public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
    return made.sign(key(whose), SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    def __init__(self) -> None:
        self.visited: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.visited.append(url)
        return certificate("amazon")


def signed(version: str = "1", whose: str = "amazon", **fields: Any) -> dict[str, Any]:
    """As Amazon documents it: byte order of the keys, a subject only where there is one."""
    message = {
        "Type": "Notification", "MessageId": "22b80b92", "TopicArn": TOPIC, "Subject": "ALARM", "Message": "{}",
        "Timestamp": "2026-11-21T01:59:00.000Z", "SignatureVersion": version, "SigningCertURL": CERTIFICATE,
    } | fields  # fmt: skip
    message = {name: value for name, value in message.items() if value is not None}
    asks = message["Type"] != "Notification"
    names = ["Message", "MessageId", "SubscribeURL" if asks else "Subject", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    made = key(whose).sign(text.encode(), PKCS1v15(), SHA1() if version == "1" else SHA256())
    return message | {"Signature": base64.b64encode(made).decode()}


def subscription(**fields: Any) -> dict[str, Any]:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
    asked = {"Type": "SubscriptionConfirmation", "Subject": None, "SubscribeURL": url, "Token": "2336"}
    return signed(**(asked | fields))


def sent(message: Any) -> Delivery:
    return Delivery(body=json.dumps(message).encode(), now=NOW)


def check(message: Any, topic: str = TOPIC, fetch: Callable[[str], bytes] | None = None) -> None:
    Verifier(fetch or Amazon()).check(sent(message), topic)


@pytest.mark.parametrize("message", [signed("1"), signed("2"), signed("2", Subject=None), subscription()])
def test_what_amazon_signed_is_accepted(message: dict[str, Any]) -> None:
    check(message)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (signed() | {"Message": "changed"}, "does not fit"),
        (signed() | {"Subject": "changed"}, "does not fit"),
        (signed() | {"Signature": "no base64!"}, "does not fit"),
        (signed() | {"SignatureVersion": "2"}, "does not fit"),
        (signed(whose="stranger"), "does not fit"),
        (signed(TopicArn="arn:aws:sns:eu-west-1:999999999999:alarms"), "none of those configured"),
        (signed(Timestamp="2026-11-20T01:00:00.000Z"), "hours from our time"),
        (
            signed(SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"),
            "not at an address of Amazon",
        ),
        (signed(SigningCertURL=None), "not at an address of Amazon"),
        ({"AlarmName": "a"}, "not a message of SNS"),
        ([], "not a message of SNS"),
    ],
)
def test_anything_else_is_not(message: Any, words: str) -> None:
    with pytest.raises(Untrusted, match=words):
        check(message)


def test_what_is_not_json_is_not_of_sns() -> None:
    with pytest.raises(Untrusted, match="not a message of SNS"):
        Verifier(Amazon()).check(Delivery(body=b"{", now=NOW), TOPIC)


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        (CERTIFICATE, True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/a.pem", False),
        ("https://user@sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://evil.example/sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", False),
        ("https://s3.eu-west-1.amazonaws.com/bucket/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/a.txt", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_amazons_own_hosts_are_asked(url: str, ours: bool) -> None:
    amazon = Amazon()
    assert is_amazon(url, ".pem") is ours
    if not ours:
        with pytest.raises(Untrusted):
            check(signed(SigningCertURL=url), fetch=amazon)
        assert amazon.visited == []


def test_a_certificate_is_fetched_once() -> None:
    amazon = Amazon()
    verifier = Verifier(amazon)
    for _ in range(3):
        verifier.check(sent(signed()), TOPIC)
    assert amazon.visited == [CERTIFICATE]


def test_a_certificate_that_cannot_be_fetched_is_no_verdict() -> None:
    """The sender is told to come again; a 401 would make it give up."""

    def away(url: str) -> bytes:
        raise Away("sns.eu-west-1.amazonaws.com", "no answer")

    with pytest.raises(ProviderError):
        check(signed(), fetch=away)
    with pytest.raises(Untrusted, match="no certificate"):
        check(signed(), fetch=lambda url: b"<html>")


def test_a_subscription_is_confirmed_at_amazon_and_nowhere_else() -> None:
    amazon = Amazon()
    assert confirm(sent(subscription()), amazon)
    assert amazon.visited == [subscription()["SubscribeURL"]]
    assert not confirm(sent(signed()), amazon)
    with pytest.raises(Malformed, match="SubscribeURL"):
        confirm(sent(subscription(SubscribeURL="http://169.254.169.254/latest/meta-data")), amazon)
    assert len(amazon.visited) == 1


# ---------------------------------------------------------------- through the bot's own door


def alarm(**fields: Any) -> dict[str, Any]:
    """What CloudWatch publishes to a topic, signed by Amazon."""
    told = {
        "AlarmName": "checkout-5xx",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:checkout-5xx",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-11-21T01:58:00.000+0000",
        "Trigger": {"Dimensions": [{"name": "service", "value": "checkout"}]},
    }
    return signed("2", Message=json.dumps(told), **fields)


def test_from_the_subscription_to_the_alarm_over_http() -> None:
    """As SNS does it: text/plain, no token, and whatever is refused with a 4xx never comes again."""
    amazon, store = Amazon(), memory_store()
    source = Source(name="cloudwatch", sender=SENDERS["cloudwatch"], schemes=("sns",), secrets=(TOPIC,))
    world = World(store, None, {}, Policy(), lambda: NOW, fetch=amazon)  # type: ignore[arg-type]
    http = TestClient(server.build(world, {source.name: source}, "api", ready=lambda: ""))

    def post(message: dict[str, Any]) -> tuple[int, Any]:
        headers = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": message["Type"]}
        answer = http.post("/hooks/cloudwatch", content=json.dumps(message), headers=headers)
        return answer.status_code, answer.json()

    foreign = subscription(TopicArn="arn:aws:sns:eu-west-1:999999999999:alarms")
    for refused in (foreign, subscription() | {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?other"}):
        assert post(refused)[0] == 401
    assert subscription()["SubscribeURL"] not in amazon.visited
    assert post(subscription()) == (202, {"accepted": 0, "confirmed": True})
    assert amazon.visited == [CERTIFICATE, subscription()["SubscribeURL"]]

    for tampered in (alarm() | {"Message": alarm()["Message"].replace("ALARM", "OK")}, alarm(whose="stranger")):
        status, said = post(tampered)
        assert (status, "does not fit" in said["detail"]) == (401, True)
    assert store.read(lambda tx: tx.alerts("")) == ()
    assert post(alarm()) == (202, {"accepted": 1})
    assert post(alarm()) == (202, {"accepted": 0, "repeat": True})
    (kept,) = store.read(lambda tx: tx.alerts(""))
    since = NOW - timedelta(minutes=2)
    assert (kept.title, kept.firing, kept.count, kept.starts_at) == ("checkout-5xx", True, 1, since)
    store.close()
