"""Amazon SNS: its envelope, its signature by a certificate of Amazon's, and the topics that are ours."""

from __future__ import annotations

import base64
import binascii
import importlib
import re
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from handlers.intake.fields import Malformed, load, to_text, to_time
from handlers.intake.sender import Delivery
from handlers.intake.signatures import Scheme, Untrusted

Fetch = Callable[[str], bytes]  # raises ProviderError

HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
MOST = 20  # certificates that are kept
OLDEST = timedelta(hours=6)  # SNS tries again for about an hour; what is older is a replay


def envelope(delivery: Delivery) -> Mapping[str, Any] | None:
    """SNS' own fields, or None where there are none. Raises Malformed."""
    content = delivery.content
    is_envelope = isinstance(content, dict) and to_text(content.get("Type")) in SIGNED and "TopicArn" in content
    return content if is_envelope else None


def unwrapped(delivery: Delivery) -> Any:
    """What was published: the JSON in `Message`, else the body as it is (raw delivery). None: nothing was published."""
    outer = envelope(delivery)
    if outer is None:
        return delivery.content
    if outer["Type"] != "Notification":
        return None
    message = outer.get("Message")
    if not isinstance(message, str):
        raise Malformed("Message: write a text")
    return load(message.encode("utf-8", "replace"))


def is_amazon(url: str, path: str = "") -> bool:
    """https, a host of SNS itself, no port, no user; and for certificates a path that ends so."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.netloc == parts.hostname
        return plain and bool(HOST.fullmatch(parts.netloc)) and parts.path.endswith(path)
    except ValueError:
        return False


def signed_text(message: Mapping[str, Any]) -> bytes:
    """As Amazon writes it: each key and each value on a line of its own."""
    names = (name for name in SIGNED[message["Type"]] if name in message)
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode("utf-8", "replace")


def certificates() -> Any:
    """Loaded with the first message that is to be verified: most bots hear none."""
    return importlib.import_module("handlers.intake.certificates")


class Verifier:
    """Certificates are fetched from Amazon's hosts only, and kept by their address."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.keys: dict[str, Any] = {}
        self.guard = threading.Lock()

    @property
    def scheme(self) -> Scheme:
        return Scheme(check=self.check, how="a message that Amazon SNS has signed, of one of the topics configured")

    def check(self, delivery: Delivery, topic: str) -> None:
        """Raises Untrusted; ProviderError where the certificate cannot be fetched now."""
        try:
            message = envelope(delivery)
        except Malformed:
            message = None
        if message is None:
            raise Untrusted("this is not a message of SNS; switch raw message delivery off")
        if to_text(message["TopicArn"]) != topic:
            raise Untrusted("the topic is none of those configured")
        try:
            given = base64.b64decode(to_text(message.get("Signature")), validate=True)
        except binascii.Error:
            given = b""
        key = self.key(to_text(message.get("SigningCertURL")))
        certificates().verify(key, given, signed_text(message), to_text(message.get("SignatureVersion")))
        at = to_time(message.get("Timestamp"))
        if at is None or abs(delivery.now - at) > OLDEST:
            raise Untrusted("the message is hours from our time: an old one, or a wrong clock")

    def key(self, url: str) -> Any:
        if not is_amazon(url, ".pem"):
            raise Untrusted("the certificate is not at an address of Amazon SNS")
        with self.guard:
            if url in self.keys:
                return self.keys[url]
        key = certificates().key_of(self.fetch(url))
        with self.guard:
            if len(self.keys) < MOST:
                self.keys[url] = key
        return key


def confirm(delivery: Delivery, fetch: Fetch) -> bool:
    """Visits a SubscribeURL, after the check: only for topics that are configured, only at Amazon's hosts.

    True if it was a request to subscribe. Raises Malformed, ProviderError.
    """
    message = envelope(delivery)
    if message is None or message["Type"] != "SubscriptionConfirmation":
        return False
    url = to_text(message.get("SubscribeURL"))
    if not is_amazon(url):
        raise Malformed("SubscribeURL is not at an address of Amazon SNS")
    fetch(url)
    return True
