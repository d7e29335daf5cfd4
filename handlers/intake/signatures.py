"""How senders prove who they are: every scheme by name. All compare in constant time, over the body as it came."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.intake.fields import Malformed, to_text, to_time
from handlers.intake.sender import Delivery

WINDOW = timedelta(minutes=5)  # a signed time further away than this is a replay, or a wrong clock


class Untrusted(Exception):
    """The request does not prove where it comes from; the message says what is missing and holds no secret."""


Check = Callable[[Delivery, str], None]


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """`check` raises Untrusted. `how`: what the sender has to send, in a few words.

    `early`: no body is needed, so a stranger's is not even read. `kept_as_hash`: the secret may be "sha256:" and its
    hash, since what is shown is compared with it whole.
    """

    check: Check
    how: str
    early: bool = False
    kept_as_hash: bool = False


# ---------------------------------------------------------------- what is shown as it is


def matches(shown: str, secret: str) -> bool:
    """In constant time. `secret` may be kept as "sha256:" and the hash alone."""
    if secret.startswith("sha256:"):
        shown = f"sha256:{hashlib.sha256(shown.encode('utf-8', 'replace')).hexdigest()}"
    return same(shown, secret)


def same(shown: str, right: str) -> bool:
    return secrets.compare_digest(shown.encode("utf-8", "replace"), right.encode())


def demand(shown: str, secret: str, where: str) -> None:
    if not shown:
        raise Untrusted(f"{where} is missing")
    if not matches(shown, secret):
        raise Untrusted(f"{where} is not the right one")


def bearer(delivery: Delivery, secret: str) -> None:
    kind, _, token = delivery.headers.get("authorization", "").partition(" ")
    demand(token.strip() if kind.lower() == "bearer" else "", secret, "the token in `Authorization: Bearer …`")


def basic(delivery: Delivery, secret: str) -> None:
    """`secret` is user:password."""
    kind, _, given = delivery.headers.get("authorization", "").partition(" ")
    try:
        shown = base64.b64decode(given.strip(), validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        shown = ""
    demand(shown, secret, "user and password in `Authorization: Basic …`")


def url(delivery: Delivery, secret: str) -> None:
    """For senders that can set no header. A header is taken as well."""
    if delivery.token:
        demand(delivery.token, secret, "the token in the URL")
    else:
        bearer(delivery, secret)


def verbatim(delivery: Delivery, secret: str) -> None:
    demand(delivery.headers.get("authorization", ""), secret, "`Authorization`, exactly as configured,")


def token_in(name: str) -> Check:
    return lambda delivery, secret: demand(delivery.headers.get(name.lower(), ""), secret, f"`{name}`")


def routing_key(delivery: Delivery, secret: str) -> None:
    """As PagerDuty's Events API: in the body. What cannot be read proves nothing, so it is not kept either."""
    shown = delivery.headers.get("x-routing-key", "")
    try:
        content = {} if shown else delivery.content
    except Malformed:
        content = {}
    if isinstance(content, dict):
        shown = shown or to_text(content.get("routing_key"))
    demand(shown, secret, "`routing_key`")


# ---------------------------------------------------------------- signatures


def digest(secret: str, *parts: bytes, how: str = "sha256") -> str:
    return hmac.new(secret.encode(), b"".join(parts), how).hexdigest()


def signature(delivery: Delivery, name: str) -> str:
    shown = delivery.headers.get(name.lower(), "").strip()
    if not shown:
        raise Untrusted(f"the signature in `{name}` is missing")
    return shown


def agree(shown: str, right: str, name: str) -> None:
    if not same(shown, right):
        raise Untrusted(f"the signature in `{name}` does not fit the body")


def recent(at: datetime | None, now: datetime) -> None:
    if at is None:
        raise Untrusted("the signed time is missing")
    if abs(now - at) > WINDOW:
        raise Untrusted("the signed time is more than 5 minutes from ours: an old request, or a wrong clock")


def hex_of(name: str, how: str = "sha256") -> Check:
    """Nothing but the hexadecimal HMAC of the body."""
    return lambda delivery, secret: agree(
        signature(delivery, name).lower(), digest(secret, delivery.body, how=how), name
    )


def github(delivery: Delivery, secret: str) -> None:
    """The newer header where both are there: SHA-1 must not be a way around it."""
    how = "sha256" if "x-hub-signature-256" in delivery.headers or "x-hub-signature" not in delivery.headers else "sha1"
    name = "X-Hub-Signature-256" if how == "sha256" else "X-Hub-Signature"
    agree(signature(delivery, name), f"{how}={digest(secret, delivery.body, how=how)}", name)


def listed(name: str, version: str) -> Check:
    """`v1=…,v1=…`: any of the known version is enough, since the sender rotates its secrets too."""

    def check(delivery: Delivery, secret: str) -> None:
        right = f"{version}={digest(secret, delivery.body)}"
        shown = [part.strip() for part in signature(delivery, name).split(",")]
        if not any(same(part, right) for part in shown):
            raise Untrusted(f"no signature in `{name}` fits the body")

    return check


FLUX = ("sha224", "sha256", "sha384", "sha512")


def flux(delivery: Delivery, secret: str) -> None:
    shown = signature(delivery, "X-Signature")
    how = shown.partition("=")[0]
    if how not in FLUX:
        raise Untrusted(f"`X-Signature` names none of {', '.join(FLUX)}")
    agree(shown, f"{how}={digest(secret, delivery.body, how=how)}", "X-Signature")


def buildkite(delivery: Delivery, secret: str) -> None:
    """Signed with a time, or the token as it is, whichever the notification service is set to."""
    name = "X-Buildkite-Signature"
    if "x-buildkite-signature" not in delivery.headers:
        token_in("X-Buildkite-Token")(delivery, secret)
        return
    parts = dict(part.strip().partition("=")[::2] for part in signature(delivery, name).split(","))
    at = parts.get("timestamp", "")
    agree(parts.get("signature", ""), digest(secret, at.encode(), b".", delivery.body), name)
    recent(to_time(at), delivery.now)


def grafana(delivery: Delivery, secret: str) -> None:
    """Over `time:body` where Grafana is told to send a time in `X-Grafana-Alerting-Timestamp`."""
    name, at = "X-Grafana-Alerting-Signature", delivery.headers.get("x-grafana-alerting-timestamp", "")
    signed = (at.encode(), b":") if at else ()
    agree(signature(delivery, name).lower(), digest(secret, *signed, delivery.body), name)
    if at:
        recent(to_time(at), delivery.now)


def standard(delivery: Delivery, secret: str) -> None:
    """Standard Webhooks: https://www.standardwebhooks.com; secrets as whsec_ and base64."""
    id, at = (delivery.headers.get(f"webhook-{part}", "") for part in ("id", "timestamp"))
    shown = signature(delivery, "webhook-signature").split(" ")
    signed = hmac.new(_key(secret), f"{id}.{at}.".encode() + delivery.body, hashlib.sha256).digest()
    right = f"v1,{base64.b64encode(signed).decode()}"
    if not any(same(part, right) for part in shown):
        raise Untrusted("no signature in `webhook-signature` fits the body")
    recent(to_time(at), delivery.now)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return secret.encode()  # some senders let people write one themselves


def gitlab(delivery: Delivery, secret: str) -> None:
    """The token as it is, or signed as Standard Webhooks where GitLab is set to."""
    if "webhook-signature" in delivery.headers:
        standard(delivery, secret)
    else:
        token_in("X-Gitlab-Token")(delivery, secret)


def heroku(delivery: Delivery, secret: str) -> None:
    name = "Heroku-Webhook-Hmac-SHA256"
    right = base64.b64encode(hmac.new(secret.encode(), delivery.body, hashlib.sha256).digest()).decode()
    agree(signature(delivery, name), right, name)


def netlify(delivery: Delivery, secret: str) -> None:
    """A JWS (HS256, whatever its header says) that holds the hash of the body."""
    name = "X-Webhook-Signature"
    signed, _, given = signature(delivery, name).rpartition(".")
    right = base64.urlsafe_b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).rstrip(b"=")
    agree(given.rstrip("="), right.decode(), name)
    try:
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        hashed = str(claims["sha256"])
    except (ValueError, KeyError, TypeError):
        raise Untrusted(f"the signature in `{name}` names no hash of the body") from None
    agree(hashed, hashlib.sha256(delivery.body).hexdigest(), name)


def shown(check: Check, how: str) -> Scheme:
    return Scheme(check=check, how=how, early=True, kept_as_hash=True)


def signed(check: Check, how: str) -> Scheme:
    return Scheme(check=check, how=how)


SCHEMES: Mapping[str, Scheme] = {
    "bearer": shown(bearer, "the secret in `Authorization: Bearer …`"),
    "basic": shown(basic, "user:password, the secret, in `Authorization: Basic …`"),
    "url": shown(url, "the secret in the URL: /hooks/NAME/SECRET or /hooks/NAME?token=SECRET"),
    "verbatim": shown(verbatim, "the secret as the whole of `Authorization`, as Unleash does"),
    "honeycomb": shown(token_in("X-Honeycomb-Webhook-Token"), "the secret in `X-Honeycomb-Webhook-Token`"),
    "gitlab": signed(gitlab, "the secret in `X-Gitlab-Token`, or a signature in `webhook-signature`"),
    "github": signed(github, "a signature in `X-Hub-Signature-256`"),
    "sentry": signed(hex_of("Sentry-Hook-Signature"), "a signature in `Sentry-Hook-Signature`"),
    "pagerduty": signed(listed("X-PagerDuty-Signature", "v1"), "a signature in `X-PagerDuty-Signature`"),
    "pagerduty_events": Scheme(
        check=routing_key, how="the secret as `routing_key`, in the body or in `X-Routing-Key`", kept_as_hash=True
    ),
    "circleci": signed(listed("circleci-signature", "v1"), "a signature in `circleci-signature`"),
    "launchdarkly": signed(hex_of("X-LD-Signature"), "a signature in `X-LD-Signature`"),
    "flagsmith": signed(hex_of("X-Flagsmith-Signature"), "a signature in `X-Flagsmith-Signature`"),
    "flipt": signed(hex_of("X-Flipt-Webhook-Signature"), "a signature in `X-Flipt-Webhook-Signature`"),
    "checkly": signed(hex_of("x-checkly-signature"), "a signature in `x-checkly-signature`"),
    "instatus": signed(hex_of("x-instatus-webhook-signature"), "a signature in `x-instatus-webhook-signature`"),
    "flux": signed(flux, "a signature in `X-Signature`, as the provider generic-hmac sends it"),
    "buildkite": signed(buildkite, "a signature in `X-Buildkite-Signature`, or the secret in `X-Buildkite-Token`"),
    "grafana": signed(grafana, "a signature in `X-Grafana-Alerting-Signature`"),
    "vercel": signed(hex_of("x-vercel-signature", "sha1"), "a signature in `x-vercel-signature`"),
    "standard": signed(standard, "`webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks)"),
    "heroku": signed(heroku, "a signature in `Heroku-Webhook-Hmac-SHA256`"),
    "netlify": signed(netlify, "a signature in `X-Webhook-Signature`"),
}
