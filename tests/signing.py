"""How senders sign, written anew from their documentation: the bot's own code is what is tested."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime

Signer = Callable[[bytes, str, datetime], dict[str, str]]


def mac(secret: str, data: bytes, how: str = "sha256") -> str:
    return hmac.new(secret.encode(), data, how).hexdigest()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def plain(name: str, prefix: str = "", how: str = "sha256") -> Signer:
    return lambda body, secret, now: {name: prefix + mac(secret, body, how)}


def shown(name: str, before: str = "") -> Signer:
    return lambda body, secret, now: {name: before + secret}


def basic(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def buildkite(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    at = str(int(now.timestamp()))
    return {"x-buildkite-signature": f"timestamp={at},signature={mac(secret, at.encode() + b'.' + body)}"}


def grafana(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    at = str(int(now.timestamp()))
    signed = mac(secret, at.encode() + b":" + body)
    return {"x-grafana-alerting-signature": signed, "x-grafana-alerting-timestamp": at}


def standard(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    at = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.new(key, b"msg_1." + at.encode() + b"." + body, hashlib.sha256).digest()
    given = f"v1,bm90IHRoaXM= v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": given}


def heroku(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    signed = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"heroku-webhook-hmac-sha256": base64.b64encode(signed).decode()}


def netlify(body: bytes, secret: str, now: datetime) -> dict[str, str]:
    claims = {"iss": "netlify", "sha256": hashlib.sha256(body).hexdigest()}
    signed = f"{b64(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{b64(json.dumps(claims).encode())}"
    return {"x-webhook-signature": f"{signed}.{b64(hmac.new(secret.encode(), signed.encode(), 'sha256').digest())}"}


SIGNERS: Mapping[str, Signer] = {
    "bearer": shown("authorization", "Bearer "),
    "basic": basic,
    "url": shown("authorization", "Bearer "),
    "verbatim": shown("authorization"),
    "honeycomb": shown("x-honeycomb-webhook-token"),
    "gitlab": shown("x-gitlab-token"),
    "github": plain("x-hub-signature-256", "sha256="),
    "sentry": plain("sentry-hook-signature"),
    "pagerduty": plain("x-pagerduty-signature", "v1=00,v1="),
    "pagerduty_events": shown("x-routing-key"),
    "circleci": plain("circleci-signature", "v2=00,v1="),
    "launchdarkly": plain("x-ld-signature"),
    "flagsmith": plain("x-flagsmith-signature"),
    "flipt": plain("x-flipt-webhook-signature"),
    "checkly": plain("x-checkly-signature"),
    "instatus": plain("x-instatus-webhook-signature"),
    "flux": plain("x-signature", "sha512=", "sha512"),
    "buildkite": buildkite,
    "grafana": grafana,
    "vercel": plain("x-vercel-signature", how="sha1"),
    "standard": standard,
    "heroku": heroku,
    "netlify": netlify,
}

# These show the secret itself: there is nothing in them that a changed body could break.
SHOWN = frozenset({"bearer", "basic", "url", "verbatim", "honeycomb", "gitlab", "pagerduty_events"})
TIMED = frozenset({"buildkite", "grafana", "standard"})
